package node

import (
	"container/heap"
	"fmt"
	"log/slog"
	"math/rand"
	"slices"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/engine"
	"github.com/tidelock-raft/tidelock/core/raft"
	"github.com/tidelock-raft/tidelock/persist/snapfile"
	"github.com/tidelock-raft/tidelock/persist/vfs"
	"github.com/tidelock-raft/tidelock/persist/wal"
)

// world runs handlers in virtual time under one seed: one queue ordered by time calls everything.
// Stores are real write-ahead logs on disks that can lose power.
type world struct {
	t     *testing.T
	rng   *rand.Rand
	now   core.Instant
	queue events
	count uint64
	hosts []*host
	cut   map[[2]core.NodeID]bool
	loss  float64
	// tamper, if set, is given every message that is sent; it returns what arrives instead.
	tamper func(core.Message) []core.Message
}

type event struct {
	at    core.Instant
	order uint64
	run   func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, k int) bool {
	return e[i].at < e[k].at || e[i].at == e[k].at && e[i].order < e[k].order
}
func (e events) Swap(i, k int) { e[i], e[k] = e[k], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	*e = old[:len(old)-1]
	return last
}

// host is a machine with a disk that outlives the handler that runs on it.
type host struct {
	w           *world
	id          core.NodeID
	disk        *vfs.Memory
	handler     *Handler // nil while down
	journal     *journal
	incarnation uint32
	events      engine.Events
	done        []func()
	woken       bool
	sluggish    bool                  // its machine takes its time
	hung        bool                  // a write that begins now hangs for half a minute
	full        bool                  // its disk has no space
	joins       bool                  // it begins as a learner
	busy        map[Lane]core.Instant // until when
}

const tick = core.Instant(10e6)

func newWorld(t *testing.T, seed int64, nodes int) *world {
	w := &world{t: t, rng: rand.New(rand.NewSource(seed)), cut: map[[2]core.NodeID]bool{}}
	w.now = 1
	for id := range core.NodeID(nodes) {
		h := &host{w: w, id: id + 1, disk: vfs.NewMemory(uint64(seed)*8 + uint64(id))}
		w.hosts = append(w.hosts, h)
	}
	for _, h := range w.hosts {
		h.start()
	}
	return w
}

func (w *world) at(delay core.Instant, run func()) {
	w.count++
	heap.Push(&w.queue, event{w.now + delay, w.count, run})
}

// run lets virtual time pass until ok is true, and fails the test after limit.
func (w *world) run(limit core.Instant, what string, ok func() bool) {
	w.t.Helper()
	for end := w.now + limit; !ok(); {
		if len(w.queue) == 0 || w.queue[0].at > end {
			w.t.Fatalf("at %d ms: no %s", w.now/1e6, what)
		}
		e := heap.Pop(&w.queue).(event)
		w.now = e.at
		e.run()
	}
}

func (w *world) sleep(d core.Instant) {
	over := false
	w.at(d, func() { over = true })
	w.run(d+1, "end of sleep", func() bool { return over })
}

func (w *world) members() core.Membership {
	var m core.Membership
	for _, h := range w.hosts {
		m.Members = append(m.Members, core.Member{
			ID: h.id, Role: core.Voter, Addr: core.Addr(fmt.Sprint(h.id)),
		})
	}
	return m
}

// members are those that a host begins with.
func (h *host) members() core.Membership {
	m := h.w.members()
	if h.joins {
		m.Members[h.id-1].Role = core.Learner
	}
	return m
}

