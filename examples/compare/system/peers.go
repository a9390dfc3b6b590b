package system

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// maxFrame bounds a message between replicas, in bytes.
const maxFrame = 64 << 20

// peers is the transport of etcd-io/raft, which brings none: a connection to each of the others,
// on which a goroutine writes all messages that wait and then flushes.
type peers struct {
	listener net.Listener
	out      map[uint64]*queue[*pb.Message]
	stop     chan struct{}
	running  sync.WaitGroup

	mu     sync.Mutex
	conns  []net.Conn
	closed bool
}

func listenPeers(c Config, deliver func(*pb.Message)) (*peers, error) {
	listener, err := net.Listen("tcp", c.Peers[c.ID-1])
	if err != nil {
		return nil, err
	}
	p := &peers{
		listener: listener, out: make(map[uint64]*queue[*pb.Message]), stop: make(chan struct{}),
	}
	p.running.Go(func() { // these end with Close
		for {
			conn, err := listener.Accept()
			if err != nil || !p.keep(conn) {
				return
			}
			p.running.Go(func() { receive(conn, deliver) })
		}
	})
	for i, address := range c.Peers {
		if i+1 == c.ID {
			continue
		}
		q := new(queue[*pb.Message])
		q.init()
		p.out[uint64(i+1)] = q
		p.running.Go(func() { p.write(address, q) })
	}
	return p, nil
}

// keep has a connection closed by Close.
func (p *peers) keep(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = conn.Close() // nobody uses it
		return false
	}
	p.conns = append(p.conns, conn)
	return true
}

func (p *peers) send(m *pb.Message) {
	if q := p.out[m.GetTo()]; q != nil {
		q.add(m)
	}
}

// write keeps up a connection, and writes to it what waits.
func (p *peers) write(address string, q *queue[*pb.Message]) {
	for {
		if conn, err := net.Dial("tcp", address); err == nil && p.keep(conn) {
			_ = p.pump(conn, q) // dial again
		}
		select {
		case <-p.stop:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (p *peers) pump(conn net.Conn, q *queue[*pb.Message]) error {
	w := bufio.NewWriterSize(conn, 1<<20)
	var batch []*pb.Message
	var buf []byte
	for q.wait(p.stop) {
		batch = q.take(batch)
		for _, m := range batch {
			var err error
			buf, err = proto.MarshalOptions{}.MarshalAppend(append(buf[:0], 0, 0, 0, 0), m)
			if err != nil {
				return err
			}
			binary.LittleEndian.PutUint32(buf, uint32(len(buf)-4))
			if _, err := w.Write(buf); err != nil {
				return err
			}
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}

func receive(conn net.Conn, deliver func(*pb.Message)) {
	r := bufio.NewReaderSize(conn, 1<<20)
	var head [4]byte
	for {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return
		}
		n := binary.LittleEndian.Uint32(head[:])
		if n > maxFrame {
			return
		}
		buf := make([]byte, n)
		if _, err := io.ReadFull(r, buf); err != nil {
			return
		}
		m := new(pb.Message)
		if err := proto.Unmarshal(buf, m); err != nil {
			return
		}
		deliver(m)
	}
}

// Close ends everything.
func (p *peers) Close() error {
	close(p.stop)
	err := p.listener.Close()
	p.mu.Lock()
	p.closed = true
	for _, conn := range p.conns {
		if closing := conn.Close(); !errors.Is(closing, net.ErrClosed) {
			err = errors.Join(err, closing)
		}
	}
	p.mu.Unlock()
	p.running.Wait()
	return err
}
