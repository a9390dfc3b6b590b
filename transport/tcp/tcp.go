package tcp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/codec"
	"github.com/tidelock-raft/tidelock/transport/link"
)

// Config says who a node is and what bounds its network.
type Config = link.Config

// Transport is a core.Transport over TCP.
type Transport = link.Transport

// Open starts to listen. The inbox may be called before Open returns.
func Open(c Config, inbox core.Inbox) (*Transport, error) {
	return link.Open(link.Protocol{Name: "tcp", Connect: connect, Serve: serve}, c, inbox)
}

// session is a connection that was dialled.
type session struct {
	conn   *link.Conn
	config link.Config
	batch  *codec.Batch
	buffer *bufio.Writer // for TLS, which would make a record of each element of a writev; else nil
}

// connect dials and shakes hands.
func connect(ctx context.Context, t *Transport, to link.Target) (link.Session, error) {
	conn, err := t.Dial(ctx, to)
	if err != nil {
		return nil, err
	}
	if err := greet(ctx, t, conn, to.Node); err != nil {
		_ = conn.Close() // it is of no use
		return nil, fmt.Errorf("handshake: %w", err)
	}
	s := &session{conn: conn, config: t.Config(), batch: codec.NewBatch(t.Config().Limits)}
	if t.Config().TLS.Enabled() {
		s.buffer = bufio.NewWriterSize(conn.Conn, recordsBytes)
	}
	return s, nil
}

// recordsBytes is what is gathered for TLS, which cuts it into records of 16 KiB.
const recordsBytes = 64 << 10

func greet(ctx context.Context, t *Transport, conn *link.Conn, to core.NodeID) error {
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	if err := writeHello(conn, t.Hello(to)); err != nil {
		return err
	}
	theirs, err := readAnswer(conn)
	if err != nil {
		return err
	}
	return t.Check(theirs, to)
}

// Add implements link.Session.
func (s *session) Add(m *core.Message) error { return s.batch.Add(m) }

// Size implements link.Session.
func (s *session) Size() int { return s.batch.Size() }

// Flush implements link.Session. A sign of life is an empty frame.
func (s *session) Flush() error {
	defer s.batch.Reset()
	if s.batch.Size() == 0 {
		s.batch.AddEmpty()
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.config.WriteTimeout)); err != nil {
		return err
	}
	if err := s.write(); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

func (s *session) write() error {
	if s.buffer == nil {
		_, err := s.batch.WriteTo(s.conn.Conn) // not conn, which would hide writev
		return err
	}
	_, err := s.batch.WriteTo(s.buffer)
	return errors.Join(err, s.buffer.Flush())
}

// Watch implements link.Session: it reads the other side's signs of life until there are none.
func (s *session) Watch() error {
	buf := make([]byte, 16)
	for {
		if err := s.conn.SetReadDeadline(time.Now().Add(s.config.IdleTimeout)); err != nil {
			return err
		}
		if _, err := s.conn.Read(buf); err != nil {
			return fmt.Errorf("wait for a sign of life: %w", err)
		}
	}
}

// Close implements link.Session.
func (s *session) Close() error { return s.conn.Close() }

// serve serves connections until the listener is closed.
func serve(t *Transport, l net.Listener) {
	var running sync.WaitGroup
	defer running.Wait()
	for {
		accepted, err := l.Accept()
		if err != nil {
			return
		}
		conn := accepted.(*link.Conn)
		running.Go(func() { // ended by closing conn
			defer conn.Close()
			if err := receive(t, conn); err != nil && err != io.EOF {
				conn.Ended(err)
			}
		})
	}
}

// receive shakes hands, and delivers messages until the connection ends. A refusal was logged
// already, and is no error.
func receive(t *Transport, conn *link.Conn) error {
	h, err := readHello(conn)
	if err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	c := t.Config()
	if err := conn.SetWriteDeadline(time.Now().Add(c.HandshakeTimeout)); err != nil {
		return err
	}
	a, refused := conn.Welcome(h)
	if err := writeAnswer(conn, a); err != nil || refused != nil {
		return err
	}
	reader := codec.NewReader(conn.Conn, c.Limits)
	var msgs []core.Message
	for {
		if err := conn.SetReadDeadline(time.Now().Add(c.IdleTimeout)); err != nil {
			return err
		}
		if msgs, err = reader.Next(msgs[:0]); err != nil {
			return err
		}
		if len(msgs) == 0 {
			err = signal(conn, c.WriteTimeout)
		} else {
			_, err = conn.Deliver(msgs)
		}
		if err != nil {
			return err
		}
		if clear(msgs); cap(msgs) > maxSpare {
			msgs = nil
		}
	}
}

// maxSpare is the longest slice of messages that is kept for reuse.
const maxSpare = 4096

// signal gives a sign of life.
func signal(conn net.Conn, timeout time.Duration) error {
	if err := conn.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	_, err := conn.Write([]byte{1})
	return err
}
