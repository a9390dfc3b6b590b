package native

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/api/wire"
)

const (
	// maxBatch is how many requests are submitted together at most.
	maxBatch = 512
	// sharedBytes is how large a request's data may be to share a block with its batch's; larger
	// data gets a block of its own, so that keeping it does not keep the others.
	sharedBytes = 4 << 10
	// keptBytes is how large a buffer for replies may be to be used again.
	keptBytes = 1 << 20
	// linger is how long a server waits for a client to hang up after the last word.
	linger = time.Second
)

var (
	errGrace   = errors.New("grace period is over")
	errBacklog = errors.New("client does not read its replies")
)

// phase is how far a connection is in its life. It only grows.
type phase uint8

const (
	greeting phase = iota // the client is not welcome yet
	open                  // requests are carried out
	draining              // requests are answered OutcomeClosed
	parted                // the last word is said; requests are ignored
	ended                 // nothing is read or written any more
)

// conn is one connection. It is the core.Caller of its requests; the token is the client's id.
//
// Invariants, under mu:
//  1. inFlight is how many requests were read whose replies were not written; encoded of them are
//     in out. encoded ≤ inFlight ≤ MaxInFlight.
//  2. out holds whole frames, at most MaxPendingBytes of them.
//  3. cause is set once phase is ended.
type conn struct {
	server *Server
	link   net.Conn

	// These are the reader's.
	frames  *wire.Reader
	timed   bool // a deadline is set
	batch   []core.Request
	answers []wire.Reply
	status  *core.Reply // to all who asked for it together; nil: nobody has yet

	mu       sync.Mutex
	work     sync.Cond // for the writer: out has grown, or phase or inFlight has changed
	room     sync.Cond // for the reader: inFlight has shrunk, or phase has changed
	phase    phase
	inFlight int
	encoded  int
	out      []byte
	lastWord wire.Reply
	cause    error
}

func newConn(s *Server, link net.Conn) *conn {
	c := &conn{server: s, link: link}
	c.work.L, c.room.L = &c.mu, &c.mu
	c.lastWord = wire.Reply{Outcome: wire.OutcomeClosed}
	c.frames = wire.NewReader(c, s.config.MaxRequestBytes+wire.MaxHeadBytes)
	return c
}

// serve runs the connection to its end.
func (c *conn) serve() {
	defer c.server.forget(c)
	err := c.greet()
	if err == nil {
		var writer sync.WaitGroup
		writer.Go(c.write) // ends after the last word, or when the connection ends
		if err = c.read(); errors.Is(err, wire.ErrMalformed) {
			c.reproach(err)
			writer.Wait()
			_, _ = io.Copy(io.Discard, c.link) // see part
		}
		c.end(err)
		writer.Wait()
	}
	c.end(err)
	if errors.Is(c.cause, wire.ErrMalformed) || errors.Is(c.cause, errBacklog) {
		c.server.config.Logger.Warn("client dropped", "from", c.link.RemoteAddr(), "err", c.cause)
	}
	_ = c.link.Close()
}

// greet does the handshake.
func (c *conn) greet() error {
	c.limit(ended, c.link.SetDeadline, c.server.config.HandshakeTimeout)
	var buf [wire.HelloBytes]byte
	if _, err := io.ReadFull(c.link, buf[:]); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	hello, err := wire.DecodeHello(buf[:])
	if err != nil {
		return err
	}
	welcome := c.server.welcome
	switch {
	case hello.Version != wire.Version:
		welcome.Refusal = wire.RefusedVersion
	case hello.Cluster != 0 && hello.Cluster != welcome.Cluster:
		welcome.Refusal = wire.RefusedCluster
	}
	if welcome.Refusal == 0 {
		c.enter(open) // before the client can know, so that it is not left without a last word
	}
	if _, err = c.link.Write(welcome.Append(nil)); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	if welcome.Refusal != 0 {
		return fmt.Errorf("refused: %v", welcome.Refusal)
	}
	if !c.limit(ended, c.link.SetDeadline, 0) {
		return core.ErrClosed
	}
	return nil
}

// limit sets a deadline this far from now, or none for zero, before a phase is reached. It reports
// whether the connection goes on. The end of a connection sets deadlines of its own.
func (c *conn) limit(before phase, set func(time.Time) error, d time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase < before {
		var deadline time.Time
		if d > 0 {
			deadline = time.Now().Add(d)
		}
		_ = set(deadline)
	}
	return c.phase < ended
}

// enter moves to a later phase.
func (c *conn) enter(p phase) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.enterLocked(p)
}

// enterLocked moves to a later phase, and reports whether it is one.
func (c *conn) enterLocked(p phase) bool {
	if p <= c.phase {
		return false
	}
	c.phase = p
	c.work.Signal()
	c.room.Signal()
	return true
}

// drain lets the connection end once what is in flight is answered.
func (c *conn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase == greeting {
		c.endLocked(core.ErrClosed)
	}
	c.enterLocked(draining)
}

// reproach drains the connection of a client that broke the protocol, and tells it so.
func (c *conn) reproach(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase < parted {
		c.lastWord = wire.Reply{Outcome: wire.OutcomeInvalid, Message: err.Error()}
		c.enterLocked(draining)
		time.AfterFunc(linger, func() { c.end(err) })
	}
}

