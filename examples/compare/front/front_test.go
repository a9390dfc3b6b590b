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

// found is one of a read.
type found struct {
	settled
	value string
}

// Value implements system.Read.
func (f found) Value() ([]byte, error) { return []byte(f.value), f.err }

// Wait implements system.Future.
func (s settled) Wait() error { return s.err }

// Put implements system.Target.
func (n *node) Put(key string, value []byte) system.Future {
	n.items[key] = string(value)
	return settled{}
}

// PutAll implements system.Target.
func (n *node) PutAll(b system.Batch) system.Future {
	for len(b) > 0 {
		key, value, rest, ok := b.Next()
		if !ok {
			return settled{errors.New("torn")}
		}
		n.items[string(key)], b = string(value), rest
	}
	return settled{}
}

// Get implements system.Target.
func (n *node) Get(key string) system.Future {
	value, ok := n.items[key]
	if !ok {
		return settled{errors.New("no " + key + strings.Repeat("!", 2*maxError))}
	}
	return found{value: value}
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
	batch := system.AppendPut(system.AppendPut(nil, "a", []byte("1")), "c", []byte("3"))
	for _, f := range append(open, c.PutAll(batch)) {
		if err := f.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	if v, err := c.Get("c").(system.Read).Value(); string(v) != "3" || err != nil {
		t.Errorf("got %q, %v", v, err)
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
	if len(follower.items) != 0 || leader.items["a"] != "1" || leader.items["c"] != "3" {
		t.Errorf("follower has %v, leader %v", follower.items, leader.items)
	}
	if _, err := Dial(addresses[:1]); err == nil {
		t.Error("a follower was taken for a leader")
	}
}

// slow answers gets when it is told to.
type slow struct {
	node
	answer chan error
}

// Get implements system.Target.
func (s *slow) Get(string) system.Future { return settledBy(s.answer) }

type settledBy chan error

// Wait implements system.Future.
func (s settledBy) Wait() error { return <-s }

// TestReplyDoesNotWaitForTheNext has a request behind another one that is answered.
func TestReplyDoesNotWaitForTheNext(t *testing.T) {
	n := &slow{node{items: map[string]string{}, leads: true}, make(chan error)}
	s, err := Serve(n, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c, err := Dial([]string{s.Addr()})
	if err != nil {
		t.Fatal(err)
	}
	first, second := c.Put("a", nil), c.Get("b")
	if err := first.Wait(); err != nil {
		t.Fatal(err)
	}
	n.answer <- errors.New("late")
	if err := second.Wait(); err == nil || err.Error() != "late" {
		t.Errorf("got %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
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
	f.Add([]byte{kindAll, 0, 7, 0, 0, 0, 1, 1, 0, 0, 0, 'k', 'v'})
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
	f.Add([]byte{0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 'n', 'o', 0, 1, 0, 0, 0, 'v'})
	f.Add([]byte{1, 255, 255, 255, 255})
	f.Fuzz(func(_ *testing.T, data []byte) {
		c := call{settled: make(chan error, 1)}
		for r := bufio.NewReader(bytes.NewReader(data)); ; <-c.settled {
			if err := c.read(r); err != nil {
				return
			}
		}
	})
}
