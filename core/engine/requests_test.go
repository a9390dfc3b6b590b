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

type groupLog struct{ *memory.Store }

func (l groupLog) Entries(
	dst []core.Entry, lo, hi core.Index, maxBytes int,
) ([]core.Entry, error) {
	return l.Store.Entries(dst, core.DefaultGroup, lo, hi, maxBytes)
}

func (l groupLog) Term(i core.Index) (core.Term, error) {
	return l.Store.Term(core.DefaultGroup, i)
}

func newDesk(t *testing.T, c Config, ids ...core.NodeID) *desk {
	t.Helper()
	return newDeskOf(t, c, members(ids...))
}

func newDeskOf(t *testing.T, c Config, m core.Membership) *desk {
	t.Helper()
	d := &desk{t: t, engine: New(c), store: memory.New(), now: 1}
	install := core.Update{
		Group: core.DefaultGroup, Install: &core.SnapshotMeta{Membership: m},
	}
	if err := d.store.Write([]core.Update{install}); err != nil {
		t.Fatal(err)
	}
	state, err := d.store.State(core.DefaultGroup)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.engine.Open(core.DefaultGroup, state, groupLog{d.store}); err != nil {
		t.Fatal(err)
	}
	return d
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
