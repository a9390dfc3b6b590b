package engine

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/raft"
)

// maxCatchUpTicks bounds how many ticks one Step makes up for. A node that was suspended for an
// hour does not live through the hour tick by tick; it only has to notice that time has passed.
const maxCatchUpTicks = 100

// Engine holds the groups of one node.
//
// Invariants:
//  1. groups ascends by id, and byID finds each of them.
//  2. A group is in dirty exactly when its touched flag is set.
//  3. writes ascends by batch; an element leaves when its batch is durable.
type Engine struct {
	config   Config
	groups   []*group
	byID     map[core.GroupID]*group
	dirty    []*group
	writes   []groupWrite
	batch    uint64       // number of the newest batch of writes
	now      core.Instant // of the Step under way
	lastTick core.Instant // when the newest tick was due; zero: no tick yet
	tokens   uint64       // newest token given to a read or a forwarded command
	writing  int          // groups whose snapshot is being written
	short    bool         // Events.Short
	forwards forwards
}

// groupWrite remembers which of a group's writes went out in a batch.
type groupWrite struct {
	group *group
	seq   uint64
	batch uint64
}

// New returns an engine without groups.
func New(c Config) *Engine {
	c = c.withDefaults()
	return &Engine{
		config:   c,
		byID:     make(map[core.GroupID]*group),
		tokens:   uint64(c.Incarnation) << 32,
		forwards: newForwards(c.MaxForwards),
	}
}

// Open adds a group in the state that the store holds; its machine must be at st.Snapshot. The log
// is read by Step, on the caller's goroutine.
func (e *Engine) Open(id core.GroupID, st core.State, log raft.Log) error {
	if _, ok := e.byID[id]; ok {
		return fmt.Errorf("group %d is open already", id)
	}
	c := e.config.Raft
	c.ID, c.Group = e.config.Node, id
	c.Incarnation = e.config.Incarnation
	r, err := raft.New(c, st, log)
	if err != nil {
		return fmt.Errorf("group %d: %w", id, err)
	}
	g := &group{
		id: id, node: c.ID, config: &e.config, raft: r,
		handed: st.Snapshot.Index, snapshotSize: st.Snapshot.Size, body: st.Snapshot.Index,
		writing: &e.writing, short: &e.short,
		repeats: repeats{born: st.Hard.Term, windows: map[core.NodeID]*window{}},
	}
	g.audit.told = e.config.DigestTicks
	g.turn = turn{1, 1} // it goes on from a snapshot of its own, most likely
	if st.Snapshot.Index == 0 {
		g.turn = turnOf(g.members(), g.node, 0)
	}
	e.byID[id] = g
	at, _ := slices.BinarySearchFunc(e.groups, id, func(g *group, id core.GroupID) int {
		return cmp.Compare(g.id, id)
	})
	e.groups = slices.Insert(e.groups, at, g)
	e.touch(g)
	return nil
}

// Step takes in what has happened up to now and says what is to be done about it. It keeps nothing
// of in but what its elements point to.
func (e *Engine) Step(now core.Instant, in *Events, out *Effects) {
	out.reset(e.batch)
	e.now = now
	e.health(in.Sick)
	e.short = in.Short
	e.wrote(in.Wrote)
	for i := range in.Messages {
		e.message(&in.Messages[i], in.Wall, out)
	}
	for _, a := range in.Applied {
		if g := e.touched(a.Group); g != nil && a.Restores == g.restores {
			g.raft.Applied(a.Index)
		}
	}
	for i := range in.Noted {
		if g := e.touched(in.Noted[i].Group); g != nil {
			g.noted(&in.Noted[i], out)
		}
	}
	for _, s := range in.Served {
		if g := e.touched(s.Group); g != nil {
			g.served(&s)
		}
	}
	e.snapshots(in)
	e.unreachable(in, out)
	e.requests(in, out)
	e.tick(now, out)
	e.collect(out)
}

// health has the groups lead or not, as the disk permits. A leader whose writes hang is a burden:
// its heartbeats keep the others from electing one that can commit.
func (e *Engine) health(sick bool) {
	for _, g := range e.groups {
		if g.sick != sick {
			g.sick = sick
			g.bar()
			e.touch(g)
		}
	}
}

// Err returns why a group cannot go on, such as a log that cannot be read.
func (e *Engine) Err() error {
	for _, g := range e.groups {
		if err := cmp.Or(g.raft.Err(), g.err); err != nil {
			return fmt.Errorf("group %d: %w", g.id, err)
		}
	}
	return nil
}

// wrote tells the groups which of their writes are durable.
func (e *Engine) wrote(batch uint64) {
	n := 0
	for n < len(e.writes) && e.writes[n].batch <= batch {
		g := e.writes[n].group
		if g.raft.Wrote(e.writes[n].seq); !g.raft.Writing() {
			g.cohort.wrote(e.now)
		}
		e.touch(g)
		n++
	}
	e.writes = slices.Delete(e.writes, 0, n)
}

