package node

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/engine"
	"github.com/tidelock-raft/tidelock/core/raft"
	"github.com/tidelock-raft/tidelock/persist/memory"
	"github.com/tidelock-raft/tidelock/persist/snapfile"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// bench is a handler, node 1 of three, whose lanes stand still but when the test has them go on.
type bench struct {
	*Handler
	in    engine.Events
	jobs  map[LaneKind][]func() func()
	clock core.Instant
	store core.Store
}

func newBench(t *testing.T, change func(*Config)) *bench {
	t.Helper()
	b := &bench{jobs: map[LaneKind][]func() func(){}, store: memory.New()}
	c := Config{
		Engine: engine.Config{Node: 1}, Groups: []Group{{core.DefaultGroup, threeVoters()}},
		Store: b.store, Clock: b, MaxRequests: 4,
		Machine: func(core.GroupID) (core.StateMachine, error) { return newJournal(), nil },
	}
	if change != nil {
		change(&c)
	}
	var err error
	if b.Handler, err = NewHandler(c, b); err != nil {
		t.Fatal(err)
	}
	return b
}

func threeVoters() core.Membership {
	var m core.Membership
	for id := range core.NodeID(3) {
		m.Members = append(m.Members, core.Member{
			ID: id + 1, Role: core.Voter, Addr: core.Addr(fmt.Sprint(id + 1)),
		})
	}
	return m
}

func (b *bench) Now() core.Instant { return b.clock }
func (b *bench) Wall() int64       { return int64(b.clock) }

func (b *bench) Go(l Lane, job func() func()) { b.jobs[l.Kind] = append(b.jobs[l.Kind], job) }

// work does what lanes of a kind have to do.
func (b *bench) work(kind LaneKind) (done []func()) {
	jobs := b.jobs[kind]
	b.jobs[kind] = nil
	for _, job := range jobs {
		if f := job(); f != nil {
			done = append(done, f)
		}
	}
	return done
}

func (b *bench) handle(done ...func()) {
	b.clock += tick
	b.Handle(done, &b.in)
	b.in.Reset()
}

// hear gives the handler a message of node 2, which leads in term 5.
func (b *bench) hear(m core.Message) {
	m.Group, m.From, m.To, m.Term = core.DefaultGroup, 2, 1, max(m.Term, 5)
	b.in.Messages = append(b.in.Messages, m)
	b.handle()
}

// answers is a caller that remembers.
type answers map[uint64]core.Reply

func (a answers) Replied(token uint64, r core.Reply) { a[token] = r }

// ask has so many stale queries come.
func (b *bench) ask(a answers, n int) {
	for range n {
		b.in.Requests = append(b.in.Requests, core.Request{
			Group: core.DefaultGroup, Kind: core.RequestQuery, Level: core.Stale,
			Token: uint64(len(a) + len(b.in.Requests)), Caller: a,
		})
	}
	b.handle()
}

// TestQueriesThatWaitForTheMachineAreBounded, be it on the lane of the machine or on one of views.
func TestQueriesThatWaitForTheMachineAreBounded(t *testing.T) {
	for name, sm := range map[string]core.StateMachine{
		"journal": newJournal(), "viewed": viewedJournal{newJournal()},
	} {
		b := newBench(t, func(c *Config) {
			c.Machine = func(core.GroupID) (core.StateMachine, error) { return sm, nil }
		})
		for range 3 { // as often as you like, if not at once
			first, then, more := answers{}, answers{}, answers{}
			b.ask(first, 1)
			b.ask(then, 3)
			b.ask(more, 2)
			if len(first)+len(then) != 0 || len(more) != 2 || !errors.Is(more[0].Err, core.ErrBusy) {
				t.Fatalf("%s: got %v, %v, %v, want the last to be refused", name, first, then, more)
			}
			b.handle(b.work(LaneApply)...)
			b.handle(b.work(LaneApply)...)
			if b.work(LaneQuery); len(first) != 1 || len(then) != 3 || then[2].Err != nil {
				t.Fatalf("%s: got %v, %v, want answers", name, first, then)
			}
		}
	}
}

