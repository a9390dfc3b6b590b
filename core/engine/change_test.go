package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// pool is some desks that hear each other.
type pool struct {
	t      *testing.T
	desks  []*desk
	cut    map[core.NodeID]bool // hears nobody, and nobody hears it
	paused map[core.NodeID]bool
}

// newPool starts engines with these ids, members of one group from the beginning; others can be
// added, which know the first ones.
func newPool(t *testing.T, c Config, ids ...core.NodeID) *pool {
	p := &pool{t: t, cut: map[core.NodeID]bool{}, paused: map[core.NodeID]bool{}}
	for _, id := range ids {
		p.start(c, id, members(ids...))
	}
	return p
}

func (p *pool) start(c Config, id core.NodeID, m core.Membership) {
	c.Node = id
	c.Raft.Seed = uint64(id)
	p.desks = append(p.desks, newDeskOf(p.t, c, m))
}

func (p *pool) desk(id core.NodeID) *desk {
	for _, d := range p.desks {
		if d.engine.config.Node == id {
			return d
		}
	}
	return nil
}

// step lets one tick pass everywhere.
func (p *pool) step() {
	for _, d := range p.desks {
		if !p.paused[d.engine.config.Node] {
			d.step()
		} else {
			d.now += 10e6
		}
	}
	for _, d := range p.desks {
		for _, m := range d.outbox {
			if to := p.desk(m.To); to != nil && !p.cut[m.To] && !p.cut[m.From] {
				to.in.Messages = append(to.in.Messages, m)
			}
		}
		d.outbox = nil
	}
}

func (p *pool) until(what string, ok func() bool) {
	p.t.Helper()
	for range 2000 {
		if ok() {
			return
		}
		p.step()
	}
	p.t.Fatalf("no %s", what)
}

func (p *pool) sleep(ticks int) {
	for range ticks {
		p.step()
	}
}

func (p *pool) leader() *desk {
	var leader *desk
	var term core.Term
	for _, d := range p.desks {
		if s := d.engine.Status()[0]; s.Role == "leader" && s.Term > term {
			leader, term = d, s.Term
		}
	}
	return leader
}

// lead waits for a leader that has led for a while.
func (p *pool) lead() *desk {
	p.t.Helper()
	p.until("leader", func() bool { return p.leader() != nil })
	p.sleep(120)
	return p.leader()
}

// do has a desk carry out a request and returns the reply.
func (p *pool) do(d *desk, q core.Request) core.Reply {
	p.t.Helper()
	n := notes{}
	d.ask(n, q)
	p.until("answer", func() bool { return len(n) == 1 })
	return n[q.Token]
}

