package engine

import (
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
)

// maxResyncs bounds how many callers may wait for one resync.
const maxResyncs = 64

// resync is the replacement of this replica's state by a snapshot of the leader's, and what has to
// happen until the new one is trusted.
type resync struct {
	callers []Call
	wanted  bool       // a snapshot is asked of the leader
	proving bool       // a new state is in place; it counts once a checkpoint from until on agrees
	until   core.Index // what was known to be committed when the new state came
	asked   int        // ticks since the leader was asked, or anything of a snapshot was seen
}

// halted reports whether the machine stands still, because its state has diverged.
func (g *group) halted() bool { return g.quarantine != nil && !g.quarantine.Restored }

// bar tells raft what this replica must not do: lead, when its state or its disk is not as it
// should be; apply, when its state has diverged.
func (g *group) bar() { g.raft.Bar(g.quarantine != nil || g.sick, g.halted()) }

// sound reports whether this replica's state is good for a snapshot.
func (g *group) sound() bool { return g.quarantine == nil && !g.resync.wanted }

// diverged quarantines this replica: its state at a checkpoint is not the majority's. It applies
// nothing further, answers no queries and does not lead. But its log is as good as any, so it goes
// on to store and to vote: without it, entries would be on fewer disks and the group would survive
// one failure less, for no gain. The quarantine itself is not kept on disk: a restart makes the
// state anew from snapshot and log, and what was wrong with those shows again.
func (g *group) diverged(at core.Position, parts []string, out *Effects) {
	if g.halted() {
		return
	}
	g.quarantine = &core.Quarantine{Index: at.Index, Collections: append([]string{}, parts...)}
	g.saving.wanted = false
	g.bar()
	g.giveUpCalls(out) // the others may yet carry them out
	g.refuseReads(core.ErrQuarantined, out)
	g.found(Finding{Kind: Quarantined, Node: g.node, At: at, Collections: parts}, out)
	g.resync.until = 0 // there is nothing to wait for
	g.unproved(at, out)
}

// giveUpCalls ends the commands that wait to be applied.
func (g *group) giveUpCalls(out *Effects) {
	for g.calls.Len() > 0 {
		g.giveUp(g.calls.First(), out)
		g.calls.Pop()
	}
}

// refuseReads ends the queries that wait.
func (g *group) refuseReads(err error, out *Effects) {
	for g.asked.Len() > 0 {
		g.ready = append(g.ready, *g.asked.First())
		g.asked.Pop()
	}
	for _, r := range g.ready {
		for i := range r.requests {
			g.answer(r.requests[i].Caller, r.requests[i].Token, err, out)
		}
	}
	for i := range g.gathered {
		g.answer(g.gathered[i].Caller, g.gathered[i].Token, err, out)
	}
	g.ready, g.gathered, g.gatheredBytes = nil, nil, 0
}

// restored notes that the machine is given another state, of which nothing is known yet.
func (g *group) restored() {
	g.restores++
	a := &g.audit
	a.checkpoints, a.newest, a.heard, a.ordered, a.quiet = nil, 0, 0, g.handed, 0
	a.tail = tail{}
	if g.sound() {
		return
	}
	g.resync.wanted, g.resync.proving, g.resync.until = false, true, g.raft.Commit()
	if q := g.quarantine; q != nil {
		g.quarantine = &core.Quarantine{Index: q.Index, Collections: q.Collections, Restored: true}
		g.bar()
	}
}

// proved ends resync and quarantine when the new state has caught up and is the majority's.
func (g *group) proved(at core.Position, out *Effects) {
	if !g.resync.proving || at.Index < g.resync.until {
		return
	}
	if g.quarantine != nil {
		g.quarantine = nil
		g.bar()
		g.found(Finding{Kind: Recovered, Node: g.node, At: at}, out)
	}
	g.endResync(core.Reply{Index: at.Index, Leader: g.raft.Leader()}, out)
}

// unproved ends a resync whose new state is not known to be the majority's.
func (g *group) unproved(at core.Position, out *Effects) {
	if g.resync.proving && at.Index >= g.resync.until {
		g.failResync("diverged", fmt.Sprintf("the states still differ at index %d", at.Index), out)
	}
}

// resyncAsked takes a client's request to replace this replica's state.
func (g *group) resyncAsked(q *core.Request, out *Effects) {
	if len(g.resync.callers) >= maxResyncs {
		g.answer(q.Caller, q.Token, core.ErrBusy, out)
		return
	}
	g.resync.callers = append(g.resync.callers, Call{Token: q.Token, Caller: q.Caller})
	if g.leads() {
		g.failResync("leader", "the leader has nobody to take another state from", out)
		return
	}
	if !g.resync.wanted && !g.resync.proving {
		g.resync.wanted, g.resync.asked = true, g.config.DigestTicks
		g.saving.wanted = false
		g.settle()
	}
}

// roleChanged gives up a resync, should this replica have begun to lead, and forgets one that was
// asked of it as the leader, as well as when it was confirmed.
func (g *group) roleChanged(out *Effects) {
	g.saving.trusted = false
	g.fresh = freshness{heard: g.fresh.heard, commit: g.fresh.commit}
	if g.leads() && g.resync.wanted {
		g.raft.Rebuild(false)
		g.failResync("leader", "the node has become the leader", out)
	}
}

func (g *group) failResync(code, message string, out *Effects) {
	failure := &core.Failure{Code: code, Message: message}
	g.endResync(core.Reply{Result: core.Result{Failure: failure}, Leader: g.raft.Leader()}, out)
}

func (g *group) endResync(r core.Reply, out *Effects) {
	for _, c := range g.resync.callers {
		out.Answers = append(out.Answers, Answer{Token: c.Token, Caller: c.Caller, Reply: r})
	}
	g.resync = resync{}
}

// tickResync asks the leader for a snapshot, again if nothing comes of it. A snapshot of this
// replica's own that is being written is waited for, as the one that comes may have its name.
func (g *group) tickResync(out *Effects) {
	s := &g.resync
	s.asked++
	leader := g.raft.Leader()
	if !s.wanted || s.asked < g.config.DigestTicks || g.saving.at != 0 || leader == 0 {
		return
	}
	s.asked = 0
	g.raft.Rebuild(true)
	newer := max(g.body, g.raft.Snapshot().Index)
	g.send(out, core.Message{Kind: core.MsgResync, To: leader, Log: core.Position{Index: newer}})
}

// resyncFor sends a member a snapshot that is new enough for it. If there is none, one is taken, at
// an entry that makes all replicas look at their state, so that it is known to be the right one.
func (g *group) resyncFor(m *core.Message, wall int64, out *Effects) {
	_, member := g.members().Find(m.From)
	if !member || !g.leads() || m.Term != g.raft.Term() {
		return
	}
	if s := g.raft.Snapshot(); s.Index > m.Log.Index && s.Size > 0 {
		out.Transfers = append(out.Transfers, core.Message{
			Kind: core.MsgSnapshot, Group: g.id, From: g.node, To: m.From, Term: m.Term, Snapshot: s,
		})
		return
	}
	g.saving.wanted, g.saving.trusted = true, true
	if g.saving.at == 0 {
		// An error says that there is no room: other entries make the next checkpoint.
		_ = g.raft.Propose([]core.Entry{{Kind: core.EntryNoop, Time: wall}})
	}
}
