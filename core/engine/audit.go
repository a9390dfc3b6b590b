package engine

import (
	"cmp"
	"slices"

	"github.com/tidelock-raft/tidelock/core"
)

// maxCheckpoints bounds how many checkpoints are remembered. A replica that lags further behind is
// not compared until it has caught up.
const maxCheckpoints = 256

// maxPartsBytes bounds the data of a report.
const maxPartsBytes = 2 + maxParts*(1+maxPartBytes+8)

// audit is what a replica knows about the states at checkpoints: its own and, on the leader, those
// that the other members report.
//
// Invariants:
//  1. checkpoints ascends by index, has at most maxCheckpoints, and at most one report of a member
//     in each.
//  2. What others have reported, and what was ruled, is from the leadership of term.
type audit struct {
	checkpoints []checkpoint
	term        core.Term
	ordered     core.Index // the newest that the machine was asked to note
	newest      core.Index // of its own
	heard       core.Index // the newest that a ruling has come about
	unanswered  int        // ticks since this replica has reported
	silence     int        // ticks since the last ruling
	quiet       int        // ticks since entries were handed out
	told        int        // ticks since an operator was told of a difference
	tail        tail
}

// checkpoint is an index at which all replicas look at their state.
type checkpoint struct {
	at      core.Position
	reports []report
	ruling  ruling // agreed: there is a majority, for digest; zero: it is too early to say
	digest  uint64
	age     int // ticks since it was first heard of, while it is too early
}

// report is one replica's word.
type report struct {
	node   core.NodeID
	life   uint64 // see group.life
	digest uint64
	parts  []byte
}

// search returns the place of the checkpoint at i, and whether it is remembered.
func (a *audit) search(i core.Index) (int, bool) {
	return slices.BinarySearchFunc(a.checkpoints, i,
		func(c checkpoint, i core.Index) int { return cmp.Compare(c.at.Index, i) })
}

// open returns the checkpoint at a position, a new one if need be; nil if it is too old, or if
// another position is known to be committed at this index.
func (a *audit) open(at core.Position) *checkpoint {
	i, found := a.search(at.Index)
	switch {
	case found && a.checkpoints[i].at != at:
		return nil
	case found:
		return &a.checkpoints[i]
	case len(a.checkpoints) == maxCheckpoints && i == 0:
		return nil
	case len(a.checkpoints) == maxCheckpoints:
		a.checkpoints = slices.Delete(a.checkpoints, 0, 1)
		i--
	}
	a.checkpoints = slices.Insert(a.checkpoints, i, checkpoint{at: at})
	return &a.checkpoints[i]
}

// preside begins a leadership: of what was said before, only this replica's own word counts.
func (a *audit) preside(term core.Term, self core.NodeID) {
	if a.term == term {
		return
	}
	a.term = term
	for i := range a.checkpoints {
		c := &a.checkpoints[i]
		c.reports = slices.DeleteFunc(c.reports, func(r report) bool { return r.node != self })
		*c = checkpoint{at: c.at, reports: c.reports}
	}
}

// put takes a replica's word, in place of what it said before.
func (c *checkpoint) put(r report) {
	i := slices.IndexFunc(c.reports, func(old report) bool { return old.node == r.node })
	if i < 0 {
		c.reports = append(c.reports, r)
		return
	}
	c.reports[i] = r
}

// weigh looks for the digest that more than half of all members report or, when the time for
// reports is over, more than half of those that have reported. A majority once found stands.
func (c *checkpoint) weigh(members int, over bool) {
	if c.ruling == agreed {
		return
	}
	for i := range c.reports {
		votes := 0
		for k := range c.reports {
			if c.reports[k].digest == c.reports[i].digest {
				votes++
			}
		}
		if 2*votes > members || over && votes > 1 && 2*votes > len(c.reports) {
			c.ruling, c.digest = agreed, c.reports[i].digest
			return
		}
	}
	if over && len(c.reports) > 1 {
		c.ruling = undecided
	}
}

