package engine

import (
	"errors"
	"fmt"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/raft"
	"github.com/tidelock-raft/tidelock/persist/memory"
)

// desk is an engine with a store that is always in time and a machine that does nothing.
type desk struct {
	t      *testing.T
	engine *Engine
	store  *memory.Store
	in     Events
	out    Effects
	now    core.Instant
	outbox []core.Message
}

func members(ids ...core.NodeID) core.Membership {
	var m core.Membership
	for _, id := range ids {
		addr := core.Addr(fmt.Sprint(id))
		m.Members = append(m.Members, core.Member{ID: id, Role: core.Voter, Addr: addr})
	}
	return m
}

type groupLog struct {
	*memory.Store
	group core.GroupID
}

func (l groupLog) Entries(
	dst []core.Entry, lo, hi core.Index, maxBytes int,
) ([]core.Entry, error) {
	return l.Store.Entries(dst, l.group, lo, hi, maxBytes)
}

func (l groupLog) Term(i core.Index) (core.Term, error) {
	return l.Store.Term(l.group, i)
}

func newDesk(t *testing.T, c Config, ids ...core.NodeID) *desk {
	t.Helper()
	return newDeskOf(t, c, members(ids...))
}

func newDeskOf(t *testing.T, c Config, m core.Membership) *desk {
	t.Helper()
	d := &desk{t: t, engine: New(c), store: memory.New(), now: 1}
	d.open(core.DefaultGroup, m)
	return d
}

// open adds a group.
func (d *desk) open(id core.GroupID, m core.Membership) {
	d.t.Helper()
	install := core.Update{Group: id, Install: &core.SnapshotMeta{Membership: m}}
	if err := d.store.Write([]core.Update{install}); err != nil {
		d.t.Fatal(err)
	}
	state, err := d.store.State(id)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := d.engine.Open(id, state, groupLog{d.store, id}); err != nil {
		d.t.Fatal(err)
	}
}

// step lets one tick pass and carries out everything but the sending.
func (d *desk) step() {
	d.t.Helper()
	d.now += 10e6
	d.engine.Step(d.now, &d.in, &d.out)
	d.in.Reset()
	if err := d.store.Write(d.out.Write); err != nil {
		d.t.Fatal(err)
	}
	d.in.Wrote = d.out.Batch
	for _, o := range []*Outbox{&d.out.Send, &d.out.AfterWrite} {
		for _, box := range o.Boxes() {
			d.outbox = append(d.outbox, box.Messages...)
		}
	}
	for _, w := range d.out.Work {
		d.work(w)
	}
	for _, a := range d.out.Answers {
		a.Caller.Replied(a.Token, a.Reply)
	}
}

func (d *desk) work(w Work) {
	if n := len(w.Entries); n > 0 {
		last := w.Entries[n-1].Index
		d.in.Applied = append(d.in.Applied, Applied{Group: w.Group, Index: last})
	}
	for _, c := range w.Calls {
		if c.Caller != nil {
			c.Caller.Replied(c.Token, core.Reply{Index: c.Index})
		}
	}
	for _, q := range w.Queries {
		q.Caller.Replied(q.Token, core.Reply{Leader: w.Leader})
	}
	if n := Waited(w.Queries); n > 0 {
		d.in.Served = append(d.in.Served, Served{Group: w.Group, Queries: n})
	}
}

// take returns the messages sent since the last take that are of a kind.
func (d *desk) take(kind core.MessageKind) []core.Message {
	var found []core.Message
	for _, m := range d.outbox {
		if m.Kind == kind {
			found = append(found, m)
		}
	}
	d.outbox = nil
	return found
}

func (d *desk) until(what string, ok func() bool) {
	d.t.Helper()
	for range 1000 {
		if ok() {
			return
		}
		d.step()
	}
	d.t.Fatalf("no %s", what)
}

func (d *desk) membership() string {
	return d.engine.byID[core.DefaultGroup].members().String()
}

func (d *desk) leads() bool { return d.engine.Status()[0].Role == "leader" }

