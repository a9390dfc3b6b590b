package tcp

import (
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/codec"
	"github.com/tidelock-raft/tidelock/transport/link"
)

func TestStalledPeerIsGivenUpInTime(t *testing.T) {
	bubble(t, func(t *testing.T, w *wire) {
		l := w.listen("b")
		a, r := w.open(t, 1, "a")
		began := time.Now()
		a.Send("b", []core.Message{message(1, 2)})
		l.serveAs(t, accept2()) // and then reads nothing
		synctest.Wait()
		pass(11 * time.Second)
		if lost := r.lost(); len(lost) != 1 || lost[0].Sub(began) != 10*time.Second {
			t.Errorf("told unreachable at %v, want once, 10 s after %v", lost, began)
		}
	})
}

func TestMutePeerIsGivenUpInTime(t *testing.T) {
	bubble(t, func(t *testing.T, w *wire) {
		l := w.listen("b")
		a, r := w.open(t, 1, "a")
		began := time.Now()
		a.Send("b", []core.Message{message(1, 2)})
		conn := l.serveAs(t, accept2())
		go func() { _ = ends(conn) }() // reads everything and gives no sign of life
		pass(16 * time.Second)
		if lost := r.lost(); len(lost) != 1 || lost[0].Sub(began) != 15*time.Second {
			t.Errorf("told unreachable at %v, want once, 15 s after %v", lost, began)
		}
	})
}

func TestDeafPeerIsGivenUpInTime(t *testing.T) {
	bubble(t, func(t *testing.T, w *wire) {
		w.listen("b") // and never accepts
		a, r := w.open(t, 1, "a")
		began := time.Now()
		a.Send("b", []core.Message{message(1, 2)})
		pass(6 * time.Second)
		if lost := r.lost(); len(lost) != 1 || lost[0].Sub(began) != 5*time.Second {
			t.Errorf("told unreachable at %v, want once, 5 s after %v", lost, began)
		}
	})
}

func TestQuietConnectionLivesUntilItExpires(t *testing.T) {
	bubble(t, func(t *testing.T, w *wire) {
		a, ra := w.open(t, 1, "a")
		b, rb := w.open(t, 2, "b")
		a.Send("b", []core.Message{message(1, 2)})
		pass(4 * time.Minute)
		if a.Stats().Peers != 1 || b.Stats().Inbound != 1 || len(w.dials()) != 1 {
			t.Fatalf("after 4 minutes: %+v %+v, dialled %v", a.Stats(), b.Stats(), w.dials())
		}
		pass(2 * time.Minute)
		if a.Stats().Peers != 0 || b.Stats().Inbound != 0 {
			t.Fatalf("after 6 minutes: %+v %+v", a.Stats(), b.Stats())
		}
		if len(ra.lost()) > 0 {
			t.Error("an expired connection was told as unreachable")
		}
		a.Send("b", []core.Message{message(1, 2)})
		synctest.Wait()
		if rb.delivered() != 2 {
			t.Errorf("got %d messages, want 2", rb.delivered())
		}
	})
}

func TestWrongAnswersAreNotBelieved(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*link.Answer)
		want   string
	}{
		"refused": {func(a *link.Answer) { a.Status = link.WrongCluster }, "refused: another cluster"},
		"unknown": {func(a *link.Answer) { a.Status = 99 }, "refused: status(99)"},
		"version": {func(a *link.Answer) { a.Version++ }, "refused: another protocol version"},
		"cluster": {func(a *link.Answer) { a.Cluster++ }, "(it is node 2 of cluster 8, version 1)"},
		"node":    {func(a *link.Answer) { a.Node = 5 }, "refused: another node has this address"},
	} {
		bubble(t, func(t *testing.T, w *wire) {
			l := w.listen("b")
			a, r := w.open(t, 1, "a")
			for range 3 {
				a.Send("b", []core.Message{message(1, 2)})
				reply := accept2()
				c.change(&reply)
				_ = l.serveAs(t, reply)
				pass(2 * time.Second)
			}
			if got := len(r.lost()); got != 3 {
				t.Errorf("%s: told unreachable %d times, want 3", name, got)
			}
			if r.logged(c.want) != 1 || r.logged("connected") > 0 {
				t.Errorf("%s: want …%s… logged once:\n%s", name, c.want, r.log.String())
			}
		})
	}
}

