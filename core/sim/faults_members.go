package sim

import (
	"encoding/json"
	"errors"
	"slices"

	"github.com/tidelock-raft/tidelock/core"
)

// Whoever administers a world asks for changes of the membership and hands leadership over, amid
// everything else. Unless forced, the engine refuses what would lose a majority; forced changes are
// only asked for while all disks are sound, and so are those that take a voter away, unless the
// voters that are left have sound disks. (What a world must not do is to have nobody left who could
// ever decide.)

func init() {
	registerChange(FaultJoin, class{name: "node joins", often: 6, begin: join})
	registerChange(FaultPromote, class{name: "learner promoted", often: 6,
		begin: changing(core.ChangePromote)})
	registerChange(FaultDemote, class{name: "voter demoted", often: 8,
		begin: changing(core.ChangeDemote)})
	registerChange(FaultRemove, class{name: "node removed", often: 4,
		begin: changing(core.ChangeRemove)})
	registerChange(FaultReplace, class{name: "node replaced", often: 3, begin: replace})
	registerChange(FaultMove, class{name: "node moved", often: 4, begin: moveAway, end: moved})
	registerChange(FaultTransfer, class{name: "leadership handed over", often: 10, begin: handOver})
}

// registerChange registers what an administrator does, who tries for a while.
func registerChange(k FaultKind, c class) {
	c.draw, c.least, c.most = drawChange, Second, 20*Second
	register(k, c)
}

func drawChange(d *drawer, f *Fault) {
	drawHost(d, f)
	f.Number = d.rng.Uint64()
}

// chance is a bit of what was drawn for a change.
func (a *active) chance(n int) bool { return a.Number>>n&1 != 0 }

// errand is a request that is made again and again, at this host and that, until it is granted or
// its time is over.
type errand struct {
	w       *World
	a       *active
	kind    core.RequestKind
	data    []byte
	token   uint64 // of the newest attempt
	weighty bool   // it changes who decides
	unsure  bool   // an attempt may have been granted, or may yet be
	over    bool
}

// errandPauses are how long an attempt may take, and what is between two.
const (
	errandPatience = 3 * Second
	errandPause    = Second / 10
)

// send has the world's administrator ask for something.
func (w *World) send(a *active, kind core.RequestKind, value any, weighty bool) {
	data, err := json.Marshal(value)
	if err != nil {
		w.Fail("workload", "encode %v: %v", value, err)
		return
	}
	if weighty {
		w.errands++
	}
	e := &errand{w: w, a: a, kind: kind, data: data, weighty: weighty}
	e.ask()
}

func (e *errand) ask() {
	w := e.w
	if w.now >= e.a.Until || w.closed() {
		e.end(e.unsure)
		return
	}
	h := w.Leader()
	if h == nil || w.schedule.IntN(4) == 0 {
		h = w.Hosts[w.schedule.IntN(len(w.Hosts))]
	}
	e.token++
	token := e.token
	w.After(errandPatience, func() {
		if !e.over && e.token == token {
			e.unsure = true
			e.ask()
		}
	})
	h.Submit(core.Request{Group: core.DefaultGroup, Kind: e.kind, Data: e.data, Token: token,
		Local: w.schedule.IntN(2) == 0, Caller: e})
}

// Replied implements core.Caller.
func (e *errand) Replied(token uint64, r core.Reply) {
	failure := r.Result.Failure
	switch {
	case e.over || token != e.token:
	case r.Err == nil && failure == nil:
		e.w.fired(e.a.Kind)
		e.end(e.unsure)
	case failure != nil && failure.Code == "invalid":
		e.end(e.unsure) // there is no such member any more, or it is as it should be
	default:
		e.unsure = e.unsure || errors.Is(r.Err, core.ErrUnknownOutcome)
		e.token++
		token = e.token
		e.w.After(errandPause, func() {
			if !e.over && e.token == token {
				e.ask()
			}
		})
	}
}

func (e *errand) end(unsure bool) {
	e.over = true
	if e.weighty && !unsure {
		e.w.errands--
	}
}

// closed reports whether nobody asks for changes any more.
func (w *World) closed() bool { return w.closing != 0 && w.now >= w.closing }

// bears reports whether a change may be asked for: whatever comes of it and of those under way,
// there have to be enough hosts with sound disks to decide.
func (w *World) bears(change func(m core.Membership) core.Membership) bool {
	if w.shadow == nil || w.closed() {
		return false
	}
	if !slices.ContainsFunc(w.Hosts, func(h *Host) bool { return h.suspect }) {
		return true
	}
	var rules []core.Membership
	for _, m := range w.rules() {
		rules = append(rules, change(m))
	}
	return w.errands == 0 && suffices(rules, func(id core.NodeID) bool { return !w.Host(id).suspect })
}