// notes is a caller that remembers.
type notes map[uint64]core.Reply

func (n notes) Replied(token uint64, r core.Reply) { n[token] = r }

func (d *desk) ask(n notes, q core.Request) {
	q.Group = max(q.Group, core.DefaultGroup)
	q.Caller = n
	d.in.Requests = append(d.in.Requests, q)
}

func command(token uint64, size int) core.Request {
	return core.Request{Kind: core.RequestCommand, Token: token, Data: make([]byte, size)}
}

func TestRequestsOfALoneLeader(t *testing.T) {
	c := Config{Node: 1, MaxCommandBytes: 100, Raft: raft.Config{MaxUncommittedBytes: 1000}}
	d := newDesk(t, c, 1)
	d.until("leader", d.leads)
	n := notes{}
	d.ask(n, command(1, 10))
	d.ask(n, command(2, 101))
	other := command(3, 1)
	other.Group = 2
	d.ask(n, other)
	d.ask(n, core.Request{Kind: core.RequestQuery, Level: core.Linearizable, Token: 4})
	d.ask(n, core.Request{Kind: core.RequestQuery, Level: core.Stale, Token: 5})
	d.until("five answers", func() bool { return len(n) == 5 })
	for token, want := range map[uint64]error{
		1: nil, 2: core.ErrTooLarge, 3: core.ErrNoGroup, 4: nil, 5: nil,
	} {
		if got := n[token].Err; !errors.Is(got, want) {
			t.Errorf("request %d: got %v, want %v", token, got, want)
		}
	}
	if n[1].Index != 2 || n[4].Leader != 1 {
		t.Errorf("got index %d and leader %d, want 2 and 1", n[1].Index, n[4].Leader)
	}
}