func TestBackOffGrowsAndEndsWhenPeerAppears(t *testing.T) {
	bubble(t, func(t *testing.T, w *wire) {
		a, r := w.open(t, 1, "a")
		for range 1000 {
			a.Send("b", []core.Message{message(1, 2)})
			pass(10 * time.Millisecond)
		}
		dials := w.dials()
		for i := 1; i < len(dials); i++ {
			limit := min(20*time.Millisecond<<(i-1), time.Second)
			if gap := dials[i].Sub(dials[i-1]); gap < limit/2 || gap > limit+10*time.Millisecond {
				t.Errorf("attempt %d after %v, want %v … %v", i, gap, limit/2, limit)
			}
		}
		if len(dials) < 10 || len(dials) > 30 {
			t.Errorf("%d attempts in 10 s", len(dials))
		}
		if len(r.lost()) != len(dials) {
			t.Errorf("told unreachable %d times in %d attempts", len(r.lost()), len(dials))
		}
		if got := r.logged("peer lost"); got != 1 {
			t.Errorf("logged %d times, want 1", got)
		}

		pass(2 * time.Second) // the back-off is over, and there is nothing to send
		b, rb := w.open(t, 2, "hidden")
		a.Send("b", []core.Message{message(1, 2)}) // fails, and starts a back-off of up to 1 s
		synctest.Wait()
		began := time.Now()
		w.mu.Lock()
		w.listeners["b"] = w.listeners["hidden"]
		w.mu.Unlock()
		a.Send("b", []core.Message{message(1, 2)})
		b.Send("a", []core.Message{message(2, 1)})
		synctest.Wait()
		if rb.delivered() != 1 || time.Since(began) > 0 {
			t.Errorf("got %d messages after %v, want 1 at once", rb.delivered(), time.Since(began))
		}
	})
}

// Back-off and log would start afresh if a peer that is away for long were forgotten.
func TestPeerThatIsTriedDoesNotExpire(t *testing.T) {
	bubble(t, func(t *testing.T, w *wire) {
		a, r := w.open(t, 1, "a")
		for range 10 * 30 { // for ten minutes; unused connections expire after five
			a.Send("b", []core.Message{message(1, 2)})
			pass(2 * time.Second)
		}
		if got := r.logged("peer lost"); got != 1 {
			t.Errorf("logged %d times, want 1", got)
		}
		pass(6 * time.Minute)
		if got := a.Stats().Peers; got != 0 {
			t.Errorf("%d peers remain after nothing was sent for 6 minutes", got)
		}
	})
}

// A small message waits for no more than the piece of a snapshot that is being written.
func TestSnapshotDelaysOthersByOnePiece(t *testing.T) {
	bubble(t, func(t *testing.T, w *wire) {
		l := w.listen("b")
		a, _ := w.open(t, 1, "a")
		piece := message(1, 2)
		piece.Kind, piece.Data = core.MsgSnapshotChunk, make([]byte, 256<<10)
		for range 20 {
			a.Send("b", []core.Message{piece})
		}
		conn := l.serveAs(t, accept2())
		one := make([]byte, 1)
		if _, err := io.ReadFull(conn, one); err != nil { // the first piece is on its way
			t.Fatal(err)
		}
		a.Send("b", []core.Message{message(1, 2)})
		r := codec.NewReader(io.MultiReader(strings.NewReader(string(one)), conn), codec.Limits{})
		var got []core.Message
		for len(got) < 21 {
			var err error
			if got, err = r.Next(got); err != nil {
				t.Fatal(err)
			}
		}
		for i, m := range got {
			if m.Kind == core.MsgAppend && i != 1 {
				t.Errorf("the small message came after %d pieces, want 1", i)
			}
		}
	})
}