// verdict is what is to be said about a report.
func (c *checkpoint) verdict(r *report) verdict {
	if c.ruling == agreed && r.digest == c.digest {
		return verdict{ruling: agreed}
	}
	v := verdict{ruling: odd}
	if c.ruling == undecided {
		v.ruling = undecided
	}
	for i := range c.reports {
		other := &c.reports[i]
		if other.digest != r.digest && (v.ruling == undecided || other.digest == c.digest) {
			v.parts = differing(other.parts, r.parts)
			break
		}
	}
	return v
}

// differing names the parts whose digests differ, those that only one has included.
func differing(a, b []byte) []string {
	x, errX := decodeParts(a)
	y, errY := decodeParts(b)
	if errX != nil || errY != nil {
		return nil
	}
	var names []string
	for _, p := range x {
		if !slices.Contains(y, p) {
			names = append(names, p.Name)
		}
	}
	for _, p := range y {
		if !slices.Contains(x, p) && !slices.Contains(names, p.Name) {
			names = append(names, p.Name)
		}
	}
	return names
}

// life names the state that this replica's machine goes through: one that was restored or started
// anew is another, of which nothing is known that was said of the one before.
func (g *group) life() uint64 { return uint64(g.config.Incarnation)<<32 | g.restores&(1<<32-1) }

// stretch returns how many of the entries there are up to and including the next checkpoint, and
// whether they reach it. A leader's first entry is a checkpoint too: a new leader begins with
// states that are known to be equal.
func (g *group) stretch(entries []core.Entry) (int, bool) {
	every := core.Index(g.config.DigestEvery)
	next := (entries[0].Index + every - 1) / every * every
	for i := range entries {
		if entries[i].Index == next || entries[i].Kind == core.EntryNoop {
			return i + 1, true
		}
	}
	return len(entries), false
}

// noted takes this replica's own state at a checkpoint.
func (g *group) noted(n *Noted, out *Effects) {
	if n.Restores != g.restores {
		return // of a state that is gone
	}
	if n.Digest == 0 {
		g.ruled(n.At, verdict{ruling: agreed}, out) // there is nothing to compare
		return
	}
	r := report{node: g.node, life: g.life(), digest: n.Digest, parts: n.Parts}
	g.audit.newest = n.At.Index
	if g.leads() {
		g.weigh(n.At, r, out)
		return
	}
	if c := g.audit.open(n.At); c != nil {
		c.put(r)
		g.report(n.At.Index, out)
	}
}

// report tells the leader of this replica's state at a checkpoint, if it is remembered.
func (g *group) report(at core.Index, out *Effects) {
	i, found := g.audit.search(at)
	g.audit.unanswered = 0
	if !found || g.raft.Leader() == 0 {
		return
	}
	c := &g.audit.checkpoints[i]
	for i := range c.reports {
		if r := &c.reports[i]; r.node == g.node {
			g.send(out, core.Message{
				Kind: core.MsgDigest, To: g.raft.Leader(), Log: c.at,
				Token: r.digest, Round: r.life, Data: r.parts,
			})
		}
	}
}

// reported takes a member's report, as the leader.
func (g *group) reported(m *core.Message, out *Effects) {
	_, member := g.members().Find(m.From)
	if !member || !g.leads() || m.Term != g.raft.Term() || m.Log.Index > g.raft.Commit() ||
		m.Log.Index == 0 || len(m.Data) > maxPartsBytes {
		return
	}
	parts := slices.Clone(m.Data) // lest a few bytes hold on to all that came with them
	g.weigh(m.Log, report{node: m.From, life: m.Round, digest: m.Token, parts: parts}, out)
}

// weigh puts a report among the others. All hear of a ruling when it is found, and then each whose
// report comes later.
func (g *group) weigh(at core.Position, r report, out *Effects) {
	g.audit.preside(g.raft.Term(), g.node)
	if c := g.audit.open(at); c != nil {
		c.put(r)
		g.rule(c, r.node, out)
	}
}