// TestOverloadIsAnsweredBusy offers more than may be uncommitted at once; what does not fit is
// refused, and room comes back.
func TestOverloadIsAnsweredBusy(t *testing.T) {
	d := newDesk(t, Config{Node: 1, Raft: raft.Config{MaxUncommittedBytes: 40_000}}, 1)
	d.until("leader", d.leads)
	n := notes{}
	for token := range uint64(1000) {
		d.ask(n, command(token, 0))
	}
	d.until("all answers", func() bool { return len(n) == 1000 })
	busy := 0
	for _, r := range n {
		if errors.Is(r.Err, core.ErrBusy) {
			busy++
		}
	}
	if busy == 0 || busy == 1000 {
		t.Errorf("%d of 1000 commands were refused", busy)
	}
	d.ask(n, command(5000, 0))
	d.until("another answer", func() bool { return len(n) == 1001 })
	if err := n[5000].Err; err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestBurstOfLargeCommandsIsNotTooLarge offers at once what is too much together: as many are taken
// as there is room for, and the others are told to come again.
func TestBurstOfLargeCommandsIsNotTooLarge(t *testing.T) {
	d := newDesk(t, Config{Node: 1, Raft: raft.Config{MaxUncommittedBytes: 40_000}}, 1)
	d.until("leader", d.leads)
	n := notes{}
	for token := range uint64(20) {
		d.ask(n, command(token, 4000))
	}
	d.until("all answers", func() bool { return len(n) == 20 })
	taken := 0
	for token, r := range n {
		switch {
		case r.Err == nil:
			taken++
		case !errors.Is(r.Err, core.ErrBusy):
			t.Errorf("command %d: %v", token, r.Err)
		}
	}
	if taken < 8 || taken > 10 {
		t.Errorf("%d commands of 4,000 bytes were taken, of 40,000 bytes", taken)
	}
}

// follower returns a desk that follows node 2.
func follower(t *testing.T, c Config) *desk {
	t.Helper()
	c.Node = 1
	d := newDesk(t, c, 1, 2, 3)
	heartbeat(d)
	return d
}

func heartbeat(d *desk) {
	d.in.Messages = append(d.in.Messages, core.Message{
		Kind: core.MsgAppend, Group: core.DefaultGroup, From: 2, To: 1, Term: 1, Round: 1,
	})
	d.step()
}

func TestForwardedCommandIsAnsweredOnce(t *testing.T) {
	d, n := follower(t, Config{}), notes{}
	d.ask(n, command(7, 3))
	d.step()
	sent := d.take(core.MsgForward)
	if len(sent) != 1 || sent[0].To != 2 || len(sent[0].Data) != 3 {
		t.Fatalf("sent %v", sent)
	}
	reply := core.Message{
		Kind: core.MsgForwardReply, Group: core.DefaultGroup, From: 2, To: 1, Term: 1,
		Token: sent[0].Token, Data: AppendReply(nil, 9, core.Result{Value: []byte("v")}),
	}
	d.in.Messages = append(d.in.Messages, reply, reply)
	d.step()
	if r := n[7]; len(n) != 1 || r.Err != nil || r.Index != 9 || r.Leader != 2 {
		t.Errorf("got %+v", n)
	}
	if len(d.out.Answers) != 1 {
		t.Errorf("%d answers, want 1", len(d.out.Answers))
	}
}

func TestForwardedCommandRefusedCanBeRepeated(t *testing.T) {
	d, n := follower(t, Config{}), notes{}
	d.ask(n, command(7, 3))
	d.step()
	d.in.Messages = append(d.in.Messages, core.Message{
		Kind: core.MsgForwardReply, Reject: true, Group: core.DefaultGroup, From: 2, To: 1, Term: 1,
		Token: d.take(core.MsgForward)[0].Token,
		Data:  appendRefusal(nil, &core.NotLeaderError{Leader: 3}),
	})
	d.step()
	var elsewhere *core.NotLeaderError
	if !errors.As(n[7].Err, &elsewhere) || elsewhere.Leader != 3 {
		t.Errorf("got %v, want node 3 to be named", n[7].Err)
	}
}

func TestForwardWithoutAnswerIsUnknownInTime(t *testing.T) {
	d, n := follower(t, Config{ForwardTicks: 20}), notes{}
	d.ask(n, command(7, 3))
	for range 25 {
		heartbeat(d)
	}
	if !errors.Is(n[7].Err, core.ErrUnknownOutcome) {
		t.Errorf("got %v, want %v", n[7].Err, core.ErrUnknownOutcome)
	}
}

// TestUnreachableLeaderIsSentNothing: what had left has an unknown outcome at once, what comes now
// has not left and can be repeated; when the leader is heard again, commands go to it again.
func TestUnreachableLeaderIsSentNothing(t *testing.T) {
	d, n := follower(t, Config{}), notes{}
	d.ask(n, command(1, 0))
	d.step()
	d.in.Unreachable = append(d.in.Unreachable, "2")
	d.ask(n, command(2, 0))
	d.step()
	if !errors.Is(n[1].Err, core.ErrUnknownOutcome) || !errors.Is(n[2].Err, core.ErrNotLeader) {
		t.Errorf("got %v and %v, want unknown and not leader", n[1].Err, n[2].Err)
	}
	d.take(core.MsgForward)
	heartbeat(d)
	d.ask(n, command(3, 0))
	d.step()
	if sent := d.take(core.MsgForward); len(sent) != 1 {
		t.Errorf("sent %v, want the third command", sent)
	}
}

func TestForwardsAreBounded(t *testing.T) {
	d, n := follower(t, Config{MaxForwards: 2}), notes{}
	for token := range uint64(3) {
		d.ask(n, command(token, 0))
	}
	d.step()
	if len(n) != 1 || !errors.Is(n[2].Err, core.ErrBusy) {
		t.Errorf("got %v, want the third to be refused as busy", n)
	}
}

// TestAnsweredForwardsAreForgotten, also behind one that waits for long.
func TestAnsweredForwardsAreForgotten(t *testing.T) {
	f, n := newForwards(4), notes{}
	f.add(1, 1, 2, &core.Request{Token: 1, Caller: n})
	for token := uint64(2); token < 1000; token++ {
		f.add(token, 1, 2, &core.Request{Token: token, Caller: n})
		if w, ok := f.take(token, 1); !ok || w.token != token || f.order.Len() > 2*f.limit {
			t.Fatalf("took %+v, %v; %d are kept in order, limit %d", w, ok, f.order.Len(), f.limit)
		}
	}
	var out Effects
	if f.tick(0, &out); len(out.Answers) != 1 || out.Answers[0].Token != 1 {
		t.Errorf("gave up %v, want the first", out.Answers)
	}
}

// TestRequestsOfUnknownKindAreNoCommands, wherever they come in.
func TestRequestsOfUnknownKindAreNoCommands(t *testing.T) {
	p := newPool(t, Config{}, 1, 2, 3)
	leader := p.lead()
	id := leader.engine.config.Node
	last := leader.engine.Status()[0].LastIndex
	for _, kind := range []core.RequestKind{0, core.RequestBackup, core.RequestLog, 99} {
		for _, d := range []*desk{leader, p.desk(id%3 + 1)} {
			r := p.do(d, core.Request{Kind: kind, Data: []byte("x")})
			if f := r.Result.Failure; f == nil || f.Code != codeInvalid {
				t.Errorf("kind %d at node %d: got %s", kind, d.engine.config.Node, said(r))
			}
		}
	}
	leader.in.Messages = append(leader.in.Messages, core.Message{
		Kind: core.MsgForward, Group: core.DefaultGroup, From: id%3 + 1, To: id, Token: 1 << 40,
		Term: leader.engine.Status()[0].Term, Round: 256 + uint64(core.RequestCommand),
	})
	p.sleep(5)
	if got := leader.engine.Status()[0].LastIndex; got != last {
		t.Errorf("the log has grown from %d to %d", last, got)
	}
}

// TestReadsThatWaitForTheMachineAreBounded, also those that a quorum has confirmed.
func TestReadsThatWaitForTheMachineAreBounded(t *testing.T) {
	d := newDesk(t, Config{Node: 1, ForwardTicks: 1e6, Raft: raft.Config{MaxApplyBytes: 1}}, 1)
	d.until("leader", d.leads)
	n := notes{}
	d.ask(n, command(1, 0))
	d.ask(n, command(2, 0))
	for token := range uint64(maxParked + 10) {
		d.step()
		d.in.Applied = nil
		d.ask(n, core.Request{Kind: core.RequestQuery, Level: core.Linearizable, Token: token + 10})
	}
	d.step()
	busy := 0
	for token, r := range n {
		if token >= 10 && errors.Is(r.Err, core.ErrBusy) {
			busy++
		}
	}
	if g := d.engine.byID[core.DefaultGroup]; len(g.ready) != maxParked || busy == 0 || busy > 10 {
		t.Errorf("%d reads wait, limit %d, and %d were refused", len(g.ready), maxParked, busy)
	}
}

// TestSnapshotThatDoesNotFitStopsTheGroup; one that comes too late is only forgotten.
func TestSnapshotThatDoesNotFitStopsTheGroup(t *testing.T) {
	d := newDesk(t, Config{Node: 1}, 1)
	d.until("leader", d.leads)
	n := notes{}
	d.ask(n, command(1, 0))
	d.until("an answer", func() bool { return len(n) == 1 })
	d.step()
	g := d.engine.byID[core.DefaultGroup]
	for _, i := range []core.Index{2, 1} {
		g.record(core.SnapshotMeta{Position: core.Position{Term: 1, Index: i}})
		if err := d.engine.Err(); err != nil {
			t.Fatalf("snapshot at %d: %v", i, err)
		}
	}
	g.record(core.SnapshotMeta{Position: core.Position{Term: 1, Index: 9}})
	if err := d.engine.Err(); !errors.Is(err, raft.ErrSnapshot) {
		t.Errorf("got %v, want %v", err, raft.ErrSnapshot)
	}
}

// TestReplacedEntriesHaveUnknownOutcome has a leader lose its office and its entry.
func TestReplacedEntriesHaveUnknownOutcome(t *testing.T) {
	d, n := newDesk(t, Config{Node: 1}, 1, 2, 3), notes{}
	for _, kind := range []core.MessageKind{core.MsgPreVote, core.MsgVote} {
		d.until("campaign", func() bool { return len(d.take(kind)) > 0 })
		d.in.Messages = append(d.in.Messages, core.Message{
			Kind: kind + 1, Group: core.DefaultGroup, From: 2, To: 1, Term: 1,
		})
	}
	d.until("leader", d.leads)
	d.ask(n, command(1, 0))
	d.step()
	term := d.engine.Status()[0].Term + 1
	d.in.Messages = append(d.in.Messages, core.Message{
		Kind: core.MsgAppend, Group: core.DefaultGroup, From: 3, To: 1, Term: term, Round: 1,
		Entries: []core.Entry{{
			Position: core.Position{Term: term, Index: 1}, Kind: core.EntryNoop,
		}},
	})
	d.step()
	if !errors.Is(n[1].Err, core.ErrUnknownOutcome) {
		t.Errorf("got %v, want %v", n[1].Err, core.ErrUnknownOutcome)
	}
}

// TestAbandonAnswersEverything ends an engine with every kind of request open.
func TestAbandonAnswersEverything(t *testing.T) {
	d, n := follower(t, Config{}), notes{}
	d.ask(n, command(1, 0))
	d.ask(n, core.Request{Kind: core.RequestQuery, Level: core.Linearizable, Token: 2})
	d.step()
	d.engine.Abandon(&d.out)
	for _, a := range d.out.Answers {
		a.Caller.Replied(a.Token, a.Reply)
	}
	if !errors.Is(n[1].Err, core.ErrUnknownOutcome) || !errors.Is(n[2].Err, core.ErrClosed) {
		t.Errorf("got %v and %v, want unknown and closed", n[1].Err, n[2].Err)
	}
}

// TestLeaderKeepsOutWhatIsNotAdmitted whether its own clients ask for it or another node does.
func TestLeaderKeepsOutWhatIsNotAdmitted(t *testing.T) {
	p := newPool(t, Config{Admit: func(kind core.RequestKind, data []byte) *core.Failure {
		if kind == core.RequestCommand && len(data) != 3 {
			return nil
		}
		return &core.Failure{Code: "bad", Message: "no"}
	}}, 1, 2, 3)
	leader := p.lead()
	for _, d := range p.desks {
		before := leader.engine.Status()[0].LastIndex
		want := core.Failure{Code: "bad", Message: "no"}
		session := command(2, 4)
		session.Kind = core.RequestSession
		for _, q := range []core.Request{command(1, 3), session} {
			if r := p.do(d, q); r.Err != nil || r.Result.Failure == nil || *r.Result.Failure != want {
				t.Errorf("got %+v, want %+v", r, want)
			}
		}
		if last := leader.engine.Status()[0].LastIndex; last != before {
			t.Errorf("the log went from %d to %d", before, last)
		}
		d.ask(notes{}, command(3, 4))
		p.until("command in the log", func() bool {
			return leader.engine.Status()[0].LastIndex > before
		})
	}
}

// TestRemovedNodeAnswersAtOnce: nobody tells it any more what became of commands that it had passed
// on; what comes now is not carried out.
func TestRemovedNodeAnswersAtOnce(t *testing.T) {
	d, n := follower(t, Config{}), notes{}
	d.ask(n, command(1, 0))
	d.step()
	d.in.Messages = append(d.in.Messages, core.Message{
		Kind: core.MsgRemoved, Group: core.DefaultGroup, From: 2, To: 1, Term: 1,
	})
	d.step()
	d.ask(n, command(2, 0))
	d.step()
	if !errors.Is(n[1].Err, core.ErrUnknownOutcome) || !errors.Is(n[2].Err, core.ErrNotLeader) {
		t.Errorf("got %v and %v", n[1].Err, n[2].Err)
	}
}