// message hands a peer's message to whom it is for. Messages about groups that this node does not
// carry are dropped: their senders have a membership that is not ours.
func (e *Engine) message(m *core.Message, wall int64, out *Effects) {
	g := e.touched(m.Group)
	if g == nil || m.To != e.config.Node {
		return
	}
	if m.From == g.unreachable {
		g.unreachable = 0 // it is back
	}
	switch m.Kind {
	case core.MsgForward:
		e.forwarded(g, m, wall, out)
	case core.MsgForwardReply:
		e.forwardReply(g, m, out)
	case core.MsgDigest:
		g.reported(m, out)
	case core.MsgVerdict:
		g.heard(m, out)
	case core.MsgResync:
		g.resyncFor(m, wall, out)
	case core.MsgSnapshotChunk, core.MsgSnapshotAck:
		g.resync.asked = 0 // a snapshot is coming, or gone
		if m.Term >= g.raft.Term() || m.Kind == core.MsgSnapshotAck {
			out.Transfers = append(out.Transfers, *m)
		}
	case core.MsgPreVote:
		g.meet(m)
		g.raft.Step(*m)
	case core.MsgAppend:
		g.meet(m)
		g.raft.Step(*m)
		g.hear(m, e.now)
	default:
		g.raft.Step(*m)
	}
}

// snapshots tells the groups how their snapshots and transfers fare.
func (e *Engine) snapshots(in *Events) {
	for i := range in.Saved {
		if g := e.touched(in.Saved[i].Group); g != nil {
			g.saved(in.Saved[i])
		}
	}
	for _, l := range in.Lost {
		if g := e.touched(l.Group); g != nil {
			g.raft.SnapshotFailed(l.To)
		}
	}
}

// unreachable tells the groups which members messages were lost to.
func (e *Engine) unreachable(in *Events, out *Effects) {
	for _, addr := range in.Unreachable {
		for _, g := range e.groups {
			for _, member := range g.members().Members {
				if member.Addr == addr && member.ID != e.config.Node {
					e.lostSight(g, member.ID, out)
				}
			}
		}
	}
}

// lostSight is what it means for a group that a member cannot be reached.
func (e *Engine) lostSight(g *group, id core.NodeID, out *Effects) {
	g.raft.Unreachable(id)
	e.touch(g)
	if id == g.raft.Leader() {
		g.unreachable = id
		e.forwards.lost(g.id, id, out)
	}
}

// tick lets the time pass that has passed since the last Step.
func (e *Engine) tick(now core.Instant, out *Effects) {
	interval := core.Instant(e.config.Tick)
	if e.lastTick == 0 {
		e.lastTick = now
	}
	for n := 0; now-e.lastTick >= interval; n++ {
		if n == maxCatchUpTicks {
			e.lastTick = now
			break
		}
		e.lastTick += interval
		for _, g := range e.groups {
			g.raft.Tick()
			g.tickAudit(out)
			g.tickSaving()
			g.tickResync(out)
			g.tickHandover()
			g.tickReads(e.config.ForwardTicks, out)
			e.touch(g)
		}
		e.forwards.tick(e.config.ForwardTicks, out)
	}
}

// Holds reports whether commands for any group would only be gathered until the writes under way
// are durable.
func (e *Engine) Holds() bool {
	for _, g := range e.groups {
		if !g.hold(e.now) {
			return false
		}
	}
	return true
}

// Asks reports whether one more linearizable query for any group would only be gathered, until the
// question under way is answered or the machine has answered others.
func (e *Engine) Asks() bool {
	for _, g := range e.groups {
		if !g.gathers(1) {
			return false
		}
	}
	return true
}

// NextTick returns when Step wants to be called even if nothing happens.
func (e *Engine) NextTick() core.Instant { return e.lastTick + core.Instant(e.config.Tick) }

// collect asks every group that was touched what it wants done.
func (e *Engine) collect(out *Effects) {
	batch := e.batch + 1
	held := e.dirty[:0]
	for _, g := range e.dirty {
		g.touched = false
		if !g.hold(e.now) {
			g.propose(e.now, out)
		}
		e.question(g, out)
		for g.raft.Take(&g.out) {
			if g.out.HasWrite {
				e.batch = batch
				e.writes = append(e.writes, groupWrite{g, g.out.Seq, batch})
			}
			e.effects(g, out)
		}
		if g.calls.Len() == 0 {
			g.cohort.answered(e.now)
		}
		g.stampRounds(e.now)
		g.release(out)
		g.changed(out)
		g.handedOver(out)
		e.leave(g, out)
		g.save(out)
		if g.touched = len(g.batch) > 0; g.touched {
			held = append(held, g) // whether it is time to propose is to be seen at the next Step
		}
	}
	e.dirty = held
	out.Batch = e.batch
}

// touched returns the group and notes that it has to be asked for effects; nil: no such group.
func (e *Engine) touched(id core.GroupID) *group {
	g := e.byID[id]
	if g != nil {
		e.touch(g)
	}
	return g
}

func (e *Engine) touch(g *group) {
	if !g.touched {
		g.touched = true
		e.dirty = append(e.dirty, g)
	}
}

func (e *Engine) token() uint64 {
	e.tokens++
	return e.tokens
}
