// Package front connects clients in other processes with systems that are libraries and bring no
// server: requests of all clients of a process go over one connection, as they come, and replies
// come back in the same order. Whatever waits to be written is written at once.
//
//	request  kind (1) | key's length (1) | value's length (4) | key | value
//	reply    whether it failed (1) | length (4) | what was read, or the text of an error
//
// A connection begins with one byte of the server's: whether its replica leads.
package front

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"sync"

	"example.org/compare/system"
)

const (
	kindPut = 1
	kindGet = 2 // without a value
	kindAll = 3 // the value is a batch, without a key

	failed = 1 // of a reply

	headBytes      = 6
	replyHeadBytes = 5
	// maxValue and maxError bound what is read from the other side.
	maxValue = 1 << 20
	maxError = 4 << 10
	// maxInFlight bounds the requests of a connection that are not answered.
	maxInFlight = 16384
	bufferBytes = 256 << 10
)

// ErrProtocol is returned for what the other side should not have said.
var ErrProtocol = errors.New("front: protocol violated")

// Server serves clients of a replica.
type Server struct {
	node     system.Node
	listener net.Listener
	running  sync.WaitGroup

	mu     sync.Mutex
	conns  []net.Conn
	closed bool
}

// Serve starts to serve.
func Serve(n system.Node, listen string) (system.Server, error) {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, err
	}
	s := &Server{node: n, listener: listener}
	s.running.Go(s.accept) // ends with Close
	return s, nil
}

// Addr is where clients find it.
func (s *Server) Addr() string { return s.listener.Addr().String() }

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.closed {
			_ = conn.Close() // nobody uses it
		} else {
			s.conns = append(s.conns, conn)
			s.running.Go(func() { s.serve(conn) })
		}
		s.mu.Unlock()
	}
}

// serve reads requests; another goroutine waits for their outcomes and writes replies.
func (s *Server) serve(conn net.Conn) {
	defer conn.Close()
	leads := []byte{0}
	if s.node.Leads() {
		leads[0] = 1
	}
	if _, err := conn.Write(leads); err != nil {
		return
	}
	asked := make(chan system.Future, maxInFlight)
	var replying sync.WaitGroup
	replying.Go(func() { reply(conn, asked) }) // ends when asked is closed
	r := bufio.NewReaderSize(conn, bufferBytes)
	for {
		f, err := s.take(r)
		if err != nil {
			break
		}
		asked <- f
	}
	close(asked)
	replying.Wait()
}

// take reads a request and submits it.
func (s *Server) take(r *bufio.Reader) (system.Future, error) {
	var head [headBytes]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	kind, keys, values := head[0], int(head[1]), int(binary.LittleEndian.Uint32(head[2:]))
	if values > maxValue {
		return nil, fmt.Errorf("%w: value of %d bytes", ErrProtocol, values)
	}
	buf := make([]byte, keys+values)
	if _, err := io.ReadFull(r, buf); err != nil {
		return nil, err
	}
	switch kind {
	case kindPut:
		return s.node.Put(string(buf[:keys]), buf[keys:]), nil
	case kindGet:
		return s.node.Get(string(buf[:keys])), nil
	case kindAll:
		return s.node.PutAll(buf[keys:]), nil
	}
	return nil, fmt.Errorf("%w: kind %d", ErrProtocol, kind)
}

// reply waits for outcomes in their order. What has been told leaves at once, whatever is waited for
// next: another goroutine writes all that there is, again and again.
func reply(conn net.Conn, asked chan system.Future) {
	o := outbox{conn: conn, wake: make(chan struct{}, 1)}
	var writing sync.WaitGroup
	writing.Go(o.write) // ends when wake is closed
	for f := range asked {
		outcome, found, err := byte(0), []byte(nil), error(nil)
		if read, ok := f.(system.Read); ok {
			found, err = read.Value()
		} else {
			err = f.Wait()
		}
		if err != nil {
			outcome, found = failed, []byte(err.Error())
			found = found[:min(len(found), maxError)]
		}
		o.add(func(buf []byte) []byte {
			buf = binary.LittleEndian.AppendUint32(append(buf, outcome), uint32(len(found)))
			return append(buf, found...)
		})
	}
	close(o.wake)
	writing.Wait()
}

// outbox is what waits to be written to a connection.
type outbox struct {
	conn net.Conn
	wake chan struct{}

	mu  sync.Mutex
	buf []byte
}

