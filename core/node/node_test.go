package node

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/engine"
	"github.com/tidelock-raft/tidelock/core/raft"
	"github.com/tidelock-raft/tidelock/persist/memory"
)

// wire joins nodes of one process: what one sends, the other is given at once.
type wire struct {
	mu    sync.RWMutex
	nodes map[core.Addr]*Node
}

type plug struct{ *wire }

func (p plug) Send(to core.Addr, messages []core.Message) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if n := p.nodes[to]; n != nil {
		n.Deliver(messages)
	}
}

func (plug) Close() error { return nil }

// startNodes starts a cluster of nodes; change may alter each one's configuration.
func startNodes(t *testing.T, nodes int, change func(*Config)) []*Node {
	t.Helper()
	var members core.Membership
	for id := range core.NodeID(nodes) {
		members.Members = append(members.Members, core.Member{
			ID: id + 1, Role: core.Voter, Addr: core.Addr(fmt.Sprint(id + 1)),
		})
	}
	w := &wire{nodes: map[core.Addr]*Node{}}
	var started []*Node
	for _, member := range members.Members {
		c := Config{
			Engine: engine.Config{Node: member.ID, Tick: 2e6, SnapshotEntries: 500, Raft: raft.Config{
				Seed: uint64(member.ID), ElectionTicks: 30, HeartbeatTicks: 5}},
			Groups: []Group{{core.DefaultGroup, members}}, Store: memory.New(),
			Machine: func(core.GroupID) (core.StateMachine, error) { return newJournal(), nil },
		}
		if change != nil {
			change(&c)
		}
		n, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		w.mu.Lock()
		w.nodes[member.Addr] = n
		w.mu.Unlock()
		started = append(started, n)
		t.Cleanup(func() { _ = n.Close() })
	}
	for _, n := range started {
		n.Start(plug{w})
	}
	return started
}

// caller waits for one reply.
type caller chan core.Reply

func (c caller) Replied(_ uint64, r core.Reply) { c <- r }

func ask(n *Node, q core.Request) core.Reply {
	c := make(caller, 1)
	q.Group, q.Caller = core.DefaultGroup, c
	n.Submit([]core.Request{q})
	return <-c
}

// insist repeats a request while it certainly was not carried out.
func insist(t *testing.T, n *Node, q core.Request) core.Reply {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		r := ask(n, q)
		if !errors.Is(r.Err, core.ErrNotLeader) && !errors.Is(r.Err, core.ErrBusy) {
			return r
		}
		<-time.After(time.Millisecond)
	}
	t.Fatal("no leader")
	return core.Reply{}
}

func TestNodesAgree(t *testing.T) {
	for name, machine := range map[string]func() core.StateMachine{
		"queries in turn":  func() core.StateMachine { return newJournal() },
		"queries on views": func() core.StateMachine { return viewedJournal{newJournal()} },
	} {
		t.Run(name, func(t *testing.T) {
			nodes := startNodes(t, 3, func(c *Config) {
				c.Machine = func(core.GroupID) (core.StateMachine, error) { return machine(), nil }
			})
			var acknowledged atomic.Int64
			var clients sync.WaitGroup
			for i := range 12 {
				clients.Go(func() {
					n := nodes[i%3]
					for k := range 100 {
						data := fmt.Appendf(nil, "%d.%d", i, k)
						command := core.Request{Kind: core.RequestCommand, Data: data}
						r := insist(t, n, command)
						for errors.Is(r.Err, core.ErrUnknownOutcome) { // a busy machine may lose its leader
							r = insist(t, n, command)
						}
						if r.Err != nil || r.Index == 0 || r.Leader == 0 {
							t.Errorf("command: got %+v", r)
						}
						floor := acknowledged.Add(1)
						r = insist(t, n, core.Request{Kind: core.RequestQuery, Level: core.Linearizable})
						if count, _ := strconv.Atoi(string(r.Result.Value)); int64(count) < floor {
							t.Errorf("query: got %d, %v, want at least %d", count, r.Err, floor)
						}
					}
				})
			}
			clients.Wait()
			digest := func(n *Node) (uint64, core.Index) {
				s := n.Status().Groups[0]
				return s.Digest, s.AppliedIndex
			}
			for deadline := time.Now().Add(20 * time.Second); ; <-time.After(time.Millisecond) {
				d1, i1 := digest(nodes[0])
				d2, i2 := digest(nodes[1])
				d3, i3 := digest(nodes[2])
				if i1 == i2 && i2 == i3 {
					if d1 != d2 || d2 != d3 || i1 < 1200 {
						t.Errorf("digests at %d: %x %x %x", i1, d1, d2, d3)
					}
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("applied: %d %d %d", i1, i2, i3)
				}
			}
		})
	}
}

