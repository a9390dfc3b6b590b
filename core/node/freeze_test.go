package node

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/session"
)

// TestFrozenStateIsThatOfItsIndex freezes the states of all nodes while they are written to, and
// compares each with what was acknowledged up to the index that it names. In virtual time no leader
// is lost, be the machine ever so busy.
func TestFrozenStateIsThatOfItsIndex(t *testing.T) { synctest.Test(t, freezeUnderLoad) }

func freezeUnderLoad(t *testing.T) {
	nodes := startNodes(t, 3, nil)
	type written struct {
		index core.Index
		data  string
	}
	var all []written
	var writer sync.WaitGroup
	half := make(chan struct{})
	writer.Go(func() {
		for k := range 400 {
			data := fmt.Sprint("command ", k)
			r := insist(t, nodes[0], core.Request{Kind: core.RequestCommand, Data: []byte(data)})
			if r.Err != nil {
				t.Errorf("got %+v", r)
			}
			all = append(all, written{r.Index, data})
			if k == 50 {
				close(half)
			}
		}
	})
	<-half
	frozen := make([]Frozen, 0, 30)
	for i := range cap(frozen) {
		meta, snapshot, err := nodes[i%3].Freeze(core.DefaultGroup)
		if err != nil {
			t.Fatal(err)
		}
		frozen = append(frozen, Frozen{meta, snapshot, nil})
	}
	writer.Wait()
	for _, f := range frozen {
		var body bytes.Buffer
		if _, err := f.Snapshot.WriteTo(&body); err != nil {
			t.Fatal(err)
		}
		f.Snapshot.Release()
		j := newJournal()
		if err := session.Wrap(j).Restore(&body); err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, w := range all {
			if w.index <= f.Meta.Index {
				want = append(want, w.data)
			}
		}
		if !slices.Equal(j.commands, want) || f.Meta.Membership.String() != "voters=1,2,3" ||
			f.Meta.Index > 0 && f.Meta.Term == 0 || f.Meta.Index > 1 && f.Meta.Time == 0 {
			t.Fatalf("%+v: got %d commands, want %d", f.Meta, len(j.commands), len(want))
		}
	}
	if _, _, err := nodes[0].Freeze(7); !errors.Is(err, core.ErrNoGroup) {
		t.Errorf("another group: got %v", err)
	}
	if err := nodes[0].Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := nodes[0].Freeze(core.DefaultGroup); !errors.Is(err, core.ErrClosed) {
		t.Errorf("closed: got %v", err)
	}
}

// TestWhatJobsGiveBackLastIsNotLost has a state be frozen while the node is being closed: somebody
// has to release it.
func TestWhatJobsGiveBackLastIsNotLost(t *testing.T) {
	n := startNodes(t, 1, nil)[0]
	begun, queued, goOn := make(chan bool), make(chan bool), make(chan bool)
	n.lanes.Go(Lane{Kind: LaneApply, Group: core.DefaultGroup}, func() func() {
		close(begun)
		<-goOn
		return nil
	})
	<-begun
	frozen := make(chan Frozen, 1)
	n.mailbox.post(func() {
		n.handler.Freeze(core.DefaultGroup, func(f Frozen) { frozen <- f })
		close(queued)
	})
	<-queued
	var closing sync.WaitGroup
	closing.Go(func() { _ = n.Close() })
	for n.mailbox.post(func() {}) { // until nothing more is taken
		runtime.Gosched()
	}
	close(goOn)
	closing.Wait()
	select {
	case f := <-frozen:
		if f.Err != nil {
			t.Fatal(f.Err)
		}
		f.Snapshot.Release()
	default:
		t.Error("nobody was given the state that was frozen")
	}
}

// TestDivergedStateIsNotFrozen holds until the state was replaced by the majority's.
func TestDivergedStateIsNotFrozen(t *testing.T) {
	w := newWorld(t, 4, 3)
	c := newClient(w)
	w.work(c, 20, tick/4)
	w.sleep(5 * tick)
	odd := w.follower()
	var err error
	freeze := func() {
		err = errors.New("not told yet")
		odd.handler.Freeze(core.DefaultGroup, func(f Frozen) {
			if err = f.Err; err == nil {
				f.Snapshot.Release()
			}
		})
	}
	odd.journal.flip()
	w.run(2*second, "quarantine", func() bool { return odd.status().Quarantined != nil })
	if freeze(); !errors.Is(err, core.ErrQuarantined) {
		t.Errorf("got %v, want %v", err, core.ErrQuarantined)
	}
	w.resync(odd)
	freeze()
	w.run(second, "a frozen state", func() bool { return err == nil })
	w.converge(c)
}

// TestStateOfAFailedBatchIsNotFrozen: it is one in the middle of something.
func TestStateOfAFailedBatchIsNotFrozen(t *testing.T) {
	w := newWorld(t, 1, 1)
	w.awaitLeader()
	h := w.hosts[0]
	h.handler.machine(core.DefaultGroup).failed = true
	var got []Frozen
	h.handler.Freeze(core.DefaultGroup, func(f Frozen) { got = append(got, f) })
	w.run(second, "an answer", func() bool { return len(got) > 0 })
	if !errors.Is(got[0].Err, core.ErrClosed) || got[0].Snapshot != nil {
		t.Errorf("got %+v", got[0])
	}
}

// TestPanicEndsTheProcess, even if whoever delivers recovers from panics, as HTTP servers do.
func TestPanicEndsTheProcess(t *testing.T) {
	const name = "TIDELOCK_TEST_PANIC"
	if os.Getenv(name) == "" {
		for range 100 {
			c := exec.Command(os.Args[0], "-test.run=^TestPanicEndsTheProcess$", "-test.timeout=1m")
			c.Env = append(os.Environ(), name+"=1")
			out, err := c.CombinedOutput()
			if err == nil || !bytes.Contains(out, []byte("on purpose")) {
				t.Fatalf("got %v: %s", err, out)
			}
			if bytes.Contains(out, []byte("handling events: on purpose")) {
				return
			} // else the node's own loop, which nobody recovers, was at it just then
		}
		t.Fatal("it was always the loop")
	}
	nodes := startNodes(t, 1, nil)
	insist(t, nodes[0], core.Request{Kind: core.RequestCommand, Data: []byte("one")})
	for {
		func() {
			defer func() { _ = recover() }()
			nodes[0].Submit([]core.Request{{
				Group: 7, Kind: core.RequestCommand, Caller: panics{},
			}})
		}()
	}
}

// panics is a caller that cannot be told anything.
type panics struct{}

func (panics) Replied(uint64, core.Reply) { panic("on purpose") }