func (o *outbox) add(more func([]byte) []byte) {
	o.mu.Lock()
	o.buf = more(o.buf)
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// write writes all that waits until wake is closed. A connection that fails it closes, so that who
// reads from it hears of it.
func (o *outbox) write() {
	var buf []byte
	for open := true; open; {
		_, open = <-o.wake
		runtime.Gosched() // what is ready by now goes with it
		o.mu.Lock()
		buf, o.buf = o.buf, buf[:0]
		o.mu.Unlock()
		if _, err := o.conn.Write(buf); err != nil {
			_ = o.conn.Close()
		}
	}
}

// Close ends everything, but for the replica.
func (s *Server) Close() error {
	err := s.listener.Close()
	s.mu.Lock()
	s.closed = true
	for _, conn := range s.conns {
		_ = conn.Close() // it may have been closed by its reader
	}
	s.mu.Unlock()
	s.running.Wait()
	return err
}

// Client is a connection to the replica that leads.
type Client struct {
	conn    net.Conn
	running sync.WaitGroup

	out outbox

	mu      sync.Mutex // of requests in their order
	waiting chan *call
	closed  bool
}

// call is a Future. Calls are used again, and the memory for what they read.
type call struct {
	settled chan error
	found   []byte
}

var calls = sync.Pool{New: func() any { return &call{settled: make(chan error, 1)} }}

// Wait implements system.Future.
func (c *call) Wait() error {
	err := <-c.settled
	calls.Put(c)
	return err
}

// Value implements system.Read.
func (c *call) Value() ([]byte, error) {
	err := <-c.settled
	found := bytes.Clone(c.found)
	calls.Put(c)
	return found, err
}

// Dial connects with the first that leads.
func Dial(addresses []string) (system.Target, error) {
	for _, address := range addresses {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return nil, err
		}
		var leads [1]byte
		if _, err := io.ReadFull(conn, leads[:]); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		if leads[0] == 1 {
			c := &Client{
				conn: conn, waiting: make(chan *call, maxInFlight),
				out: outbox{conn: conn, wake: make(chan struct{}, 1)},
			}
			c.running.Go(c.out.write) // these end with Close
			c.running.Go(c.read)
			return c, nil
		}
		if err := conn.Close(); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("front: nobody leads")
}

// Put implements system.Target.
func (c *Client) Put(key string, value []byte) system.Future { return c.ask(kindPut, key, value) }

// PutAll implements system.Target.
func (c *Client) PutAll(b system.Batch) system.Future { return c.ask(kindAll, "", b) }

// Get implements system.Target.
func (c *Client) Get(key string) system.Future { return c.ask(kindGet, key, nil) }

func (c *Client) ask(kind byte, key string, value []byte) system.Future {
	f := calls.Get().(*call)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		f.settled <- net.ErrClosed
		return f
	}
	c.waiting <- f
	c.out.add(func(buf []byte) []byte {
		buf = append(buf, kind, byte(len(key)))
		buf = binary.LittleEndian.AppendUint32(buf, uint32(len(value)))
		return append(append(buf, key...), value...)
	})
	return f
}

// read tells the outcomes.
func (c *Client) read() {
	r := bufio.NewReaderSize(c.conn, bufferBytes)
	var err error
	for err == nil {
		if _, err = r.Peek(1); err == nil {
			err = (<-c.waiting).read(r)
		}
	}
	c.mu.Lock()
	c.closed = true
	close(c.out.wake)
	close(c.waiting)
	c.mu.Unlock()
	for f := range c.waiting {
		f.settled <- err
	}
}

// read takes a reply and tells the outcome. It returns an error, which is the outcome then, if the
// connection is of no more use.
func (c *call) read(r *bufio.Reader) error {
	outcome, err := c.take(r)
	if err == nil && outcome == failed {
		c.settled <- errors.New(string(c.found))
	} else {
		c.settled <- err
	}
	return err
}

func (c *call) take(r *bufio.Reader) (outcome byte, err error) {
	var head [replyHeadBytes]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, err
	}
	outcome, n := head[0], binary.LittleEndian.Uint32(head[1:])
	if n > maxValue || outcome == failed && n > maxError {
		return 0, fmt.Errorf("%w: reply of %d bytes", ErrProtocol, n)
	}
	c.found = slices.Grow(c.found[:0], int(n))[:n]
	_, err = io.ReadFull(r, c.found)
	return outcome, err
}

// Close implements system.Target.
func (c *Client) Close() error {
	err := c.conn.Close()
	c.running.Wait()
	return err
}