// What is queued while the rest of a long batch still waits is sent without another Send.
func TestMessageBehindLongBatchIsNotForgotten(t *testing.T) {
	bubble(t, func(t *testing.T, w *wire) {
		l := w.listen("b")
		a, _ := w.open(t, 1, "a")
		large := message(1, 2)
		large.Data = make([]byte, link.BatchBytes-1000)
		a.Send("b", []core.Message{large, large, large}) // two batches, taken at once
		conn := l.serveAs(t, accept2())
		synctest.Wait() // the first is being written, the second waits
		a.Send("b", []core.Message{message(1, 2)})
		r := codec.NewReader(conn, codec.Limits{})
		began := time.Now()
		var got []core.Message
		for len(got) < 4 {
			var err error
			if got, err = r.Next(got); err != nil {
				t.Fatalf("after %d of 4 messages and %v: %v", len(got), time.Since(began), err)
			}
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("the last message came after %v, want at once", took)
		}
	})
}

func TestUnsendableMessagesAreLeftOut(t *testing.T) {
	bubble(t, func(t *testing.T, w *wire) {
		a, ra := w.open(t, 1, "a", func(c *Config) { c.MaxPeers = 2 })
		_, rb := w.open(t, 2, "b")
		large, unknown := message(1, 2), message(1, 2)
		large.Data, unknown.Kind = make([]byte, codec.DefaultDataBytes+1), 99
		a.Send("b", []core.Message{message(1, 2), large, unknown, message(3, 2), message(1, 2)})
		a.Send("c", []core.Message{message(1, 3)})
		a.Send("d", []core.Message{message(1, 4), message(1, 4)}) // one peer too many
		synctest.Wait()
		if rb.delivered() != 2 {
			t.Errorf("got %d messages, want 2", rb.delivered())
		}
		if s := a.Stats(); s.Sent != 2 || s.Dropped != 3+1+2 || s.Peers != 2 {
			t.Errorf("got %+v", s)
		}
		if got := ra.logged("cannot be sent"); got != 2 { // once for each kind
			t.Errorf("logged %d times, want 2", got)
		}
	})
}

func TestConfigIsChecked(t *testing.T) {
	for name, c := range map[string]Config{
		"no node":       {Cluster: 1, Listen: "127.0.0.1:0"},
		"no cluster":    {Node: 1, Listen: "127.0.0.1:0"},
		"no address":    {Node: 1, Cluster: 1},
		"bad address":   {Node: 1, Cluster: 1, Listen: "nonsense"},
		"negative":      {Node: 1, Cluster: 1, Listen: "127.0.0.1:0", MaxPeers: -1},
		"negative time": {Node: 1, Cluster: 1, Listen: "127.0.0.1:0", RetryMax: -1},
	} {
		if _, err := Open(c, new(recorder)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// BenchmarkLoopback carries appends of 64 entries of 128 bytes over a real connection.
func BenchmarkLoopback(b *testing.B) {
	in := make(arrivals, 1024)
	receiver, err := Open(Config{Node: 2, Cluster: 7, Listen: "127.0.0.1:0"}, in)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = receiver.Close() }()
	sender, err := Open(Config{Node: 1, Cluster: 7, Listen: "127.0.0.1:0"}, in)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = sender.Close() }()
	m := message(1, 2)
	for i := range core.Index(64) {
		m.Entries = append(m.Entries, core.Entry{
			Position: core.Position{Term: 1, Index: i + 1}, Kind: core.EntryCommand,
			Data: make([]byte, 128),
		})
	}
	msgs := []core.Message{m}
	const window = 256
	b.ReportAllocs()
	b.SetBytes(64 * 128)
	flying := 0
	for b.Loop() {
		for flying >= window {
			flying -= <-in
		}
		sender.Send(receiver.Addr(), msgs)
		flying++
	}
}

// arrivals tells how many messages were delivered.
type arrivals chan int

func (a arrivals) Deliver(msgs []core.Message) int { a <- len(msgs); return len(msgs) }
func (a arrivals) Unreachable(core.Addr)           {}
