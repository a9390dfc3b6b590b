package link_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"sync"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/link"
)

// This file is a whole transport: a line of JSON for each batch.

const maxLine = 32 << 20

// openLines starts to listen.
func openLines(c link.Config, inbox core.Inbox) (*link.Transport, error) {
	return link.Open(link.Protocol{Name: "lines", Connect: connect, Serve: serve}, c, inbox)
}

// session is a connection that was dialled.
type session struct {
	conn   *link.Conn
	config link.Config
	batch  []core.Message
	size   int
}

func connect(ctx context.Context, t *link.Transport, to link.Target) (link.Session, error) {
	conn, err := t.Dial(ctx, to)
	if err != nil {
		return nil, err
	}
	var a link.Answer
	deadline, _ := ctx.Deadline()
	if err = conn.SetDeadline(deadline); err == nil {
		err = json.NewEncoder(conn).Encode(t.Hello(to.Node))
	}
	if err == nil {
		err = json.NewDecoder(conn).Decode(&a)
	}
	if err == nil {
		err = t.Check(a, to.Node)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return &session{conn: conn, config: t.Config()}, nil
}

func (s *session) Add(m *core.Message) error {
	n, err := s.config.Limits.Check(m)
	if err == nil {
		s.batch, s.size = append(s.batch, *m), s.size+n
	}
	return err
}

func (s *session) Size() int { return s.size }

func (s *session) Flush() error {
	_ = s.conn.SetWriteDeadline(time.Now().Add(s.config.WriteTimeout))
	err := json.NewEncoder(s.conn).Encode(s.batch)
	clear(s.batch)
	s.batch, s.size = s.batch[:0], 0
	return err
}

func (s *session) Watch() error {
	for buf := make([]byte, 16); ; {
		_ = s.conn.SetReadDeadline(time.Now().Add(s.config.IdleTimeout))
		if _, err := s.conn.Read(buf); err != nil {
			return err
		}
	}
}

func (s *session) Close() error { return s.conn.Close() }

func serve(t *link.Transport, l net.Listener) {
	var running sync.WaitGroup
	defer running.Wait()
	for {
		accepted, err := l.Accept()
		if err != nil {
			return
		}
		conn := accepted.(*link.Conn)
		running.Go(func() {
			defer conn.Close()
			if err := receive(t, conn); err != nil {
				conn.Ended(err)
			}
		})
	}
}

func receive(t *link.Transport, conn *link.Conn) error {
	in := bufio.NewScanner(conn)
	in.Buffer(nil, maxLine)
	var h link.Hello
	if !in.Scan() || json.Unmarshal(in.Bytes(), &h) != nil {
		return in.Err()
	}
	a, refused := conn.Welcome(h)
	if err := json.NewEncoder(conn).Encode(a); err != nil || refused != nil {
		return err
	}
	for {
		var msgs []core.Message
		_ = conn.SetReadDeadline(time.Now().Add(t.Config().IdleTimeout))
		if !in.Scan() {
			return in.Err()
		}
		err := json.Unmarshal(in.Bytes(), &msgs)
		if err == nil && len(msgs) == 0 {
			_, err = conn.Write([]byte{'\n'})
		} else if err == nil {
			_, err = conn.Deliver(msgs)
		}
		if err != nil {
			return err
		}
	}
}
