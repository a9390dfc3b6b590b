package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/tidelock-raft/tidelock/core"
)

// link is one direction between two nodes.
type link struct{ from, to core.NodeID }

// rule is what becomes of bytes on a link. The zero value lets them pass.
type rule struct {
	cut   bool          // nothing passes; it is kept, as TCP would, until the link is healed
	reset bool          // with cut: connections on which from dials to are closed, new ones too
	delay time.Duration // of each piece
}

// network is the proxies before all nodes. The address of a node, as the others know it, is its
// proxy's.
type network struct {
	mu      sync.Mutex
	rules   map[link]rule
	changed chan struct{} // closed when rules are others
	pipes   map[*pipe]struct{}
	proxies []*proxy
	reset   int // connections that were closed by a rule
}

// proxy accepts connections for a node.
type proxy struct {
	network  *network
	id       core.NodeID
	target   string // where the node listens
	listener net.Listener
}

// pipe is a connection through a proxy.
type pipe struct {
	link  link // who dialled whom
	conns [2]net.Conn
	done  chan struct{}
	once  sync.Once
}

func newNetwork() *network {
	return &network{
		rules: map[link]rule{}, changed: make(chan struct{}), pipes: map[*pipe]struct{}{},
	}
}

// open makes the proxy of a node that listens, or will listen, on target.
func (w *network) open(id core.NodeID, target string) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open proxy of node %d: %w", id, err)
	}
	p := &proxy{w, id, target, l}
	w.mu.Lock()
	w.proxies = append(w.proxies, p)
	w.mu.Unlock()
	go p.accept() // ended by close
	return p, nil
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) close() { _ = p.listener.Close() }

// close closes everything.
func (w *network) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.proxies {
		p.close()
	}
	for p := range w.pipes {
		p.close()
	}
}

// set replaces all rules.
func (w *network) set(rules map[link]rule) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rules = rules
	close(w.changed)
	w.changed = make(chan struct{})
	for p := range w.pipes {
		if rules[p.link].reset {
			w.reset++
			p.close()
		}
	}
}

// closed is how many connections were closed by a rule.
func (w *network) closed() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reset
}

func (p *proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.serve(conn) // ended by either side, a rule, or close
	}
}

// The hello of package transport/tcp, whose comment draws it, says who dials.
const (
	helloBytes = 48
	helloFrom  = 24
	helloTime  = 5 * time.Second
)

func (p *proxy) serve(conn net.Conn) {
	defer conn.Close()
	hello := make([]byte, helloBytes)
	_ = conn.SetReadDeadline(time.Now().Add(helloTime)) // fails only where reading fails, too
	if _, err := io.ReadFull(conn, hello); err != nil {
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	from := core.NodeID(binary.BigEndian.Uint64(hello[helloFrom:]))
	onward, err := net.DialTimeout("tcp", p.target, helloTime)
	if err != nil {
		return
	}
	one := &pipe{
		link: link{from, p.id}, conns: [2]net.Conn{conn, onward}, done: make(chan struct{}),
	}
	defer one.close()
	if !p.network.add(one) {
		return
	}
	defer p.network.remove(one)
	if !p.network.pass(one, one.link) {
		return
	}
	if _, err := onward.Write(hello); err != nil {
		return
	}
	back := make(chan struct{})
	go func() { // ended with the pipe, which serve waits for
		p.network.pump(one, conn, onward, link{p.id, from})
		close(back)
	}()
	p.network.pump(one, onward, conn, one.link)
	<-back
}

// add takes a connection in, unless there is none to be.
func (w *network) add(p *pipe) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.rules[p.link].reset {
		return false
	}
	w.pipes[p] = struct{}{}
	return true
}

func (w *network) remove(p *pipe) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.pipes, p)
}

// pump copies what passes on a link, and closes the pipe at the end.
func (w *network) pump(p *pipe, dst, src net.Conn, l link) {
	defer p.close()
	buf := make([]byte, 64<<10)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			if !w.pass(p, l) {
				return
			}
			if _, err := dst.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// pass waits until the link lets bytes pass, and reports whether the pipe still is.
func (w *network) pass(p *pipe, l link) bool {
	for {
		w.mu.Lock()
		now, changed := w.rules[l], w.changed
		w.mu.Unlock()
		var late <-chan time.Time
		switch {
		case !now.cut && now.delay == 0:
			return true
		case !now.cut:
			late = time.After(now.delay)
		}
		select {
		case <-late:
			return true
		case <-changed:
		case <-p.done:
			return false
		}
	}
}

func (p *pipe) close() {
	p.once.Do(func() {
		close(p.done)
		for _, conn := range p.conns {
			_ = conn.Close()
		}
	})
}
