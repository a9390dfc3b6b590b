package tcp

import (
	"errors"
	"net"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/link"
)

func TestStrangersAreRefusedWithTheReason(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*link.Hello)
		want   link.Status
	}{
		"friend":          {func(*link.Hello) {}, link.Accepted},
		"another version": {func(h *link.Hello) { h.Version++ }, link.WrongVersion},
		"another cluster": {func(h *link.Hello) { h.Cluster++ }, link.WrongCluster},
		"for another":     {func(h *link.Hello) { h.To++ }, link.WrongNode},
		"from nobody":     {func(h *link.Hello) { h.From = 0 }, link.WrongNode},
		"from a twin":     {func(h *link.Hello) { h.From = 2 }, link.SameNode},
		"not verified":    {func(h *link.Hello) { h.From = 66 }, link.NotVerified},
	} {
		bubble(t, func(t *testing.T, w *wire) {
			_, r := w.open(t, 2, "b", func(c *Config) {
				c.Verify = func(_ net.Conn, node core.NodeID) error {
					if node == 66 {
						return errors.New("certificate is for another node")
					}
					return nil
				}
			})
			for range 3 {
				h := greeting()
				c.change(&h)
				conn, a := w.shake(t, "b", h)
				if a.Status != c.want || a.Node != 2 || a.Cluster != 7 || a.Incarnation == 0 {
					t.Errorf("%s: got %+v, want status %v from node 2 of cluster 7", name, a, c.want)
				}
				if c.want == link.Accepted {
					_ = conn.Close()
					continue
				}
				if took := ends(conn); took > 0 {
					t.Errorf("%s: the connection lived on for %v", name, took)
				}
			}
			synctest.Wait()
			logged := r.logged(`"peer refused: ` + c.want.String() + `"`)
			if want := min(int(c.want), 1); logged != want {
				t.Errorf("%s: logged %d times, want %d\n%s", name, logged, want, r.log.String())
			}
			if r.delivered() > 0 {
				t.Errorf("%s: something was delivered", name)
			}
		})
	}
}

func TestSilentStrangerIsDroppedInTime(t *testing.T) {
	bubble(t, func(t *testing.T, w *wire) {
		w.open(t, 2, "b")
		if took := ends(w.call(t, "b")); took != 5*time.Second {
			t.Errorf("a connection without a hello was closed after %v, want 5s", took)
		}
		conn := w.call(t, "b")
		if _, err := conn.Write([]byte("GET / HT")); err != nil {
			t.Fatal(err)
		}
		if took := ends(conn); took > 0 {
			t.Errorf("a browser was dropped after %v, want at once", took)
		}
	})
}

func TestSilentPeerIsDroppedInTime(t *testing.T) {
	bubble(t, func(t *testing.T, w *wire) {
		w.open(t, 2, "b")
		conn, _ := w.shake(t, "b", greeting())
		if took := ends(conn); took != 15*time.Second {
			t.Errorf("a silent peer was dropped after %v, want 15s", took)
		}
	})
}

func TestViolationEndsConnectionAndDeliversNothing(t *testing.T) {
	for name, sent := range map[string][]byte{
		"forged sender":    frame(t, message(1, 2), message(3, 2)),
		"another receiver": frame(t, message(1, 2), message(1, 3)),
		"garbage":          {0, 0, 0, 2, 0, 0, 0, 0, 0xff, 0xff},
		"4 GiB":            {0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0},
	} {
		bubble(t, func(t *testing.T, w *wire) {
			_, r := w.open(t, 2, "b")
			conn, _ := w.shake(t, "b", greeting())
			if _, err := conn.Write(sent); err != nil {
				t.Fatal(err)
			}
			if took := ends(conn); took > 0 {
				t.Errorf("%s: the connection lived on for %v", name, took)
			}
			synctest.Wait()
			if r.delivered() > 0 {
				t.Errorf("%s: got %v", name, r.msgs)
			}
			if r.logged("connection ended") != 1 {
				t.Errorf("%s: not logged once: %s", name, r.log.String())
			}
		})
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T, w *wire) {
		b, r := w.open(t, 2, "b", func(c *Config) { c.MaxPending, c.MaxInbound = 3, 5 })
		for range 3 {
			w.call(t, "b") // and never says hello
		}
		synctest.Wait()
		if took := ends(w.call(t, "b")); took > 0 {
			t.Errorf("a fourth stranger was dropped after %v, want at once", took)
		}
		pass(6 * time.Second) // the strangers' time is over, by more than an instant
		synctest.Wait()
		for range 5 {
			if _, a := w.shake(t, "b", greeting()); a.Status != link.Accepted {
				t.Fatalf("got %v", a.Status)
			}
			synctest.Wait() // until it is no longer counted as one in the handshake
		}
		if took := ends(w.call(t, "b")); took > 0 {
			t.Errorf("a sixth connection was dropped after %v, want at once", took)
		}
		if got := b.Stats().Inbound; got != 5 {
			t.Errorf("got %d connections, want 5", got)
		}
		if got := r.logged("too many connections"); got != 1 {
			t.Errorf("logged %d times within a minute, want 1", got)
		}
	})
}

