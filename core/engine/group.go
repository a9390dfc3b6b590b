package engine

import (
	"errors"
	"math"
	"slices"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/internal/ring"
	"github.com/tidelock-raft/tidelock/core/raft"
)

// group is one replica as the engine drives it.
//
// Invariants:
//  1. batch and batchCalls have the same length, batchBytes is their size; between Steps they
//     hold what a leader has yet to propose.
//  2. calls ascends by index; all of it lies above handed, the newest entry given to the machine.
//  3. asked ascends by token; raft has confirmed all but the newest of it. ready holds reads that
//     wait for handed to reach their index.
type group struct {
	id      core.GroupID
	node    core.NodeID // this one
	self    []byte      // its address
	config  *Config
	raft    *raft.Raft
	err     error // why this replica cannot go on, if it is not raft's
	out     raft.Output
	touched bool

	unreachable core.NodeID // the leader, while messages to it are known to be lost
	stranger    core.Member // the newest node that told its address and is no member; an address only

	changing *changing // nil: nobody waits for a change of membership
	handing  *handing  // nil: nobody waits for a transfer of leadership
	removed  bool      // this node was removed, and that was told
	sick     bool      // the disk hangs or is full

	batch      []core.Entry // to be proposed
	batchCalls []Call
	batchBytes int
	cohort     cohort
	calls      ring.Ring[Call]
	handed     core.Index
	repeats    repeats // of what other members passed on

	gathered      []core.Request // queries for the next question
	gatheredBytes int
	room          []core.Request // for those that gather next; nil: none
	overdue       bool           // they were there at the last tick
	usual         int            // how many of them the newest question was about
	serving       int            // queries that others gather behind: the machine has them
	asked         ring.Ring[read]
	ready         []read

	fresh freshness

	saving       saving
	writing      *int  // groups of this node whose snapshot is being written
	short        *bool // see Events
	turn         turn
	body         core.Index // of the newest snapshot written, on record or not
	snapshotSize int64      // of the newest snapshot on record, in bytes
	sinceEntries int        // handed to the machine since the newest snapshot
	sinceBytes   int64

	audit      audit
	quarantine *core.Quarantine // nil: none; replaced, never changed, as a Status shows it
	resync     resync
	restores   uint64 // how often the machine's state was replaced
}

// read is a bunch of queries that share one read index.
type read struct {
	token    uint64
	index    core.Index
	requests []core.Request
	age      int // ticks since it has its index
}

// members returns the newest membership, committed or not.
func (g *group) members() core.Membership { return g.raft.MembershipAt(math.MaxUint64) }

func (g *group) leads() bool { return g.raft.Role() == raft.Leader }

const (
	// proposeChunk bounds how many entries are offered to raft at once.
	proposeChunk = 256
	// MaxHeld and maxHeldBytes bound the commands that wait for a write under way.
	MaxHeld      = 512
	maxHeldBytes = 256 << 10
)

// hold reports whether commands are to wait, as they do for a leader's own write under way, and for
// their cohort. They could travel to the followers beside the write, but their own comes after it
// in any case, and all that gathers until then makes one message and one write everywhere: the
// busier a group, the fewer of both.
func (g *group) hold(now core.Instant) bool {
	if !g.leads() || len(g.batch) >= MaxHeld || g.batchBytes >= maxHeldBytes {
		return false
	}
	return g.raft.Writing() || g.cohort.waits(now, len(g.batch)) && g.raft.Replicating()
}

// propose offers the commands that were gathered to raft.
func (g *group) propose(now core.Instant, out *Effects) {
	if n := len(g.batch); n > 0 {
		g.cohort.proposed(now, n, g.calls.Len()+n)
	}
	for lo := 0; lo < len(g.batch); lo += proposeChunk {
		g.offer(lo, min(lo+proposeChunk, len(g.batch)), out)
	}
	clear(g.batch)
	clear(g.batchCalls)
	g.batch, g.batchCalls, g.batchBytes = g.batch[:0], g.batchCalls[:0], 0
}

// offer proposes some of the batch. What is too much together is offered in halves, so that as much
// is taken as there is room for.
func (g *group) offer(lo, hi int, out *Effects) {
	entries, calls := g.batch[lo:hi], g.batchCalls[lo:hi]
	err := g.raft.Propose(entries)
	switch {
	case err == nil:
		for i := range calls {
			calls[i].Position = entries[i].Position
			g.calls.Push(calls[i])
		}
	case hi-lo > 1 && (errors.Is(err, core.ErrTooLarge) || errors.Is(err, core.ErrBusy)):
		middle := (lo + hi) / 2
		g.offer(lo, middle, out)
		g.offer(middle, hi, out)
	default:
		for i := range calls {
			g.refuse(&calls[i], err, out)
		}
	}
}