// counted is a caller that counts replies to each token.
type counted struct {
	mu      sync.Mutex
	replies map[uint64]int
	all     chan struct{}
	want    int
}

func (c *counted) Replied(token uint64, _ core.Reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.replies[token]++
	if len(c.replies) == c.want {
		close(c.all)
		c.want = -1
	}
}

func TestCloseAnswersEveryCallerOnce(t *testing.T) {
	nodes := startNodes(t, 3, nil)
	insist(t, nodes[0], core.Request{Kind: core.RequestCommand, Data: []byte("first")})
	const total = 3000
	c := &counted{replies: map[uint64]int{}, all: make(chan struct{}), want: total}
	var closing sync.WaitGroup
	for token := range uint64(total) {
		kind, level := core.RequestCommand, core.ReadLevel(0)
		if token%3 == 0 {
			kind, level = core.RequestQuery, core.Linearizable
		}
		nodes[token%2].Submit([]core.Request{{
			Group: core.DefaultGroup, Kind: kind, Level: level, Data: fmt.Append(nil, token),
			Token: token, Caller: c,
		}})
		if token == total/2 {
			for _, n := range nodes {
				closing.Go(func() { _ = n.Close() })
			}
		}
	}
	closing.Wait()
	<-c.all
	for token, n := range c.replies {
		if n != 1 {
			t.Errorf("request %d was answered %d times", token, n)
		}
	}
}

// brittle is a store whose writes begin to fail.
type brittle struct {
	*memory.Store
	fails atomic.Bool
}

var errDisk = errors.New("input/output error")

func (b *brittle) Write(batch []core.Update) error {
	if b.fails.Load() {
		return errDisk
	}
	return b.Store.Write(batch)
}

func TestFailedWriteStopsTheNodeAndAcknowledgesNothing(t *testing.T) {
	store := &brittle{Store: memory.New()}
	n := startNodes(t, 1, func(c *Config) { c.Store = store })[0]
	insist(t, n, core.Request{Kind: core.RequestCommand, Data: []byte("kept")})
	store.fails.Store(true)
	r := ask(n, core.Request{Kind: core.RequestCommand, Data: []byte("lost")})
	if !errors.Is(r.Err, core.ErrUnknownOutcome) {
		t.Errorf("command: got %v, want %v", r.Err, core.ErrUnknownOutcome)
	}
	<-n.Done()
	if !errors.Is(n.Err(), errDisk) {
		t.Errorf("Err: got %v, want %v", n.Err(), errDisk)
	}
	if r := ask(n, core.Request{Kind: core.RequestCommand}); !errors.Is(r.Err, core.ErrClosed) {
		t.Errorf("afterwards: got %v, want %v", r.Err, core.ErrClosed)
	}
}

// poisoned is a machine that one command kills.
type poisoned struct{ *journal }

func (p poisoned) Apply(dst []core.Result, entries []core.Entry) ([]core.Result, error) {
	for i := range entries {
		if string(entries[i].Data) == "poison" {
			return dst, errors.New("cannot go on")
		}
	}
	return p.journal.Apply(dst, entries)
}

// TestPoisonEntryNamed by its place in the log, which in virtual time is always the same.
func TestPoisonEntryNamed(t *testing.T) { synctest.Test(t, poison) }