// lacking is a membership that a node has left.
func lacking(id core.NodeID) func(m core.Membership) core.Membership {
	return func(m core.Membership) core.Membership {
		return core.Membership{Members: slices.DeleteFunc(slices.Clone(m.Members),
			func(o core.Member) bool { return o.ID == id })}
	}
}

// join adds a node, as a voter to be or as a learner.
func join(w *World, a *active) {
	if w.shadow == nil || w.closed() || len(w.Hosts) >= maxHosts {
		return
	}
	h := w.addHost("")
	h.revive()
	w.send(a, core.RequestChange, core.Change{Steps: []core.ChangeStep{{Op: core.ChangeAdd, Node: h.ID,
		Addr: h.addr, Learner: a.chance(0)}}}, true)
}

// changing promotes, demotes or removes a member.
func changing(op core.ChangeOp) func(w *World, a *active) {
	return func(w *World, a *active) {
		id := a.Node
		if op == core.ChangePromote {
			id = w.learner(id)
		}
		keeps := func(m core.Membership) core.Membership { return m }
		if op != core.ChangePromote {
			keeps = lacking(id)
		}
		if !w.bears(keeps) {
			return
		}
		sound := !slices.ContainsFunc(w.Hosts, func(h *Host) bool { return h.suspect })
		steps := []core.ChangeStep{{Op: op, Node: id}}
		if op == core.ChangeDemote && sound && a.chance(2) {
			steps = append(steps, w.swap(id)...)
		}
		w.send(a, core.RequestChange,
			core.Change{Force: sound && a.chance(1), Steps: steps}, true)
	}
}

// swap has every learner vote in place of a second voter.
func (w *World) swap(first core.NodeID) (steps []core.ChangeStep) {
	for _, id := range w.shadow.newest.With(core.Learner) {
		steps = append(steps, core.ChangeStep{Op: core.ChangePromote, Node: id})
	}
	for _, id := range w.shadow.newest.With(core.Voter) {
		if id != first && len(steps) > 0 {
			return append(steps, core.ChangeStep{Op: core.ChangeDemote, Node: id})
		}
	}
	return steps
}

// learner returns some learner, or id if there is none.
func (w *World) learner(id core.NodeID) core.NodeID {
	if w.shadow == nil {
		return id
	}
	learners := w.shadow.newest.With(core.Learner)
	if len(learners) == 0 {
		return id
	}
	return learners[int(id)%len(learners)]
}

// replace has a host end for good, disk and all; one under another id takes its place, in half of
// the cases at its address.
func replace(w *World, a *active) {
	h := w.Host(a.Node)
	if len(w.Hosts) >= maxHosts || h.suspect || !w.spare(h) {
		return
	}
	h.end(StopKill)
	h.suspect, h.rotten = true, true
	addr := core.Addr("")
	if a.chance(0) {
		addr = h.addr
	}
	if !w.bears(lacking(h.ID)) {
		return
	}
	h.successor = w.addHost(addr)
	h.successor.revive()
	w.send(a, core.RequestChange, core.Change{Steps: []core.ChangeStep{
		{Op: core.ChangeAdd, Node: h.successor.ID, Addr: h.successor.addr},
		{Op: core.ChangeRemove, Node: h.ID},
	}}, true)
}

// moveAway has a host be found elsewhere from now on, which the others are told by a change.
func moveAway(w *World, a *active) {
	h := w.Host(a.Node)
	if w.shadow == nil || w.doors[h.addr] != h {
		return
	}
	h.move()
	if h.Up() {
		h.end(StopKill)
		h.revive()
	}
	w.send(a, core.RequestChange, core.Change{Steps: []core.ChangeStep{
		{Op: core.ChangeAddress, Node: h.ID, Addr: h.addr},
	}}, false)
}

// moved has the old addresses lead to the host, too, lest it is never heard again.
func moved(w *World, a *active) { w.Host(a.Node).redirect() }

// handOver asks the leader to let another lead: one that was drawn, or whoever holds most.
func handOver(w *World, a *active) {
	to := core.NodeID(0)
	if a.chance(0) {
		to = w.struck(core.NodeID(1 + a.Number>>1%8)).ID
	}
	w.send(a, core.RequestTransfer, core.Transfer{To: to}, false)
}
