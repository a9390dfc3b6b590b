package native

import (
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/api/wire"
)

// Replied takes a reply from the service.
func (c *conn) Replied(token uint64, from core.Reply) {
	reply := c.encode(token, from)
	if reply.Leader != 0 {
		reply.API = c.server.config.APIAddr(reply.Leader)
	}
	c.reply(&reply)
}

// encode is what a reply becomes, within the limit of its value.
func (c *conn) encode(id uint64, from core.Reply) wire.Reply {
	reply := wire.Reply{ID: id}
	reply.SetResult(from)
	if n, limit := len(reply.Value), c.server.config.MaxReplyBytes; n > limit {
		reply.Outcome, reply.Value = wire.OutcomeReplyTooLarge, nil
		reply.Message = fmt.Sprintf("%d bytes, limit %d", n, limit)
	}
	return reply
}

// reply queues a reply to be written.
func (c *conn) reply(r *wire.Reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase >= parted {
		return
	}
	c.out = r.AppendFrame(c.out)
	c.encoded++
	if len(c.out) > c.server.config.MaxPendingBytes {
		c.endLocked(errBacklog) // a write under way ends within StallTimeout
		return
	}
	c.work.Signal()
}

// write writes what gathers in out, up to the last word or the end of the connection.
func (c *conn) write() {
	var buf []byte
	for last := false; !last; {
		var replies int
		buf, replies, last = c.collect(buf)
		if buf == nil || !c.limit(ended, c.link.SetWriteDeadline, c.server.config.StallTimeout) {
			return
		}
		if _, err := c.link.Write(buf); err != nil {
			c.end(fmt.Errorf("write replies: %w", err))
			return
		}
		c.wrote(replies)
	}
	c.part()
}

// collect waits for replies and takes them; spare becomes the buffer of the next. It returns nil
// when the connection has ended, and reports whether the last word is among them.
func (c *conn) collect(spare []byte) (buf []byte, replies int, last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.phase < ended && len(c.out) == 0 && !(c.phase == draining && c.inFlight == 0) {
		c.work.Wait()
	}
	if c.phase == ended {
		return nil, 0, false
	}
	if c.phase == draining && c.inFlight == c.encoded {
		c.out, last = c.lastWord.AppendFrame(c.out), true
		c.enterLocked(parted)
	}
	if cap(spare) > keptBytes {
		spare = nil
	}
	buf, replies = c.out, c.encoded
	c.out, c.encoded = spare[:0], 0
	return buf, replies, last
}

// wrote counts replies as written.
func (c *conn) wrote(replies int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inFlight -= replies
	c.room.Signal()
}

// part ends the sending side, and gives the client some time to do the same. To close with unread
// requests would reset the connection, and could take the last word away before it was read.
func (c *conn) part() {
	if half, ok := c.link.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	c.limit(ended, c.link.SetReadDeadline, linger)
}
