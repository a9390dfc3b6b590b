package front

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"strings"
	"testing"

	"example.org/compare/system"
)

// node keeps what it is told, on one goroutine at a time.
type node struct {
	items map[string]string
	leads bool
}

// settled is a Future that has been settled.
type settled struct{ err error }

// Wait implements system.Future.
func (s settled) Wait() error { return s.err }

// Put implements system.Target.
func (n *node) Put(key string, value []byte) system.Future {
	n.items[key] = string(value)
	return settled{}
}

// Get implements system.Target.
func (n *node) Get(key string) system.Future {
	if _, ok := n.items[key]; !ok {
		return settled{errors.New("no " + key + strings.Repeat("!", 2*maxError))}
	}
	return settled{}
}

// Leads implements system.Node.
func (n *node) Leads() bool { return n.leads }

// Close implements system.Target.
func (n *node) Close() error { return nil }

func serveForTest(t *testing.T, n *node) string {
	t.Helper()
	s, err := Serve(n, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s.Addr()
}

func TestRequestsReachTheOneThatLeads(t *testing.T) {
	follower := &node{items: map[string]string{}}
	leader := &node{items: map[string]string{}, leads: true}
	addresses := []string{serveForTest(t, follower), serveForTest(t, leader)}
	c, err := Dial(addresses)
	if err != nil {
		t.Fatal(err)
	}
	var open []system.Future
	for range 1000 {
		open = append(open, c.Put("a", []byte("1")), c.Get("a"))
	}
	for _, f := range open {
		if err := f.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Get("b").Wait(); err == nil || !strings.HasPrefix(err.Error(), "no b!") {
		t.Errorf("got %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := c.Get("a").Wait(); err == nil {
		t.Error("a closed client got an answer")
	}
	if len(follower.items) != 0 || leader.items["a"] != "1" {
		t.Errorf("follower has %v, leader %v", follower.items, leader.items)
	}
	if _, err := Dial(addresses[:1]); err == nil {
		t.Error("a follower was taken for a leader")
	}
}

// TestServerEndsWhatItDoesNotUnderstand writes to it what no client does.
func TestServerEndsWhatItDoesNotUnderstand(t *testing.T) {
	address := serveForTest(t, &node{items: map[string]string{}, leads: true})
	long := binary.LittleEndian.AppendUint32([]byte{kindPut, 1}, maxValue+1)
	for _, words := range [][]byte{long, {9, 0, 0, 0, 0, 0}} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(words); err != nil {
			t.Fatal(err)
		}
		var all bytes.Buffer
		if _, err := all.ReadFrom(conn); err != nil && !errors.Is(err, net.ErrClosed) &&
			!strings.Contains(err.Error(), "reset") {
			t.Errorf("%x: got %v", words, err)
		}
		if all.Len() > 1 {
			t.Errorf("%x: was answered by %x", words, all.Bytes())
		}
		_ = conn.Close()
	}
}

func FuzzServerReads(f *testing.F) {
	f.Add([]byte{kindPut, 1, 2, 0, 0, 0, 'k', 'v', 'v'})
	f.Add([]byte{kindGet, 1, 0, 0, 0, 0, 'k'})
	f.Add(binary.LittleEndian.AppendUint32([]byte{kindPut, 1}, 1<<31))
	f.Fuzz(func(_ *testing.T, data []byte) {
		s := &Server{node: &node{items: map[string]string{}}}
		for r := bufio.NewReader(bytes.NewReader(data)); ; {
			if _, err := s.take(r); err != nil {
				return
			}
		}
	})
}

func FuzzClientReads(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 2, 0, 0, 0, 'n', 'o'})
	f.Add([]byte{255, 255, 255, 255})
	f.Fuzz(func(_ *testing.T, data []byte) {
		for r := bufio.NewReader(bytes.NewReader(data)); ; {
			if _, err := readReply(r); err != nil {
				return
			}
		}
	})
}
