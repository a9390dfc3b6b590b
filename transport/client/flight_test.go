package client

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/api/wire"
)

// TestFlightAgainstTwin compares a flight with a map. Some exchanges stay for long, so that places
// are taken when their turn comes again.
func TestFlightAgainstTwin(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	var f flight
	twin, peak := map[uint64]*exchange{}, 0
	var ids []uint64
	for range 20_000 {
		if random.IntN(len(ids)+20) < 20 {
			x, before := new(exchange), f.last
			f.add(x)
			if x.request.ID != f.last || f.last <= before {
				t.Fatalf("id %d after %d, last is %d", x.request.ID, before, f.last)
			}
			twin[x.request.ID] = x
			ids = append(ids, x.request.ID)
		} else {
			i := min(random.IntN(len(ids)), random.IntN(len(ids))+2) // older ones more often
			i = min(i, len(ids)-1)
			f.remove(twin[ids[i]])
			delete(twin, ids[i])
			ids = slices.Delete(ids, i, i+1)
		}
		peak = max(peak, len(ids))
		if f.count != len(twin) || len(f.slots) > max(leastSlots, 4*peak) {
			t.Fatalf("%d in %d slots, want %d of at most %d", f.count, len(f.slots), len(twin), peak)
		}
		for range 4 {
			id := f.last - random.Uint64N(min(f.last, 500)+1)
			if got := f.find(id); got != twin[id] {
				t.Fatalf("find %d: got %p, want %p", id, got, twin[id])
			}
		}
	}
}

// TestWhatIsTakenBackIsNotSent starts and cancels exchanges while the writer takes frames now and
// then: those of cancelled ones leave if, and only if, the exchange says that it was sent.
func TestWhatIsTakenBackIsNotSent(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	here, there := net.Pipe()
	defer there.Close()
	c := newConn(here, "nobody", wire.Welcome{Window: 20, MaxRequestBytes: 100})
	var sent bytes.Buffer
	var all, open []*exchange
	for len(all) < 5000 {
		switch n := random.IntN(10); {
		case n < 5:
			x := newExchange().(*exchange)
			x.request.Data = binary.BigEndian.AppendUint64(nil, uint64(len(all)))
			if err := c.start(x, time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			all, open = append(all, x), append(open, x)
		case n < 7 && len(open) > 0:
			i := random.IntN(len(open))
			c.cancel(open[i], errExpired)
			open = slices.Delete(open, i, i+1)
		case n < 8:
			if c.withdraw(); len(c.out) > 0 { // else it waits
				sent.Write(c.collect(nil))
			}
		case n < 9: // some are answered, and what was not sent as well, by a server that errs
			replies := []wire.Reply{{ID: c.taken + 1}, {ID: 1 + random.Uint64N(c.taken+1)}}
			settled := make([]*exchange, len(replies))
			c.settle(replies, settled)
			if settled[0] != nil && replies[0].ID > c.taken {
				t.Fatal("a reply to a request that was not sent")
			}
			open = slices.DeleteFunc(open, func(x *exchange) bool { return slices.Contains(settled, x) })
		}
	}
	c.fail(errParted) // what is in out was not sent, and what is taken may have been
	frames, next := wire.NewReader(&sent, 1000), 0
	for {
		payload, err := frames.Next()
		if err != nil {
			break
		}
		var r wire.Request
		if err := r.Decode(payload); err != nil {
			t.Fatal(err)
		}
		for n := int(binary.BigEndian.Uint64(r.Data)); next < n; next++ {
			if all[next].sent() {
				t.Fatalf("exchange %d says that it was sent, and was not", next)
			}
		}
		if !all[next].sent() || all[next].request.ID != r.ID {
			t.Fatalf("exchange %d was sent with id %d and has %d", next, r.ID, all[next].request.ID)
		}
		next++
	}
	for _, x := range all[next:] {
		if x.sent() {
			t.Fatal("an exchange says that it was sent, and was not")
		}
	}
}

// TestWhatWaitsFollowsWhatIsTakenBack fills what the writer is to take next, has one more exchange
// wait, and takes back all but that: the writer sends it, though nobody wakes him again.
func TestWhatWaitsFollowsWhatIsTakenBack(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	c := newConn(here, "nobody", wire.Welcome{Window: 1000, MaxRequestBytes: batchBytes})
	defer c.fail(errParted)
	var all []*exchange
	for len(c.waiting) == 0 {
		x := newExchange().(*exchange)
		x.request.Data = make([]byte, batchBytes/10)
		if err := c.start(x, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		all = append(all, x)
	}
	last := all[len(all)-1]
	for _, x := range all[:len(all)-1] {
		if c.cancel(x, errExpired); x.sent() {
			t.Fatal("sent by nobody")
		}
	}
	if got := len(c.collect(nil)); got < batchBytes/10 || got > batchBytes/5 || !last.sent() {
		t.Errorf("%d bytes are sent, the last one's: %v", got, last.sent())
	}
}

// TestDirectWayEndsWithItsLeader has every change of who leads end the way that needs no lock.
func TestDirectWayEndsWithItsLeader(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	c := newConn(here, "a", wire.Welcome{})
	var b endpoints
	b.init([]string{"a", "b"}, rand.New(rand.NewPCG(1, 1)))
	a := b.find("a")
	reset := func() { b.leaders[1] = a; b.direct.Store(&direct{1, a, c}) }
	for name, change := range map[string]func(){
		"another leads":  func() { b.leads(1, b.find("b")) },
		"a hint":         func() { b.hint(1, "b") },
		"it is left":     func() { b.leave(1, a) },
		"one is learned": func() { b.find("c"); b.forget() },
	} {
		if reset(); b.direct.Load() == nil {
			t.Fatal("there is no direct way")
		}
		if change(); b.direct.Load() != nil {
			t.Errorf("%s: the direct way is left as it was", name)
		}
	}
	if reset(); b.direct.Load() == nil {
		t.Fatal("there is no direct way")
	}
	b.leads(1, a)
	if b.direct.Load() == nil {
		t.Error("it leads on, and the direct way has ended")
	}
	for name, r := range map[string]Request{
		"group": {Group: 2}, "target": {Group: 1, Target: "b"}, "stale": {Group: 1, Level: core.Stale},
	} {
		if b.direct.Load().serves(&task{request: r}) {
			t.Errorf("%s: goes the direct way", name)
		}
	}
	if own := (&task{request: Request{Group: 1}}); !b.direct.Load().serves(own) {
		t.Error("does not go the direct way")
	} else if c.fail(errParted); b.direct.Load().serves(own) {
		t.Error("goes by a connection that has failed")
	}
}