func poison(t *testing.T) {
	n := startNodes(t, 1, func(c *Config) {
		c.Machine = func(core.GroupID) (core.StateMachine, error) { return poisoned{newJournal()}, nil }
	})[0]
	insist(t, n, core.Request{Kind: core.RequestCommand, Data: []byte("good")})
	r := ask(n, core.Request{Kind: core.RequestCommand, Data: []byte("poison")})
	if !errors.Is(r.Err, core.ErrUnknownOutcome) {
		t.Errorf("got %v, want %v", r.Err, core.ErrUnknownOutcome)
	}
	<-n.Done()
	want := "group 1: apply entries t1/i3 to t1/i3: cannot go on"
	if n.Err() == nil || n.Err().Error() != want {
		t.Errorf("got %v, want %s", n.Err(), want)
	}
}

func TestFullMailboxAnswersBusy(t *testing.T) {
	c := Config{
		Engine: engine.Config{Node: 1}, Store: memory.New(), MaxRequests: 2, MaxMessages: 2,
		Machine: func(core.GroupID) (core.StateMachine, error) { return newJournal(), nil },
	}
	n, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	replies := make(caller, 3)
	q := core.Request{Group: core.DefaultGroup, Kind: core.RequestCommand, Caller: replies}
	n.Submit([]core.Request{q, q, q})
	if r := <-replies; !errors.Is(r.Err, core.ErrBusy) {
		t.Errorf("third request: got %v, want %v", r.Err, core.ErrBusy)
	}
	if got := n.Deliver(make([]core.Message, 3)); got != 2 {
		t.Errorf("delivered %d messages, want 2", got)
	}
	if err := n.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	for range 2 {
		if r := <-replies; !errors.Is(r.Err, core.ErrClosed) {
			t.Errorf("waiting request: got %v, want %v", r.Err, core.ErrClosed)
		}
	}
}

// TestMailboxBoundsBytes of requests: one that is too large for it waits alone.
func TestMailboxBoundsBytes(t *testing.T) {
	b := newMailbox(Config{MaxRequests: 100, MaxRequestBytes: 1000})
	of := func(sizes ...int) (list []core.Request) {
		for _, n := range sizes {
			list = append(list, core.Request{Kind: core.RequestCommand, Data: make([]byte, n)})
		}
		return list
	}
	for _, c := range []struct {
		sizes []int
		taken int
	}{{[]int{400, 600, 1}, 2}, {[]int{1}, 0}, {[]int{0}, 1}} {
		if n, _, _ := b.requests(of(c.sizes...)); n != c.taken {
			t.Errorf("of %v, %d were taken, want %d", c.sizes, n, c.taken)
		}
	}
	b.take(new(engine.Events), nil)
	if n, _, _ := b.requests(of(5000, 1)); n != 1 {
		t.Errorf("%d were taken, want the large one alone", n)
	}
}

func TestDamagedSnapshotIsNotServed(t *testing.T) {
	store := memory.New()
	w, err := store.Create(core.DefaultGroup, core.Position{Term: 1, Index: 9})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, "\x03abc"); err != nil {
		t.Fatal(err)
	}
	size, checksum, err := w.Commit()
	if err != nil {
		t.Fatal(err)
	}
	meta := &core.SnapshotMeta{
		Position: core.Position{Term: 1, Index: 9}, Size: size, Checksum: checksum ^ 1,
		Membership: core.Membership{Members: []core.Member{{ID: 1, Role: core.Voter}}},
	}
	update := core.Update{Group: core.DefaultGroup, Install: meta, Hard: core.HardState{Term: 1}}
	if err := store.Write([]core.Update{update}); err != nil {
		t.Fatal(err)
	}
	_, err = New(Config{Engine: engine.Config{Node: 1}, Store: store,
		Machine: func(core.GroupID) (core.StateMachine, error) { return newJournal(), nil }})
	if !errors.Is(err, core.ErrCorrupt) {
		t.Errorf("got %v, want %v", err, core.ErrCorrupt)
	}
}