// rule looks whether there is anything to be said about a checkpoint, to all or to the one that has
// just reported. This replica hears it last, because it may have to step down.
func (g *group) rule(c *checkpoint, news core.NodeID, out *Effects) {
	before := c.ruling
	c.weigh(len(g.members().Members), c.age >= g.config.DigestTicks)
	if c.ruling == 0 {
		return
	}
	var own *report
	for i := range c.reports {
		switch r := &c.reports[i]; {
		case c.ruling == before && r.node != news:
		case r.node == g.node:
			own = r
		default:
			g.tell(c, r, out)
		}
	}
	if own != nil {
		g.ruled(c.at, c.verdict(own), out)
	}
}

// tell answers a report.
func (g *group) tell(c *checkpoint, r *report, out *Effects) {
	v := c.verdict(r)
	g.send(out, core.Message{
		Kind: core.MsgVerdict, To: r.node, Log: c.at, Token: r.digest, Round: r.life,
		Data: v.append(nil),
	})
	if v.ruling == odd {
		g.found(Finding{Kind: FoundDiverged, Node: r.node, At: c.at, Collections: v.parts}, out)
	}
}

// heard takes the leader's ruling. One that speaks of an earlier life of the machine, or comes from
// an earlier leader, is about a state that is gone.
func (g *group) heard(m *core.Message, out *Effects) {
	if m.Term != g.raft.Term() || m.From != g.raft.Leader() || m.Round != g.life() {
		return
	}
	if v, err := decodeVerdict(m.Data); err == nil {
		g.ruled(m.Log, v, out)
	}
}

// ruled acts upon what is said about this replica's state at a checkpoint.
func (g *group) ruled(at core.Position, v verdict, out *Effects) {
	g.audit.heard, g.audit.silence = max(g.audit.heard, at.Index), 0
	if at.Index == g.saving.at {
		g.saving.ruling = v.ruling
	}
	switch v.ruling {
	case agreed:
		g.proved(at, out)
	case odd:
		g.diverged(at, v.parts, out)
	case undecided:
		g.found(Finding{Kind: FoundUndecided, Node: g.node, At: at, Collections: v.parts}, out)
		g.unproved(at, out)
	}
	g.settle()
}

// found tells an operator of a difference between states, but not of each that follows from it.
func (g *group) found(f Finding, out *Effects) {
	again := f.Kind == FoundDiverged || f.Kind == FoundUndecided
	if again && g.audit.told < g.config.DigestTicks {
		return
	}
	if again {
		g.audit.told = 0
	}
	f.Group = g.id
	out.Findings = append(out.Findings, f)
}

// tickAudit lets one tick pass. The leader judges without reports that are late, the others repeat
// theirs, and a group that has fallen silent looks at its newest entry.
func (g *group) tickAudit(out *Effects) {
	a, limit := &g.audit, g.config.DigestTicks
	a.silence, a.told, a.quiet, a.unanswered = a.silence+1, a.told+1, a.quiet+1, a.unanswered+1
	news := a.quiet == limit && a.ordered < g.handed
	late := a.quiet > limit && g.handed > g.body && g.takes() // it had to wait for its turn
	if (news || late) && !g.halted() {
		out.Work = append(out.Work, g.check(Work{Group: g.id}))
	}
	if g.leads() {
		a.preside(g.raft.Term(), g.node)
		g.tickRulings(out)
	} else if a.unanswered >= limit {
		g.repeat(out)
	}
}

// repeat reports once more what no ruling has come about: the newest state, and the one of which
// there is a snapshot.
func (g *group) repeat(out *Effects) {
	if g.audit.heard < g.audit.newest {
		g.report(g.audit.newest, out)
	}
	if g.saving.at != 0 && g.saving.ruling == 0 && g.saving.at != g.audit.newest {
		g.report(g.saving.at, out)
	}
}

// tickRulings ends the waiting for reports.
func (g *group) tickRulings(out *Effects) {
	for i := range g.audit.checkpoints {
		c := &g.audit.checkpoints[i]
		if c.ruling != 0 || c.age >= g.config.DigestTicks {
			continue
		}
		if c.age++; c.age == g.config.DigestTicks {
			g.rule(c, 0, out)
		}
		if !g.leads() {
			return
		}
	}
}
