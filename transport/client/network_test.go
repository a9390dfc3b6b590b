package client_test

import (
	"context"
	"fmt"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
)

// network joins clients and servers in memory. In a bubble its time is that of the test, and a busy
// machine changes nothing about who is late. Servers are started before the first client dials.
type network map[string]*listener

// listener lets the connections of a network in.
type listener struct {
	name     string
	incoming chan net.Conn
	closed   chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case link := <-l.incoming:
		return link, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error   { close(l.closed); return nil }
func (l *listener) Addr() net.Addr { return &net.UnixAddr{Name: l.name} }

// listen gives a server a name of its own.
func (n network) listen(string, string) (net.Listener, error) {
	l := &listener{fmt.Sprint("server ", len(n)), make(chan net.Conn), make(chan struct{})}
	n[l.name] = l
	return l, nil
}

func (n network) dial(ctx context.Context, address string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case n[address].incoming <- there:
		return here, nil
	case <-n[address].closed:
		return nil, &net.OpError{Op: "dial", Net: "memory", Err: syscall.ECONNREFUSED}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// inBubble runs a test of a cluster in virtual time.
func inBubble(t *testing.T, size int, test func(*testing.T, cluster, network)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := network{}
		test(t, startCluster(t, size, n.listen), n)
	})
}
