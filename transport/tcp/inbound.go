package tcp

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/codec"
)

// inbound is an accepted connection. Its node is zero until the handshake is done.
type inbound struct {
	conn        net.Conn
	node        core.NodeID
	incarnation uint64
	done        chan struct{} // closed when nothing more will be delivered
}

// maxAcceptPause bounds the pause after an error of Accept, such as too many open files.
const maxAcceptPause = time.Second

// accept serves connections until the listener is closed.
func (t *Transport) accept() {
	defer t.running.Done()
	pause := time.Duration(0)
	for {
		conn, err := t.listener.Accept()
		if t.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			if err == nil {
				_ = conn.Close() // it came too late
			}
			return
		}
		if err != nil {
			pause = min(max(2*pause, 5*time.Millisecond), maxAcceptPause)
			t.complain("accept", "", err)
			select {
			case <-t.ctx.Done():
			case <-time.After(pause):
			}
			continue
		}
		pause = 0
		if in := t.admit(conn); in != nil {
			t.running.Add(1)
			go t.serve(in) // ended by closing conn
		}
	}
}

// admit counts a connection in, or closes it when there are too many.
func (t *Transport) admit(conn net.Conn) *inbound {
	t.mu.Lock()
	full := t.pending >= t.config.MaxPending || len(t.inbound) >= t.config.MaxInbound
	in := &inbound{conn: conn, done: make(chan struct{})}
	if !full && !t.closed {
		t.inbound[in] = struct{}{}
		t.conns[conn] = struct{}{}
		t.pending++
		t.mu.Unlock()
		return in
	}
	t.mu.Unlock()
	_ = conn.Close() // nothing was said on it
	t.complain("accept", host(conn), errors.New("too many connections"))
	return nil
}

// serve shakes hands and reads until something fails.
func (t *Transport) serve(in *inbound) {
	defer t.running.Done()
	defer func() {
		t.release(in.conn)
		close(in.done)
		t.mu.Lock()
		delete(t.inbound, in)
		t.mu.Unlock()
	}()
	h, err := t.welcome(in)
	t.mu.Lock()
	t.pending--
	t.mu.Unlock()
	if err == nil {
		t.supersede(in, h)
		err = t.receive(in)
	}
	var refused *refusedError
	switch {
	case err == nil, err == io.EOF, t.ctx.Err() != nil:
	case errors.As(err, &refused):
		t.complain("peer refused: "+refused.status.String(), host(in.conn), err)
	default:
		t.complain("connection ended", host(in.conn), err)
	}
}

// welcome answers a hello.
func (t *Transport) welcome(in *inbound) (hello, error) {
	if err := in.conn.SetDeadline(time.Now().Add(t.config.HandshakeTimeout)); err != nil {
		return hello{}, err
	}
	h, err := readHello(in.conn)
	if err != nil {
		return hello{}, fmt.Errorf("handshake: %w", err)
	}
	s := t.judge(h)
	if s == accepted && t.config.Verify != nil {
		if err = t.config.Verify(in.conn, h.from); err != nil {
			s = notVerified
		}
	}
	reply := answer{
		version: version, status: s, cluster: t.config.Cluster, node: t.config.Node,
		incarnation: t.incarnation,
	}.write(in.conn)
	if s != accepted {
		refused := &refusedError{status: s, node: h.from, cluster: h.cluster, version: h.version}
		return h, errors.Join(refused, err)
	}
	return h, reply
}

// supersede ends the connections of the node's earlier incarnations, and wakes those who wait to
// send to it.
func (t *Transport) supersede(in *inbound, h hello) {
	var old []*inbound
	t.mu.Lock()
	in.node, in.incarnation = h.from, h.incarnation
	for o := range t.inbound {
		if o.node == h.from && o.incarnation != h.incarnation {
			_ = o.conn.Close() // nobody is there
			old = append(old, o)
		}
	}
	for key, p := range t.peers {
		if key.node == h.from {
			select {
			case p.kick <- struct{}{}:
			default:
			}
		}
	}
	t.mu.Unlock()
	for _, o := range old {
		<-o.done
	}
}

// receive delivers messages until the connection ends.
func (t *Transport) receive(in *inbound) error {
	reader := codec.NewReader(in.conn, t.config.Limits)
	var msgs []core.Message
	for {
		err := in.conn.SetReadDeadline(time.Now().Add(t.config.IdleTimeout))
		if err != nil {
			return err
		}
		if msgs, err = reader.Next(msgs[:0]); err != nil {
			return err
		}
		if len(msgs) == 0 {
			if err := t.signal(in.conn); err != nil {
				return err
			}
			continue
		}
		for i := range msgs {
			if m := &msgs[i]; m.From != in.node || m.To != t.config.Node {
				return fmt.Errorf("node %d sent a message from %d to %d", in.node, m.From, m.To)
			}
		}
		n := t.inbox.Deliver(msgs)
		t.counters.delivered.Add(uint64(n))
		t.counters.refused.Add(uint64(len(msgs) - n))
		clear(msgs)
		if cap(msgs) > maxSpare {
			msgs = nil
		}
	}
}

// signal gives a sign of life.
func (t *Transport) signal(conn net.Conn) error {
	if err := conn.SetWriteDeadline(time.Now().Add(t.config.WriteTimeout)); err != nil {
		return err
	}
	_, err := conn.Write([]byte{1})
	return err
}

// complain logs what a stranger may cause, once in a while for each host. The text of err is not
// part of what is counted: it may hold the port, which changes each time.
func (t *Transport) complain(what, who string, err error) {
	if t.refusals.allow(what + who) {
		t.config.Logger.Warn(what, "remote", who, "error", err)
	}
}

func host(conn net.Conn) string {
	addr := conn.RemoteAddr().String()
	if h, _, err := net.SplitHostPort(addr); err == nil {
		return h
	}
	return addr
}
