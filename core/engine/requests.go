package engine

import (
	"cmp"
	"fmt"
	"math"
	"slices"

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
		case len(q.Data) > e.config.MaxCommandBytes:
			g.answer(q.Caller, q.Token, core.ErrTooLarge, out)
		case q.Kind == core.RequestQuery:
			e.query(g, in.Requests[i:i+1], out)
		case g.leads(), q.Kind == 0: // which is none, and would arrive as a command
			g.lead(q.Kind, q.Data, in.Wall, Call{Token: q.Token, Caller: q.Caller}, out)
		default:
			e.forward(g, q, out)
		}
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

// The bounds of the queries of a group that wait for the next question.
const (
	maxGathered      = 65_536
	maxGatheredBytes = 64 << 20
	// maxRoom is for how many of them memory is kept.
	maxRoom = 4096
)

// query hands a query to the machine if it needs nobody's consent, or puts it to those for which
// raft will be asked together.
func (e *Engine) query(g *group, one []core.Request, out *Effects) {
	q := &one[0]
	index, ok := g.consent(q, e.now)
	switch index = max(index, q.AtLeast); {
	case !ok && q.Local && !g.leads():
		g.answer(q.Caller, q.Token, &core.NotLeaderError{Leader: g.raft.Leader()}, out)
	case !ok && (len(g.gathered) >= maxGathered || g.gatheredBytes+len(q.Data) > maxGatheredBytes):
		g.answer(q.Caller, q.Token, core.ErrBusy, out)
	case !ok:
		if g.gathered == nil {
			g.gathered, g.room = g.room, nil
		}
		if g.gathered == nil {
			g.gathered = make([]core.Request, 0, g.usual)
		}
		g.gathered = append(g.gathered, *q)
		g.gatheredBytes += len(q.Data)
	case index > g.handed:
		g.park(read{index: index, requests: []core.Request{*q}}, out)
	case !g.join(one, out):
		g.ask([]core.Request{*q}, out)
	}
}

// gathers reports whether queries, with so many more that come, are to wait for others: a question
// is under way, or the machine still has so much to answer that they would wait there. The latter
// holds them up for a tick at most: what the machine is at may take long.
func (g *group) gathers(more int) bool {
	return g.raft.Reading() || g.serving > len(g.gathered)+more && !g.overdue
}

// Waited counts the queries that others gather behind while they are being answered.
func Waited(queries []core.Request) (n int) {
	for i := range queries {
		if queries[i].Level == core.Linearizable {
			n++
		}
	}
	return n
}

// served takes back what was lent to the machine.
func (g *group) served(s *Served) {
	g.serving -= s.Queries
	if n := cap(s.Room); n > cap(g.room) && n >= g.usual && n <= maxRoom {
		g.room = s.Room
	}
}

// question has raft confirm, by one read, the queries that have gathered, once it has confirmed
// those before them.
func (e *Engine) question(g *group, out *Effects) {
	if len(g.gathered) == 0 || g.gathers(0) {
		return
	}
	requests, token := g.gathered, e.token()
	g.gathered, g.gatheredBytes, g.usual, g.overdue = nil, 0, len(requests), false
	if !g.leads() {
		requests = slices.DeleteFunc(requests, func(q core.Request) bool {
			if q.Local {
				g.answer(q.Caller, q.Token, &core.NotLeaderError{Leader: g.raft.Leader()}, out)
			}
			return q.Local
		})
	}
	if len(requests) == 0 {
		return
	}
	if err := g.raft.Read(token); err != nil {
		for i := range requests {
			g.answer(requests[i].Caller, requests[i].Token, err, out)
		}
		return
	}
	g.asked.Push(read{token: token, requests: requests})
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