// refuse answers a command that certainly was not and will not be carried out.
func (g *group) refuse(c *Call, err error, out *Effects) {
	if c.Caller != nil {
		g.answer(c.Caller, c.Token, err, out)
		return
	}
	g.send(out, core.Message{
		Kind: core.MsgForwardReply, Reject: true, To: c.From, Token: c.Token,
		Data: appendRefusal(nil, err),
	})
}

// giveUp answers a command of which nobody can say here whether it will be carried out. To the node
// that forwarded one, a reply with nothing in it says so.
func (g *group) giveUp(c *Call, out *Effects) {
	if c.Caller != nil {
		g.answer(c.Caller, c.Token, core.ErrUnknownOutcome, out)
		return
	}
	g.send(out, core.Message{Kind: core.MsgForwardReply, To: c.From, Token: c.Token})
}

func (g *group) answer(caller core.Caller, token uint64, err error, out *Effects) {
	reply := core.Reply{Leader: g.raft.Leader(), Err: err}
	out.Answers = append(out.Answers, Answer{Token: token, Caller: caller, Reply: reply})
}

// send addresses a message of the engine's own to a member.
func (g *group) send(out *Effects, m core.Message) {
	addr, ok := g.addr(m.To)
	if !ok {
		return
	}
	m.Group, m.From, m.Term = g.id, g.node, g.raft.Term()
	out.Send.Add(addr, m)
}

// effects passes on what one Take of raft wants.
func (e *Engine) effects(g *group, out *Effects) {
	o := &g.out
	if o.RoleChanged {
		g.roleChanged(out)
		out.Roles = append(out.Roles, RoleChange{g.id, o.Role.String(), o.Term, o.Leader})
	}
	if o.DroppedFrom != 0 {
		g.dropped(o.DroppedFrom, out)
	}
	if o.HasWrite {
		out.Write = append(out.Write, o.Write)
		if at := recorded(&o.Write); at != nil {
			out.Installed = append(out.Installed, Installed{g.id, at.Position})
		}
	}
	g.route(o.Send, &out.Send, out)
	g.route(o.AfterWrite, &out.AfterWrite, out)
	if o.Restore != nil {
		g.restore(o.Restore, out)
	}
	g.apply(o.Apply, out)
	g.readsEnded(o, out)
}

// recorded returns the snapshot that an update puts on record, nil if it does not.
func recorded(u *core.Update) *core.SnapshotMeta {
	if u.Snapshot != nil {
		return u.Snapshot
	}
	return u.Install
}

// route puts raft's messages into the outbox of their peers. A MsgSnapshot speaks of a body that
// has to travel first, so it goes to the node.
func (g *group) route(messages []core.Message, box *Outbox, out *Effects) {
	for i := range messages {
		m := &messages[i]
		addr, ok := g.addr(m.To)
		switch {
		case m.Kind == core.MsgSnapshot:
			out.Transfers = append(out.Transfers, *m)
			continue
		case m.Kind == core.MsgPreVote, m.Kind == core.MsgAppend:
			m.Data = g.here()
		}
		if ok {
			box.Add(addr, *m)
		}
	}
}

// addr returns where a node is found, be it a member, or one that was, or that has told.
func (g *group) addr(id core.NodeID) (core.Addr, bool) {
	addr, ok := g.raft.Addr(id)
	if !ok && id == g.stranger.ID && id != 0 {
		return g.stranger.Addr, true
	}
	return addr, ok
}

// here is where this node is found, for those to whom the log does not tell.
func (g *group) here() []byte {
	if addr, _ := g.raft.Addr(g.node); string(addr) != string(g.self) {
		g.self = []byte(addr)
	}
	return g.self
}

// meet notes where a node is found that is no member and asks for votes, or leads: it may have been
// removed and not know, or have joined while this one was away, and the log does not tell.
func (g *group) meet(m *core.Message) {
	if len(m.Data) == 0 {
		return
	}
	if _, known := g.raft.Addr(m.From); !known && len(m.Data) <= core.MaxAddrBytes {
		g.stranger = core.Member{ID: m.From, Addr: core.Addr(m.Data)}
	}
}

// leave notes that this node was removed. Nobody tells it any more what becomes of commands that
// are not committed, or that it has passed on.
func (e *Engine) leave(g *group, out *Effects) {
	if g.removed || !g.raft.Removed() {
		return
	}
	g.removed = true
	g.dropped(g.raft.Commit()+1, out)
	e.forwards.lost(g.id, 0, out)
	at := core.Position{Term: g.raft.Term(), Index: g.raft.Commit()}
	g.found(Finding{Kind: Removed, Node: g.node, At: at}, out)
}