// end ends the connection at once: what its goroutines do in the network returns.
func (c *conn) end(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endLocked(cause)
}

func (c *conn) endLocked(cause error) {
	if c.enterLocked(ended) {
		c.cause, c.out = cause, nil
		_ = c.link.SetDeadline(time.Unix(1, 0)) // Close could wait for the client, over TLS
	}
}

// Read reads from the network for the Reader of frames: without limit of time between requests, and
// within StallTimeout inside one.
func (c *conn) Read(p []byte) (int, error) {
	if partial := c.frames.Partial(); partial || c.timed {
		var limit time.Duration
		if c.timed = partial; partial {
			limit = c.server.config.StallTimeout
		}
		c.limit(parted, c.link.SetReadDeadline, limit)
	}
	return c.link.Read(p)
}

// read reads requests and hands them on, until the connection ends.
func (c *conn) read() error {
	for {
		room, err := c.awaitRoom()
		if err == nil {
			err = c.gather(min(room, maxBatch))
		}
		c.carryOut(err)
		if err != nil {
			return err
		}
	}
}

// awaitRoom waits until there is room for requests in flight, and returns for how many.
func (c *conn) awaitRoom() (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.phase < parted && c.inFlight >= c.server.config.MaxInFlight {
		c.room.Wait()
	}
	if c.phase == ended {
		return 0, c.cause
	}
	return max(1, c.server.config.MaxInFlight-c.inFlight), nil
}

// gather waits for a request, and takes it and those that have arrived with it, up to limit: into
// batch what is for the service, into answers what it answers itself.
func (c *conn) gather(limit int) error {
	var request wire.Request
	for n := 0; n < limit && (n == 0 || c.frames.Buffered()); n++ {
		payload, err := c.frames.Next()
		if err == nil {
			err = request.Decode(payload)
		}
		if err != nil {
			return err
		}
		if answer, ok := c.answer(&request); ok {
			c.answers = append(c.answers, answer)
			continue
		}
		c.batch = append(c.batch, core.Request{
			Group: request.Group, Kind: kinds[request.Op], Level: request.Level,
			Local: request.Local, Data: request.Data, Token: request.ID, Caller: c,
			AtLeast: request.AtLeast, MaxStale: request.MaxStale,
		})
	}
	return nil
}

// kinds says what the operations are that the service is asked for.
var kinds = [...]core.RequestKind{
	wire.OpCommand: core.RequestCommand,
	wire.OpQuery:   core.RequestQuery,
	wire.OpResync:  core.RequestResync,

	wire.OpChange:   core.RequestChange,
	wire.OpTransfer: core.RequestTransfer,
	wire.OpSession:  core.RequestSession,
	wire.OpBackup:   core.RequestBackup,
	wire.OpProbe:    core.RequestProbe,
	wire.OpLog:      core.RequestLog,
}

// answer answers a request that is not for the service.
func (c *conn) answer(r *wire.Request) (wire.Reply, bool) {
	switch {
	case r.Op == wire.OpStatus:
		return c.describe(r.ID), true
	case len(r.Data) > c.server.config.MaxRequestBytes:
		return wire.Reply{ID: r.ID, Outcome: wire.OutcomeTooLarge}, true
	case int(r.Op) < len(kinds) && kinds[r.Op] != 0 && (r.Op != wire.OpQuery || r.Level.Valid()):
		return wire.Reply{}, false
	}
	return wire.Reply{ID: r.ID, Outcome: wire.OutcomeInvalid}, true
}

// describe answers with the status, made once for a batch.
func (c *conn) describe(id uint64) wire.Reply {
	if c.status == nil {
		value, err := json.Marshal(c.server.service.Status())
		c.status = &core.Reply{Result: core.Result{Value: value}, Err: err}
	}
	return c.encode(id, *c.status)
}

// carryOut submits the batch and sends the answers. With a connection that ends, or requests that
// came together with damage, nothing is carried out.
func (c *conn) carryOut(damage error) {
	c.mu.Lock()
	phase := c.phase
	if phase < parted {
		c.inFlight += len(c.batch) + len(c.answers)
	}
	c.mu.Unlock()
	if damage != nil || phase > open {
		for i := range c.batch {
			c.reply(&wire.Reply{ID: c.batch[i].Token, Outcome: wire.OutcomeClosed})
		}
	} else if len(c.batch) > 0 {
		own(c.batch)
		c.server.service.Submit(c.batch)
	}
	for i := range c.answers {
		c.reply(&c.answers[i])
	}
	clear(c.batch)
	clear(c.answers)
	c.batch, c.answers, c.status = c.batch[:0], c.answers[:0], nil
}

// own moves the data of the batch from the reader's buffer to memory that is theirs.
func own(batch []core.Request) {
	size := 0
	for i := range batch {
		if n := len(batch[i].Data); n <= sharedBytes {
			size += n
		}
	}
	block := make([]byte, 0, size)
	for i := range batch {
		data := batch[i].Data
		if len(data) > sharedBytes {
			batch[i].Data = append([]byte(nil), data...)
			continue
		}
		start := len(block)
		block = append(block, data...)
		batch[i].Data = block[start:len(block):len(block)]
	}
}
