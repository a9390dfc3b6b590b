// Package native serves clients: the API of a node in Tidelock's own protocol, msgpack over one
// connection that carries many requests at once. It knows nothing of raft; a core.Service answers.
//
// Every connection has two goroutines. One reads: all requests that have arrived together are
// handed to the service as one batch, and share one block of memory. The other writes: replies are
// encoded into a buffer as the service gives them, and all that have gathered go out in one write.
//
// Read next: transport/api/wire for the format, transport/client for the other end.
package native

import (
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/api/wire"
)

// How long a server that cannot accept waits before it tries again, at first and in the end, and
// how often it says so.
const (
	firstPause   = 5 * time.Millisecond
	lastPause    = time.Second
	acceptPeriod = time.Minute
)

// Server serves the clients of one node.
type Server struct {
	config   Config
	service  core.Service
	listener net.Listener
	welcome  wire.Welcome

	closing chan struct{}  // closed by Close
	running sync.WaitGroup // every goroutine of the server

	mu     sync.Mutex
	conns  map[*conn]struct{}
	closed bool
}

// Serve listens and serves until Close. The service's Status says, once, which node and cluster the
// server speaks for.
func Serve(c Config, service core.Service) (*Server, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	listener, err := c.Open("tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("serve native API: %w", err)
	}
	status := service.Status()
	s := &Server{
		config: c, service: service, listener: listener,
		welcome: wire.Welcome{
			Version: wire.Version, Cluster: status.Cluster, Node: status.Node,
			MaxRequestBytes: uint32(c.MaxRequestBytes), Window: uint32(c.MaxInFlight),
		},
		closing: make(chan struct{}),
		conns:   make(map[*conn]struct{}),
	}
	s.running.Go(s.accept) // ends when Close closes the listener
	return s, nil
}

// Addr is where the server listens, host:port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close stops accepting connections and requests, waits for those in flight for up to the grace
// period, tells clients that what is not answered was not carried out, and ends. After it has
// returned no goroutine of the server runs; a reply that the service gives later is dropped. A
// second Close returns core.ErrClosed.
func (s *Server) Close() error {
	conns := s.stop()
	if conns == nil {
		return core.ErrClosed
	}
	err := s.listener.Close()
	for _, c := range conns {
		c.drain()
	}
	hardEnd := time.AfterFunc(s.config.Grace, func() {
		for _, c := range conns {
			c.end(errGrace)
		}
	})
	defer hardEnd.Stop()
	s.running.Wait()
	return err
}

// stop makes sure that no connection is added any more, and returns those there are; nil if it was
// called before.
func (s *Server) stop() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	close(s.closing)
	conns := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	return conns
}

func (s *Server) accept() {
	var pause time.Duration
	var said time.Time
	for {
		link, err := s.listener.Accept()
		if err == nil {
			pause = 0
			s.admit(link)
			continue
		}
		pause = min(max(2*pause, firstPause), lastPause) // such as out of file descriptors
		select {
		case <-s.closing:
			return
		case <-time.After(pause):
		}
		if now := time.Now(); now.Sub(said) >= acceptPeriod {
			said = now
			s.config.Logger.Warn("accept client", "err", err)
		}
	}
}

// admit starts serving a connection, or refuses it.
func (s *Server) admit(link net.Conn) {
	c := newConn(s, link)
	s.mu.Lock()
	full := len(s.conns) >= s.config.MaxConns
	if admitted := !full && !s.closed; admitted {
		s.conns[c] = struct{}{}
		s.running.Go(c.serve) // ends with the connection
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	if full {
		// A new connection's send buffer is empty, so this does not wait; over TLS, nothing has
		// been agreed yet, and the deadline makes it fail at once.
		refusal := s.welcome
		refusal.Refusal = wire.RefusedFull
		_ = link.SetDeadline(time.Now().Add(time.Millisecond))
		_, _ = link.Write(refusal.Append(nil))
	}
	_ = link.Close()
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}