func TestNewIncarnationEndsTheOldOne(t *testing.T) {
	bubble(t, func(t *testing.T, w *wire) {
		b, r := w.open(t, 2, "b")
		first, _ := w.shake(t, "b", greeting())
		sibling, _ := w.shake(t, "b", greeting())
		other := greeting()
		other.From = 3
		w.shake(t, "b", other)
		synctest.Wait()
		if got := b.Stats().Inbound; got != 3 {
			t.Fatalf("got %d connections, want 3: one incarnation may have several", got)
		}
		reborn := greeting()
		reborn.Incarnation++
		conn, _ := w.shake(t, "b", reborn)
		if took := ends(first) + ends(sibling); took > 0 {
			t.Errorf("the old incarnation lived on for %v", took)
		}
		if _, err := conn.Write(frame(t, message(1, 2))); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if r.delivered() != 1 || b.Stats().Inbound != 2 {
			t.Errorf("got %d messages and %d connections, want 1 and 2",
				r.delivered(), b.Stats().Inbound)
		}
	})
}

func TestAcceptErrorsArePassedOver(t *testing.T) {
	bubble(t, func(t *testing.T, w *wire) {
		w.open(t, 2, "b", func(c *Config) { c.Listener = &failing{Listener: c.Listener, times: 5} })
		if _, a := w.shake(t, "b", greeting()); a.Status != link.Accepted {
			t.Fatalf("got %v", a.Status)
		}
	})
}

// failing fails a few times, as when no file can be opened.
type failing struct {
	net.Listener
	times int
}

func (f *failing) Accept() (net.Conn, error) {
	if f.times--; f.times >= 0 {
		return nil, errors.New("too many open files")
	}
	return f.Listener.Accept()
}

// A frame has to arrive in time, however it trickles.
func TestSlowWriterIsDroppedInTime(t *testing.T) {
	bubble(t, func(t *testing.T, w *wire) {
		w.open(t, 2, "b")
		conn, _ := w.shake(t, "b", greeting())
		began := time.Now()
		sent := frame(t, message(1, 2))
		for i := range sent {
			if _, err := conn.Write(sent[i : i+1]); err != nil {
				break
			}
			pass(4 * time.Second)
		}
		if took := time.Since(began); took != 16*time.Second { // the fifth byte comes too late
			t.Errorf("dropped after %v, want 16s", took)
		}
	})
}

// What is claimed costs nothing; only what arrives does.
func TestClaimedLengthAllocatesNothing(t *testing.T) {
	n, err := Open(Config{Node: 2, Cluster: 7, Listen: "127.0.0.1:0"}, new(recorder))
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	for _, length := range []byte{0xff, 0x00} { // 4 GiB, and 8 MiB less one
		var before, after runtime.MemStats
		least := ^uint64(0)
		for range 10 {
			runtime.ReadMemStats(&before)
			conn, err := net.Dial("tcp", string(n.Addr()))
			if err != nil {
				t.Fatal(err)
			}
			if err := writeHello(conn, greeting()); err != nil {
				t.Fatal(err)
			}
			if _, err := readAnswer(conn); err != nil {
				t.Fatal(err)
			}
			_, _ = conn.Write([]byte{length, 0x7f, 0xff, 0xff, 0, 0, 0, 0})
			_ = conn.(*net.TCPConn).CloseWrite()
			ends(conn)
			_ = conn.Close()
			runtime.ReadMemStats(&after)
			least = min(least, after.TotalAlloc-before.TotalAlloc)
		}
		if least > 64<<10 {
			t.Errorf("a frame of %#x…: %d bytes allocated, limit 64 KiB", length, least)
		}
	}
}