// TestCallersOfTheLastStepAreAnswered, when the log cannot be read.
func TestCallersOfTheLastStepAreAnswered(t *testing.T) {
	var broken *unreadable
	b := newBench(t, func(c *Config) {
		broken = &unreadable{Store: c.Store}
		u := core.Update{Group: core.DefaultGroup, Install: &core.SnapshotMeta{
			Membership: threeVoters()}, Hard: core.HardState{Term: 1, Commit: 100}}
		for i := range core.Index(100) {
			u.Entries = append(u.Entries, core.Entry{
				Position: core.Position{Term: 1, Index: i + 1}, Kind: core.EntryNoop})
		}
		if err := c.Store.Write([]core.Update{u}); err != nil {
			t.Fatal(err)
		}
		c.Store, c.Snapshots, c.Engine.Raft = broken, memory.New(), raft.Config{CacheBytes: 1}
	})
	broken.now = true
	a := answers{}
	b.in.Requests = append(b.in.Requests, core.Request{
		Group: core.DefaultGroup, Kind: core.RequestCommand, Token: 9, Caller: a,
	})
	b.ask(a, 1)
	if b.Err() == nil {
		t.Fatal("the log was not read")
	}
	if !errors.Is(a[9].Err, core.ErrNotLeader) || !errors.Is(a[1].Err, core.ErrClosed) {
		t.Errorf("got %v", a)
	}
}

// unreadable is a store that gives no entries from now on.
type unreadable struct {
	core.Store
	now bool
}

func (s *unreadable) Entries(dst []core.Entry, g core.GroupID, lo, hi core.Index, n int,
) ([]core.Entry, error) {
	if s.now {
		return dst, core.ErrCorrupt
	}
	return s.Store.Entries(dst, g, lo, hi, n)
}

func snapshotAt(i core.Index, size int64) *core.SnapshotMeta {
	return &core.SnapshotMeta{
		Position: core.Position{Term: 1, Index: i}, Membership: threeVoters(), Size: size,
	}
}

// TestSnapshotWithoutABodyIsNotInstalled: from a peer, only chunks are taken.
func TestSnapshotWithoutABodyIsNotInstalled(t *testing.T) {
	b := newBench(t, nil)
	b.hear(core.Message{Kind: core.MsgSnapshot, Snapshot: snapshotAt(50, 100)})
	if s := b.Status().Groups[0]; s.SnapshotIndex != 0 || len(b.jobs[LaneApply]) > 0 {
		t.Errorf("got %+v, want no snapshot", s)
	}
}

// chunk gives the handler a piece of a snapshot at an index, all x.
func (b *bench) chunk(term core.Term, at core.Index, offset int64, n int) {
	b.hear(core.Message{Kind: core.MsgSnapshotChunk, Term: term, Snapshot: snapshotAt(at, 5000),
		Offset: offset, Data: []byte(strings.Repeat("x", n))})
}

// TestLateChunkDoesNotEndATransfer, but a new leader may send what it has.
func TestLateChunkDoesNotEndATransfer(t *testing.T) {
	b := newBench(t, nil)
	b.chunk(5, 50, 0, 1000)
	b.handle(b.work(LaneReceive)...)
	b.chunk(5, 40, 0, 1000)
	if r := b.receiving[0]; r.meta.Index != 50 || r.have != 1000 {
		t.Errorf("receiving %v, %d bytes, want 1000 of that at 50", r.meta.Position, r.have)
	}
	b.chunk(6, 40, 0, 500)
	b.handle(b.work(LaneReceive)...)
	if r := b.receiving[0]; r.meta.Index != 40 || r.have != 500 {
		t.Errorf("receiving %v, %d bytes, want 500 of that at 40", r.meta.Position, r.have)
	}
}

