package engine

import "github.com/tidelock-raft/tidelock/core"

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
		case q.Local && !g.leads() && (q.Kind == core.RequestCommand || q.Level != core.Stale):
			g.answer(q.Caller, q.Token, &core.NotLeaderError{Leader: g.raft.Leader()}, out)
		case q.Kind == core.RequestQuery:
			g.query = append(g.query, *q)
		case len(q.Data) > e.config.MaxCommandBytes:
			g.answer(q.Caller, q.Token, core.ErrTooLarge, out)
		case g.leads():
			g.command(q.Data, in.Wall, Call{Token: q.Token, Caller: q.Caller})
		default:
			e.forward(g, q, out)
		}
	}
	for _, g := range e.dirty {
		e.reads(g, out)
	}
}

// command notes a proposal; the proposals of one Step go to raft together.
func (g *group) command(data []byte, wall int64, c Call) {
	g.batch = append(g.batch, core.Entry{Kind: core.EntryCommand, Time: wall, Data: data})
	g.batchCalls = append(g.batchCalls, c)
}

// reads lets the linearizable queries of this Step share one read index; stale ones need none.
func (e *Engine) reads(g *group, out *Effects) {
	if len(g.query) == 0 {
		return
	}
	var fresh, stale []core.Request
	for _, q := range g.query {
		if q.Level == core.Stale {
			stale = append(stale, q)
		} else {
			fresh = append(fresh, q)
		}
	}
	clear(g.query)
	g.query = g.query[:0]
	if len(stale) > 0 {
		g.ask(stale, out)
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
	g.asked.push(read{token: token, requests: fresh})
}

// forward passes a command on to the leader and remembers who asked. To a leader that cannot be
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
	g.send(out, core.Message{Kind: core.MsgForward, To: leader, Token: token, Data: q.Data})
}

// forwarded proposes what another member passed on, or refuses it.
func (e *Engine) forwarded(g *group, m *core.Message, wall int64, out *Effects) {
	member, ok := g.members().Find(m.From)
	c := Call{Token: m.Token, From: m.From, Addr: member.Addr}
	switch {
	case !ok: // a stranger, or one that was removed
	case !g.leads():
		g.refuse(&c, &core.NotLeaderError{Leader: g.raft.Leader()}, out)
	case len(m.Data) > e.config.MaxCommandBytes:
		g.refuse(&c, core.ErrTooLarge, out)
	default:
		g.command(m.Data, wall, c)
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
