package engine

import (
	"cmp"
	"fmt"
	"math"

	"github.com/tidelock-raft/tidelock/core"
)

// requests sorts what clients ask for: commands become proposals or are passed on to the leader,
// queries wait for a read index or go to the machine as they are.
func (e *Engine) requests(in *Events, out *Effects) {
	for i := range in.Requests {
		q := &in.Requests[i]
		g := e.touched(q.Group)
		switch {
		case g == nil:
			reply := core.Reply{Err: core.ErrNoGroup}
			out.Answers = append(out.Answers, Answer{q.Token, q.Caller, reply})
		case q.Kind == core.RequestResync:
			g.resyncAsked(q, out)
		case q.Kind == core.RequestQuery && g.quarantine != nil:
			g.answer(q.Caller, q.Token, core.ErrQuarantined, out)
		case q.Local && !g.leads() && (q.Kind != core.RequestQuery || !byItself(q.Level)):
			g.answer(q.Caller, q.Token, &core.NotLeaderError{Leader: g.raft.Leader()}, out)
		case q.Kind == core.RequestQuery:
			g.query = append(g.query, *q)
		case len(q.Data) > e.config.MaxCommandBytes:
			g.answer(q.Caller, q.Token, core.ErrTooLarge, out)
		case g.leads(), q.Kind == 0: // which is none, and would arrive as a command
			g.lead(q.Kind, q.Data, in.Wall, Call{Token: q.Token, Caller: q.Caller}, out)
		default:
			e.forward(g, q, out)
		}
	}
	for _, g := range e.dirty {
		e.reads(g, out)
	}
}

// byItself reports whether any replica may answer a query of this level without asking others.
func byItself(l core.ReadLevel) bool { return l == core.Stale || l == core.Bounded }

// lead does what only a leader can.
func (g *group) lead(
	kind core.RequestKind, data []byte, wall int64, c Call, out *Effects,
) {
	if admit := g.config.Admit; admit != nil {
		if f := admit(kind, data); f != nil {
			g.fail(&c, f.Code, f.Message, out)
			return
		}
	}
	switch kind {
	case core.RequestChange:
		g.changeAsked(data, wall, c, out)
	case core.RequestTransfer:
		g.transferAsked(data, c, out)
	case core.RequestProbe:
		g.command(core.EntryNoop, nil, wall, c)
	case core.RequestSession:
		g.command(core.EntrySession, data, wall, c)
	case core.RequestCommand:
		g.command(core.EntryCommand, data, wall, c)
	default:
		g.fail(&c, codeInvalid, fmt.Sprintf("a group has nothing to do with requests of kind %d", kind),
			out)
	}
}

// command notes a proposal; those that gather go to raft together.
func (g *group) command(kind core.EntryKind, data []byte, wall int64, c Call) {
	g.batch = append(g.batch, core.Entry{Kind: kind, Time: wall, Data: data})
	g.batchCalls = append(g.batchCalls, c)
	g.batchBytes += len(data)
}

// reads hands the queries of this Step to the machine that need nobody's consent, and lets all
// others share one read index.
func (e *Engine) reads(g *group, out *Effects) {
	if len(g.query) == 0 {
		return
	}
	var fresh, now []core.Request
	for _, q := range g.query {
		index, ok := g.consent(&q, e.now)
		switch index = max(index, q.AtLeast); {
		case !ok && q.Local && !g.leads():
			g.answer(q.Caller, q.Token, &core.NotLeaderError{Leader: g.raft.Leader()}, out)
		case !ok:
			fresh = append(fresh, q)
		case index > g.handed:
			g.park(read{index: index, requests: []core.Request{q}}, out)
		default:
			now = append(now, q)
		}
	}
	clear(g.query)
	g.query = g.query[:0]
	if len(now) > 0 {
		g.ask(now, out)
	}
	if len(fresh) == 0 {
		return
	}
	token := e.token()
	if err := g.raft.Read(token); err != nil {
		for i := range fresh {
			g.answer(fresh[i].Caller, fresh[i].Token, err, out)
		}
		return
	}
	g.asked.Push(read{token: token, requests: fresh})
}

// consent returns the index that the state has to have for a query, if this replica can tell by
// itself.
func (g *group) consent(q *core.Request, now core.Instant) (core.Index, bool) {
	switch q.Level {
	case core.Stale:
		return 0, true
	case core.Lease:
		return g.raft.Commit(), g.leads() && g.leased(now)
	case core.Bounded:
		return g.within(now, q.MaxStale)
	}
	return 0, false
}

// forward passes a request on to the leader and remembers who asked. To a leader that cannot be
// reached nothing is sent: a command that has not left can be repeated elsewhere.
func (e *Engine) forward(g *group, q *core.Request, out *Effects) {
	leader := g.raft.Leader()
	if leader == 0 || leader == g.unreachable {
		g.answer(q.Caller, q.Token, &core.NotLeaderError{}, out)
		return
	}
	if e.forwards.full() {
		g.answer(q.Caller, q.Token, core.ErrBusy, out)
		return
	}
	token := e.token()
	e.forwards.add(token, g.id, leader, q)
	m := core.Message{Kind: core.MsgForward, To: leader, Token: token, Data: q.Data}
	if q.Kind != core.RequestCommand {
		m.Round = uint64(q.Kind)
	}
	g.send(out, m)
}

// forwarded does what another member passed on, or refuses it.
func (e *Engine) forwarded(g *group, m *core.Message, wall int64, out *Effects) {
	member, ok := g.members().Find(m.From)
	c := Call{Token: m.Token, From: m.From, Addr: member.Addr}
	switch {
	case !ok: // a stranger, or one that was removed
	case !g.repeats.first(m):
	case !g.leads():
		g.refuse(&c, &core.NotLeaderError{Leader: g.raft.Leader()}, out)
	case len(m.Data) > e.config.MaxCommandBytes:
		g.refuse(&c, core.ErrTooLarge, out)
	default:
		kind := cmp.Or(core.RequestKind(min(m.Round, math.MaxUint8)), core.RequestCommand)
		g.lead(kind, m.Data, wall, c, out)
	}
}

// forwardReply gives the leader's answer to whom it is for.
func (e *Engine) forwardReply(g *group, m *core.Message, out *Effects) {
	f, ok := e.forwards.take(m.Token, g.id)
	if !ok {
		return
	}
	reply := core.Reply{Leader: m.From}
	if m.Reject {
		reply.Err = decodeRefusal(m.Data)
	} else if err := decodeReply(m.Data, &reply); err != nil {
		reply.Err = core.ErrUnknownOutcome
	}
	out.Answers = append(out.Answers, Answer{f.token, f.caller, reply})
}