func encoded(t *testing.T, value any) []byte {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func asking(t *testing.T, c core.Change) core.Request {
	return core.Request{Kind: core.RequestChange, Data: encoded(t, c)}
}

func step(op core.ChangeOp, id core.NodeID) core.ChangeStep {
	return core.ChangeStep{Op: op, Node: id, Addr: core.Addr(fmt.Sprint(id))}
}

func change(t *testing.T, steps ...core.ChangeStep) core.Request {
	return asking(t, core.Change{Steps: steps})
}

// said is what a reply says: the code and words of a failure, or an error.
func said(r core.Reply) string {
	switch {
	case r.Err != nil:
		return r.Err.Error()
	case r.Result.Failure != nil:
		return r.Result.Failure.Error()
	}
	return "ok"
}

// TestChangesFromOneToThreeAndBack lets two nodes join a lone one and be promoted, and removes two,
// the leader among them; all is asked of a follower, where there is one.
func TestChangesFromOneToThreeAndBack(t *testing.T) {
	p := newPool(t, Config{}, 1)
	first := p.lead()
	for id := core.NodeID(2); id <= 3; id++ {
		if got := said(p.do(p.desks[len(p.desks)-1], change(t, step(core.ChangeAdd, id)))); got != "ok" {
			t.Fatalf("add %d: %s", id, got)
		}
		joining := members(1, 2, 3)
		joining.Members = joining.Members[:id]
		joining.Members[id-1].Role = core.Learner
		p.start(Config{}, id, joining)
		p.until("promotion", func() bool {
			return strings.HasPrefix(first.membership(), "voters="+"1,2,3"[:2*id-1]) &&
				!strings.Contains(first.membership(), "outgoing")
		})
		p.sleep(2)
	}
	r := p.do(p.desk(3), asking(t, core.Change{Force: true,
		Steps: []core.ChangeStep{step(core.ChangeRemove, 1), step(core.ChangeRemove, 2)}}))
	var report core.ChangeReport
	if err := json.Unmarshal(r.Result.Value, &report); err != nil || said(r) != "ok" {
		t.Fatalf("remove: %s, %v", said(r), err)
	}
	want := core.ChangeReport{
		Before: core.Strength{Voters: 3, Majority: 2, Answer: 3, Spare: 1},
		After:  core.Strength{Voters: 1, Majority: 1, Answer: 1}, Joint: true,
	}
	if report.Before != want.Before || report.After != want.After || !report.Joint {
		t.Errorf("got %+v, want %+v", report, want)
	}
	p.until("node 3 to lead", p.desk(3).leads)
	if got := p.desk(3).membership(); got != "voters=3 retired=1,2" {
		t.Errorf("got %s", got)
	}
	for id := core.NodeID(1); id <= 2; id++ {
		if role := p.desk(id).engine.Status()[0].Role; role != "removed" {
			t.Errorf("node %d, which was removed, is %s", id, role)
		}
	}
	p.sleep(120)
	if got := said(p.do(p.desk(3), change(t, step(core.ChangeAdd, 2)))); got != "invalid: core: "+
		"invalid membership: node 2 was removed, and its id is never used again" {
		t.Errorf("got %s", got)
	}
}

// TestChangesThatAreRefused says why, with the numbers.
func TestChangesThatAreRefused(t *testing.T) {
	p := newPool(t, Config{}, 1, 2, 3)
	leader := p.lead()
	id := leader.engine.config.Node
	other := id%3 + 1
	const wrong = "invalid: change of membership: "
	for what, c := range map[string]struct {
		q    core.Request
		want string
	}{
		"no steps": {change(t), "invalid: core: invalid change of membership: 0 steps, want 1 to 64"},
		"no op":    {change(t, step("x", 1)), wrong + `there is no "x"`},
		"twice":    {change(t, step(core.ChangeAdd, 1)), wrong + "node 1 is already a member"},
		"nobody":   {change(t, step(core.ChangeRemove, 9)), wrong + "node 9 is no member"},
		"voter":    {change(t, step(core.ChangePromote, 2)), wrong + "node 2 is a voter already"},
		"nowhere":  {change(t, step(core.ChangeAddress, 2)), wrong + "node 2 is there already"},
		"all": {change(t, step(core.ChangeRemove, 1), step(core.ChangeRemove, 2),
			step(core.ChangeRemove, 3)),
			"invalid: core: invalid membership: no voter"},
		"weaker": {change(t, step(core.ChangeRemove, other)), "unsafe: of 2 voters a majority of 2 is " +
			"needed and 2 answer, so 0 may fail then; now 3 of 3 answer, and 1 may fail; it can be forced"},
	} {
		if got := said(p.do(leader, c.q)); got != c.want {
			t.Errorf("%s: got %s\nwant %s", what, got, c.want)
		}
	}
	p.cut[other] = true
	p.sleep(150)
	third := 6 - id - other
	want := fmt.Sprintf("unsafe: nothing could be committed any more: of 2 voters a majority of 2 is "+
		"needed and 1 answer (not node %d); it can be forced", other)
	if got := said(p.do(leader, change(t, step(core.ChangeRemove, third)))); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	// To remove the one that is away makes nothing worse.
	if got := said(p.do(leader, change(t, step(core.ChangeRemove, other)))); got != "ok" {
		t.Errorf("remove the node that does not answer: %s", got)
	}
}

// TestPlanChangesNothing asks what would happen.
func TestPlanChangesNothing(t *testing.T) {
	p := newPool(t, Config{}, 1, 2, 3)
	leader := p.lead()
	before := leader.engine.Status()[0].LastIndex
	r := p.do(leader, asking(t, core.Change{Plan: true, Steps: []core.ChangeStep{
		step(core.ChangeRemove, 3), {Op: core.ChangeAdd, Node: 4, Addr: "4", Learner: true},
	}}))
	var report core.ChangeReport
	if err := json.Unmarshal(r.Result.Value, &report); err != nil {
		t.Fatal(err, said(r))
	}
	if report.Refused == "" || len(report.Members) != 3 || report.Members[2].Role != "learner" {
		t.Errorf("got %+v", report)
	}
	if after := leader.engine.Status()[0].LastIndex; after != before {
		t.Errorf("the log went from %d to %d", before, after)
	}
}

// TestTransferIsAnswered by whoever leads afterwards, to a client of any node; a node that is away
// does not take over, and the leader leads on.
func TestTransferIsAnswered(t *testing.T) {
	p := newPool(t, Config{}, 1, 2, 3)
	old := p.lead()
	id := old.engine.config.Node
	to, third := id%3+1, (id+1)%3+1
	transfer := func(to core.NodeID) core.Request {
		return core.Request{Kind: core.RequestTransfer, Data: encoded(t, core.Transfer{To: to})}
	}
	r := p.do(p.desk(third), transfer(to))
	if want := fmt.Sprintf(`{"to":%d}`, to); said(r) != "ok" || string(r.Result.Value) != want {
		t.Fatalf("got %s, %s, want %s", said(r), r.Result.Value, want)
	}
	if !p.desk(to).leads() {
		t.Errorf("node %d does not lead", to)
	}
	p.sleep(120)
	if got := said(p.do(p.desk(to), transfer(9))); got != "invalid: raft: node cannot take over: "+
		"node 9 is no voter" {
		t.Errorf("got %s", got)
	}
	p.cut[id] = true
	want := fmt.Sprintf("no_takeover: node %d did not take over in time; node %d leads", id, to)
	if got := said(p.do(p.desk(to), transfer(id))); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestTransferToABarredNodeIsRefused at once and in words of its own.
func TestTransferToABarredNodeIsRefused(t *testing.T) {
	p := newPool(t, Config{}, 1, 2, 3)
	leader := p.lead()
	to := leader.engine.config.Node%3 + 1
	p.desk(to).engine.groups[0].raft.Bar(true, false)
	p.sleep(120)
	n := notes{}
	leader.ask(n, core.Request{Kind: core.RequestTransfer, Data: encoded(t, core.Transfer{To: to})})
	p.step()
	want := fmt.Sprintf("barred: node %d says that it may not lead: it is in quarantine, or its disk "+
		"is sick", to)
	if len(n) != 1 || said(n[0]) != want {
		t.Errorf("got %v, want %s", n, want)
	}
	if m := leader.engine.Status()[0].Members[to-1]; !m.Barred || !leader.leads() {
		t.Errorf("got %+v", m)
	}
}

// TestCommandsAreBusyDuringATransfer refuses clearly what comes while leadership is handed over.
func TestCommandsAreBusyDuringATransfer(t *testing.T) {
	p := newPool(t, Config{}, 1, 2, 3)
	leader := p.lead()
	n := notes{}
	q := core.Request{Kind: core.RequestTransfer, Token: 1, Data: encoded(t, core.Transfer{})}
	leader.ask(n, q)
	leader.ask(n, command(2, 10))
	p.until("answers", func() bool { return len(n) == 2 })
	if err := n[2].Err; !errors.Is(err, core.ErrBusy) {
		t.Errorf("got %v, want busy", err)
	}
}

func query(level core.ReadLevel) core.Request {
	return core.Request{Kind: core.RequestQuery, Level: level}
}

// messages lets a desk take its requests in without any tick, and returns how many messages of a
// kind it sends for that.
func (d *desk) messages(kind core.MessageKind) int {
	d.now -= 10e6
	d.step()
	found := len(d.take(kind))
	d.outbox = nil
	return found
}

// TestLeasePauseSkew has a leader that was paused for longer than its lease. When it wakes up,
// another leads already: it must not answer by itself, whatever is in its queue.
func TestLeasePauseSkew(t *testing.T) {
	p := newPool(t, Config{ClockDriftPPM: 1000}, 1, 2, 3)
	old := p.lead()
	n := notes{}
	old.ask(n, query(core.Lease))
	if sent := old.messages(core.MsgAppend); len(n) != 1 || n[0].Err != nil || sent != 0 {
		t.Fatalf("a leader with a lease: %v, and %d messages", n, sent)
	}
	id := old.engine.config.Node
	p.paused[id] = true
	p.until("another leader", func() bool { return p.other(old) })
	clear(n)
	old.ask(n, query(core.Lease))
	old.in.Messages = nil
	old.step()
	if len(n) == 1 && n[0].Err == nil {
		t.Error("a leader answered by its lease after a pause, while another leads")
	}
}

// other reports whether a desk leads in a later term than d.
func (p *pool) other(d *desk) bool {
	return slices.ContainsFunc(p.desks, func(o *desk) bool {
		s := o.engine.Status()[0]
		return s.Role == "leader" && s.Term > d.engine.Status()[0].Term
	})
}

// TestNoLeaseWithoutABound asks the others, as nobody has vouched for the clocks; and so does a
// leader that is about to hand over.
func TestNoLeaseWithoutABound(t *testing.T) {
	p := newPool(t, Config{}, 1, 2, 3)
	n := notes{}
	leader := p.lead()
	leader.ask(n, query(core.Lease))
	if sent := leader.messages(core.MsgAppend); len(n) != 0 || sent == 0 {
		t.Errorf("without a bound: %d answers, %d messages", len(n), sent)
	}
	p = newPool(t, Config{ClockDriftPPM: 1000}, 1, 2, 3)
	leader = p.lead()
	leader.ask(notes{}, core.Request{Kind: core.RequestTransfer, Data: []byte("{}")})
	leader.messages(core.MsgAppend)
	clear(n)
	leader.ask(n, query(core.Lease))
	if leader.messages(core.MsgAppend); len(n) != 0 {
		t.Errorf("during a transfer: got %v", n)
	}
}

// TestRestartedNodeKeepsItsPromise does not vote before an election timeout has passed: a leader
// may rely on what it promised before.
func TestRestartedNodeKeepsItsPromise(t *testing.T) {
	for drift, want := range map[int]int{0: 1, 1000: 0} {
		d := newDesk(t, Config{Node: 1, ClockDriftPPM: drift}, 1, 2, 3)
		d.step()
		d.in.Messages = append(d.in.Messages, core.Message{
			Kind: core.MsgVote, Group: 1, From: 2, To: 1, Term: 5,
		})
		d.step()
		d.step()
		if got := len(d.take(core.MsgVoteReply)); got != want {
			t.Errorf("drift %d: %d votes, want %d", drift, got, want)
		}
	}
}

// TestBoundedReads are answered by a follower as long as it hears the leader, and not afterwards.
func TestBoundedReads(t *testing.T) {
	p := newPool(t, Config{}, 1, 2, 3)
	id := p.lead().engine.config.Node%3 + 1
	follower, n := p.desk(id), notes{}
	ask := func(token uint64, maxStale int64) {
		q := query(core.Bounded)
		q.Token, q.MaxStale, q.Local = token, maxStale, true
		follower.ask(n, q)
		follower.messages(core.MsgReadIndex)
	}
	ask(1, 1e9)
	if r, ok := n[1]; !ok || r.Err != nil {
		t.Errorf("a follower in touch: %v, %v", r, ok)
	}
	p.cut[id] = true
	p.sleep(20) // 200 ms
	ask(2, 1e9)
	if r, ok := n[2]; !ok || r.Err != nil {
		t.Errorf("a follower that was in touch lately: %v, %v", r, ok)
	}
	ask(3, 1e8)
	if r, ok := n[3]; !ok || !errors.Is(r.Err, core.ErrNotLeader) {
		t.Errorf("a follower that was not in touch: %v, %v", r, ok)
	}
}

// TestAtLeastWaitsForTheMachine holds a query back until the entry is applied, at every level, and
// gives up one for an entry that does not come.
func TestAtLeastWaitsForTheMachine(t *testing.T) {
	for _, level := range []core.ReadLevel{core.Linearizable, core.Stale, core.Lease, core.Bounded} {
		d := newDesk(t, Config{Node: 1, ForwardTicks: 50}, 1)
		d.until("leader", d.leads)
		n := notes{}
		q := query(level)
		q.AtLeast, q.MaxStale = d.engine.Status()[0].LastIndex+1, 1e9
		d.ask(n, q)
		for range 10 {
			d.step()
		}
		if len(n) != 0 {
			t.Errorf("level %d: answered before the entry was there", level)
		}
		d.ask(n, command(7, 1))
		d.until("both answers", func() bool { return len(n) == 2 })
		if n[0].Err != nil {
			t.Errorf("level %d: %v", level, n[0].Err)
		}
		clear(n)
		q.AtLeast = 1 << 60
		d.ask(n, q)
		d.until("an answer", func() bool { return len(n) == 1 })
		if !errors.Is(n[0].Err, core.ErrBusy) {
			t.Errorf("level %d: got %v, want busy", level, n[0].Err)
		}
	}
}

// TestLostCommandIsUnknownWhereItCameFrom: a leader whose entries are replaced tells the node that
// had passed a command on.
func TestLostCommandIsUnknownWhereItCameFrom(t *testing.T) {
	p := newPool(t, Config{ForwardTicks: 100_000}, 1, 2, 3)
	old := p.lead()
	from := p.desks[0]
	if from == old {
		from = p.desks[1]
	}
	n := notes{}
	for _, d := range p.desks {
		p.cut[d.engine.config.Node] = d != old && d != from
	}
	from.ask(n, command(1, 0))
	from.step()
	old.in.Messages = append(old.in.Messages, from.take(core.MsgForward)...)
	p.cut = map[core.NodeID]bool{old.engine.config.Node: true}
	p.until("another leader", func() bool { l := p.leader(); return l != nil && l != old })
	p.sleep(10)
	if len(n) != 0 {
		t.Fatalf("got %v while nobody can know", n)
	}
	clear(p.cut)
	p.until("an answer", func() bool { return len(n) == 1 })
	if !errors.Is(n[1].Err, core.ErrUnknownOutcome) {
		t.Errorf("got %v", n[1].Err)
	}
}