func (h *host) start() {
	h.incarnation++
	h.busy = map[Lane]core.Instant{}
	h.events, h.done, h.woken = engine.Events{}, nil, false
	store, err := wal.Open(h.disk, "wal", wal.Config{
		SegmentBytes: 8 << 10, Inline: true, Salt: uint64(h.id), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		h.w.t.Fatalf("node %d: open wal: %v", h.id, err)
	}
	snapshots, err := snapfile.Open(h.disk, "snapshots")
	if err != nil {
		h.w.t.Fatalf("node %d: open snapshots: %v", h.id, err)
	}
	h.journal = newJournal()
	h.handler, err = NewHandler(Config{
		Engine: engine.Config{
			Node: h.id, Incarnation: h.incarnation, TailEntries: 5, SnapshotEntries: 40,
			SnapshotBytes: 1 << 30, ForwardTicks: 200, DigestEvery: 16, DigestTicks: 20,
			Raft: raft.Config{Seed: uint64(h.w.rng.Int63()), ElectionTicks: 20, HeartbeatTicks: 4,
				MaxApplyBytes: 500},
		},
		Groups: []Group{{core.DefaultGroup, h.members()}}, ChunkBytes: 64,
		Store: limited{store, h}, Snapshots: snapshots, Clock: h,
		Machine: func(core.GroupID) (core.StateMachine, error) { return h.journal, nil },
	}, h)
	if err != nil {
		h.w.t.Fatalf("node %d: %v", h.id, err)
	}
	h.handler.Connect(h)
	h.ticks()
}

// power cuts the power: the handler is gone, and so is what the disk had not synced.
func (h *host) power() {
	h.incarnation++
	h.handler = nil
	h.disk = h.disk.Crash()
}

// Now and Wall make a host its handler's clock.
func (h *host) Now() core.Instant { return h.w.now }
func (h *host) Wall() int64       { return int64(h.w.now) }

// Go makes a host its handler's lanes: a job takes a while, and a crash finds it undone or done but
// not yet told.
func (h *host) Go(l Lane, job func() func()) {
	takes := core.Instant(1 + h.w.rng.Int63n(2e6))
	if l.Kind == LaneDisk || l.Kind == LaneApply && h.sluggish {
		takes *= 10
	}
	if l.Kind == LaneDisk && h.hung {
		takes += 30 * second
	}
	start := max(h.w.now, h.busy[l])
	h.busy[l] = start + takes
	early, incarnation := h.w.rng.Intn(2) == 0, h.incarnation
	var done func()
	work := func() {
		if h.incarnation == incarnation {
			done = job()
		}
	}
	if early {
		h.w.at(start-h.w.now, work)
	}
	h.w.at(h.busy[l]-h.w.now, func() {
		if !early {
			work()
		}
		if h.incarnation == incarnation && done != nil {
			h.done = append(h.done, done)
			h.wake()
		}
	})
}

// wake has the handler look, soon.
func (h *host) wake() {
	if h.woken {
		return
	}
	h.woken = true
	incarnation := h.incarnation
	h.w.at(0, func() {
		if h.incarnation != incarnation {
			return
		}
		h.woken = false
		done := h.done
		h.done = nil
		h.handler.Handle(done, &h.events)
		h.events.Reset()
		if err := h.handler.Err(); err != nil {
			h.w.t.Fatalf("node %d: %v", h.id, err)
		}
	})
}

// ticks wakes the handler at every tick of its life.
func (h *host) ticks() {
	incarnation := h.incarnation
	h.w.at(tick, func() {
		if h.incarnation == incarnation {
			h.wake()
			h.ticks()
		}
	})
}

// Send makes a host its handler's transport.
func (h *host) Send(to core.Addr, messages []core.Message) {
	for _, m := range messages {
		if h.w.cut[[2]core.NodeID{h.id, m.To}] || h.w.rng.Float64() < h.w.loss {
			continue
		}
		arriving := []core.Message{m}
		if h.w.tamper != nil {
			arriving = h.w.tamper(m)
		}
		for _, m := range arriving {
			h.w.arrive(m)
		}
	}
}

// arrive has a message arrive, soon.
func (w *world) arrive(m core.Message) {
	i := slices.IndexFunc(w.hosts, func(h *host) bool { return h.id == m.To })
	if i < 0 {
		return
	}
	peer := w.hosts[i]
	w.at(core.Instant(1+w.rng.Int63n(1e6)), func() {
		if peer.handler != nil {
			peer.events.Messages = append(peer.events.Messages, m)
			peer.wake()
		}
	})
}

// Close is there to make a host a transport.
func (h *host) Close() error { return nil }
