package transporttest

import (
	"errors"
	"io"
	"net"
	"sync"

	"github.com/tidelock-raft/tidelock/core"
)

// Relay passes TCP connections on to an address, until it is frozen: then it keeps them open and
// passes on nothing, as a network does that has swallowed a host.
type Relay struct {
	listener net.Listener
	to       core.Addr
	running  sync.WaitGroup

	mu     sync.Mutex
	thawed chan struct{} // closed unless frozen
	conns  []net.Conn
	closed bool
}

// NewRelay starts to pass connections on.
func NewRelay(to core.Addr) (*Relay, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &Relay{listener: listener, to: to, thawed: make(chan struct{})}
	close(r.thawed)
	r.running.Go(r.accept) // ended by Close, as those that it starts
	return r, nil
}

// Addr is where the relay listens.
func (r *Relay) Addr() core.Addr { return core.Addr(r.listener.Addr().String()) }

// Freeze holds everything back, until Thaw.
func (r *Relay) Freeze() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.thawed = make(chan struct{})
}

// Thaw passes everything on that was held back.
func (r *Relay) Thaw() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.thaw()
}

func (r *Relay) thaw() {
	select {
	case <-r.thawed:
	default:
		close(r.thawed)
	}
}

// Close ends all connections.
func (r *Relay) Close() error {
	r.mu.Lock()
	r.closed = true
	r.thaw()
	err := r.listener.Close()
	for _, conn := range r.conns {
		err = errors.Join(err, ignoreClosed(conn.Close()))
	}
	r.mu.Unlock()
	r.running.Wait()
	return err
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (r *Relay) accept() {
	for {
		from, err := r.listener.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", string(r.to))
		if err != nil {
			_ = from.Close() // as the other side would
			continue
		}
		r.mu.Lock()
		if r.conns = append(r.conns, from, to); r.closed {
			_, _ = from.Close(), to.Close()
		}
		r.running.Go(func() { r.pass(to, from) })
		r.running.Go(func() { r.pass(from, to) })
		r.mu.Unlock()
	}
}

// pass copies what arrives, and the end.
func (r *Relay) pass(to, from net.Conn) {
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		r.mu.Lock()
		thawed := r.thawed
		r.mu.Unlock()
		<-thawed
		if _, failed := to.Write(buf[:n]); failed != nil || err != nil {
			_, _ = io.Copy(io.Discard, from) // until it is closed as well
			return
		}
	}
}
