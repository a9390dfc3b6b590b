package engine

import (
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/internal/ring"
)

// freshness is what a replica knows of how new its state is.
type freshness struct {
	rounds    ring.Ring[stamp] // leader: rounds that are not confirmed, ascending
	newest    uint64           // leader: the newest round that was among them
	confirmed core.Instant     // leader: the newest confirmed round began then or later; 0: none has
	heard     core.Instant     // follower: when the leader last told its commit index; zero: never
	commit    core.Index       // follower: which index that was
}

// stamp says at which instant a round had not begun yet, or only just.
type stamp struct {
	round uint64
	at    core.Instant
}

const (
	// maxStamps bounds the rounds that are remembered; a later one confirms earlier ones as well.
	maxStamps = 1024
	// maxParked bounds the reads that wait for the machine.
	maxParked = 4096
)

// hear takes note of a leader's commit index.
func (g *group) hear(m *core.Message, now core.Instant) {
	if m.From == g.raft.Leader() && m.Term == g.raft.Term() && m.Commit > 0 {
		g.fresh.heard, g.fresh.commit = now, m.Commit
	}
}

// stampRounds notes when rounds began, and which of them a quorum has answered by now.
func (g *group) stampRounds(now core.Instant) {
	f := &g.fresh
	if !g.leads() {
		return
	}
	round := g.raft.Round()
	if round > f.newest && f.rounds.Len() < maxStamps {
		f.rounds.Push(stamp{round, now})
		f.newest = round
	}
	if f.rounds.Len() == 0 {
		return
	}
	for confirmed := g.raft.Confirmed(); f.rounds.Len() > 0 && f.rounds.First().round <= confirmed; {
		f.confirmed = f.rounds.First().at
		f.rounds.Pop()
	}
}

// leased reports whether this leader cannot have been replaced by now: a quorum has heard a round
// of its, and does not vote for an election timeout from then on (thesis §6.4.1). A tick may be due
// as soon as a round is heard, so it does not count; and clocks may differ by twice their drift.
func (g *group) leased(now core.Instant) bool {
	c := g.config
	if c.ClockDriftPPM <= 0 || g.fresh.confirmed == 0 || g.raft.Confirmed() == 0 {
		return false
	}
	const million = 1_000_000
	length := int64(c.Raft.ElectionTicks-1) * c.Tick / million * int64(million-2*c.ClockDriftPPM)
	return int64(now-g.fresh.confirmed) < length
}

// within reports whether the state is at most so old, and from which index on.
func (g *group) within(now core.Instant, maxStale int64) (core.Index, bool) {
	since, index := g.fresh.heard, g.fresh.commit
	if g.leads() {
		since, index = g.fresh.confirmed, g.raft.Commit()
	}
	return index, since != 0 && int64(now-since) <= maxStale && index <= g.handed
}

// park has reads wait until the machine has an index.
func (g *group) park(r read, out *Effects) {
	if len(g.ready) >= maxParked {
		for i := range r.requests {
			g.answer(r.requests[i].Caller, r.requests[i].Token, core.ErrBusy, out)
		}
		return
	}
	g.ready = append(g.ready, r)
}

// tickReads gives up reads for which the machine does not come far enough, and ends the patience of
// those that have gathered.
func (g *group) tickReads(limit int, out *Effects) {
	g.overdue = len(g.gathered) > 0
	kept := g.ready[:0]
	for _, r := range g.ready {
		if r.age++; r.age <= limit {
			kept = append(kept, r)
			continue
		}
		for i := range r.requests {
			g.answer(r.requests[i].Caller, r.requests[i].Token, core.ErrBusy, out)
		}
	}
	clear(g.ready[len(kept):])
	g.ready = kept
}