// dropped ends the calls whose entries were replaced in this log. Another log may still hold them,
// so their outcome is unknown.
func (g *group) dropped(from core.Index, out *Effects) {
	for g.calls.Len() > 0 && g.calls.Last().Index >= from {
		g.giveUp(g.calls.Last(), out)
		g.calls.PopLast()
	}
}

// restore has the machine's state replaced. Calls up to there have lost their entries' results.
func (g *group) restore(meta *core.SnapshotMeta, out *Effects) {
	for g.calls.Len() > 0 && g.calls.First().Index <= meta.Index {
		g.giveUp(g.calls.First(), out)
		g.calls.Pop()
	}
	g.handed = meta.Index
	g.snapshotSize, g.sinceEntries, g.sinceBytes = meta.Size, 0, 0
	g.turn = turnOf(g.members(), g.node, g.raft.Leader())
	g.restored()
	out.Work = append(out.Work, Work{Group: g.id, Restore: meta, Note: true})
}

// apply hands committed entries to the machine, in pieces that end at checkpoints.
func (g *group) apply(entries []core.Entry, out *Effects) {
	for len(entries) > 0 {
		n, checkpoint := g.stretch(entries)
		work := g.hand(entries[:n:n])
		if checkpoint {
			work = g.check(work)
		}
		out.Work = append(out.Work, work)
		entries = entries[n:]
	}
}

// hand makes work of committed entries, with the calls that wait for them.
func (g *group) hand(entries []core.Entry) Work {
	g.handed = entries[len(entries)-1].Index
	g.audit.quiet = 0
	var calls []Call
	if n := g.calls.CountWhile(func(c *Call) bool { return c.Index <= g.handed }); n > 0 {
		calls = make([]Call, n)
		for i := range calls {
			calls[i] = *g.calls.First()
			g.calls.Pop()
		}
	}
	g.sinceEntries += len(entries)
	for i := range entries {
		g.sinceBytes += int64(entries[i].Size())
	}
	return Work{Group: g.id, Entries: entries, Calls: calls}
}

// readsEnded notes which reads have their index and answers those that raft gave up.
func (g *group) readsEnded(o *raft.Output, out *Effects) {
	for _, lost := range o.LostReads {
		if r, ok := g.takeRead(lost); ok {
			for i := range r.requests {
				err := &core.NotLeaderError{Leader: g.raft.Leader()}
				g.answer(r.requests[i].Caller, r.requests[i].Token, err, out)
			}
		}
	}
	for _, state := range o.Reads {
		if r, ok := g.takeRead(state.Token); ok {
			r.index = state.Index
			if r.index <= g.handed {
				g.ready = append(g.ready, r) // release has it gone at once
			} else {
				g.park(r, out)
			}
		}
	}
}

// takeRead removes the read with this token. Reads end nearly in the order in which they began.
func (g *group) takeRead(token uint64) (read, bool) {
	for i := range g.asked.Len() {
		if g.asked.At(i).token == token {
			r := *g.asked.At(i)
			g.asked.RemoveAt(i)
			return r, true
		}
	}
	return read{}, false
}

// release hands the queries to the machine whose index it has been given. Work is done in order, so
// they will see every entry up to there.
func (g *group) release(out *Effects) {
	kept := g.ready[:0]
	var early []core.Request // of reads that the machine is far enough for, but not for these
	for _, r := range g.ready {
		if r.index > g.handed {
			kept = append(kept, r)
			continue
		}
		due := r.requests
		if slices.ContainsFunc(due, g.early) {
			early = append(early, slices.DeleteFunc(slices.Clone(due), func(q core.Request) bool {
				return !g.early(q)
			})...)
			due = slices.DeleteFunc(due, g.early)
		}
		g.ask(due, out)
	}
	clear(g.ready[len(kept):])
	g.ready = kept
	for _, q := range early {
		g.park(read{index: q.AtLeast, requests: []core.Request{q}}, out)
	}
}

// early reports whether the machine is not as far as a query demands.
func (g *group) early(q core.Request) bool { return q.AtLeast > g.handed }

// ask hands queries to the machine, together with those before them if nothing comes between. The
// slice is the machine's from here on.
func (g *group) ask(queries []core.Request, out *Effects) {
	if len(queries) == 0 || g.join(queries, out) {
		return
	}
	g.serving += Waited(queries)
	out.Work = append(out.Work, Work{Group: g.id, Queries: queries, Leader: g.raft.Leader()})
}

// join adds queries to those that are handed to the machine just now, and reports whether there are
// any.
func (g *group) join(queries []core.Request, out *Effects) bool {
	next, n := Work{Group: g.id, Queries: queries, Leader: g.raft.Leader()}, len(out.Work)
	if n == 0 || !out.Work[n-1].Join(&next) {
		return false
	}
	g.serving += Waited(queries)
	return true
}