// TestEarlyChunksAreBounded: those that are not kept come again.
func TestEarlyChunksAreBounded(t *testing.T) {
	b := newBench(t, nil)
	for i := range int64(1000) {
		b.chunk(5, 50, 1001+2*i, 1)
	}
	r := b.receiving[0]
	if len(r.early) != maxEarly {
		t.Errorf("%d chunks are kept, want %d", len(r.early), maxEarly)
	}
	b.chunk(5, 50, 0, 1001)
	b.handle(b.work(LaneReceive)...)
	if r.have != 1002 || len(r.early) != maxEarly-1 {
		t.Errorf("%d bytes, %d early, want 1002 and %d", r.have, len(r.early), maxEarly-1)
	}
}

// body writes something of 300 bytes as the body of a snapshot.
func (b *bench) body(t *testing.T, at core.Index) error {
	t.Helper()
	j := newJournal()
	j.add(strings.Repeat("x", 300))
	frozen, err := j.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.write(core.DefaultGroup, taken{frozen, *snapshotAt(at, 0)}, b.newPace())
	return err
}

// TestBodyIsKeptUntilItIsRestored, though a newer snapshot is on record.
func TestBodyIsKeptUntilItIsRestored(t *testing.T) {
	b := newBench(t, nil)
	restoring := func(at core.Index) engine.Work {
		return engine.Work{Group: core.DefaultGroup, Restore: snapshotAt(at, 300)}
	}
	for at := core.Index(10); at <= 50; at += 10 {
		if err := b.body(t, at); err != nil {
			t.Fatal(err)
		}
	}
	m := b.machine(core.DefaultGroup)
	m.add(restoring(20))
	m.start()
	m.add(restoring(30))
	b.retain(engine.Installed{Group: core.DefaultGroup, At: snapshotAt(40, 0).Position})
	b.work(LaneSave)
	held, err := b.config.Snapshots.List(core.DefaultGroup)
	if got := fmt.Sprint(held); err != nil || got != "[t1/i20 t1/i30 t1/i40 t1/i50]" {
		t.Errorf("held: %v, %v, want those at 20, 30, 40 and 50", got, err)
	}
}

// flipped is snapshots of which a bit flips between Commit and Open.
type flipped struct {
	core.Snapshots
	disk *vfs.Memory
}

func (f flipped) Open(g core.GroupID, at core.Position) (core.SnapshotReader, error) {
	names, err := f.disk.List("snapshots")
	if err == nil {
		err = f.disk.Flip("snapshots/"+names[0], 100, 1)
	}
	if err != nil {
		return nil, err
	}
	return f.Snapshots.Open(g, at)
}

// TestSnapshotIsReadBack before anything is cut from the log on the strength of it.
func TestSnapshotIsReadBack(t *testing.T) {
	disk := vfs.NewMemory(1)
	directory, err := snapfile.Open(disk, "snapshots")
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, func(c *Config) { c.Snapshots = flipped{directory, disk} })
	if err := b.body(t, 7); !errors.Is(err, core.ErrCorrupt) {
		t.Errorf("got %v, want %v", err, core.ErrCorrupt)
	}
}

// TestNewestContactsAreKnown: a node that was not heard for longest makes room.
func TestNewestContactsAreKnown(t *testing.T) {
	b := newBench(t, nil)
	for id := range core.NodeID(3 * maxContacts) {
		b.clock++
		b.now = b.clock
		b.meet(id + 2)
		b.meet(2)
	}
	if n := len(b.contacts); n != maxContacts {
		t.Fatalf("%d contacts, want %d", n, maxContacts)
	}
	oldest := core.NodeID(3*maxContacts + 1)
	for _, c := range b.contacts {
		if c.node != 2 {
			oldest = min(oldest, c.node)
		}
	}
	if want := core.NodeID(2*maxContacts + 3); oldest != want {
		t.Errorf("node %d is known, want none from 3 to %d", oldest, want-1)
	}
}
