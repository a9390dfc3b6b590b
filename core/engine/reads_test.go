package engine

import (
	"errors"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

func linearizable(token uint64) core.Request {
	return core.Request{Kind: core.RequestQuery, Level: core.Linearizable, Token: token}
}

// confirm has the leader, node 2, answer a question.
func (d *desk) confirm(question core.Message) {
	d.in.Messages = append(d.in.Messages, core.Message{
		Kind: core.MsgReadIndexReply, Group: core.DefaultGroup, From: 2, To: 1, Term: 1,
		Token: question.Token, Commit: 0,
	})
}

// TestQueriesShareAQuestion: those that come while one is under way wait for the next, all
// together, and go to the machine as one piece of work. What came after a question left is not in
// it.
func TestQueriesShareAQuestion(t *testing.T) {
	d, n := follower(t, Config{}), notes{}
	var questions []core.Message
	for token := range uint64(4) {
		d.ask(n, linearizable(token))
		d.step()
		questions = append(questions, d.take(core.MsgReadIndex)...)
	}
	if len(questions) != 1 || !d.engine.Asks() {
		t.Fatalf("%d questions for 4 queries, want 1 under way", len(questions))
	}
	d.confirm(questions[0])
	d.step()
	next := d.take(core.MsgReadIndex)
	if _, first := n[0]; !first || len(n) != 1 || len(next) != 1 {
		t.Fatalf("got answers to %v and %d questions, want one of each", n, len(next))
	}
	d.confirm(next[0])
	d.confirm(next[0])
	if d.step(); len(n) != 4 || len(d.out.Work) != 1 {
		t.Errorf("got answers to %v by %d pieces of work, want all by one", n, len(d.out.Work))
	}
	if d.step(); d.engine.Asks() {
		t.Error("queries are to wait though there is nothing to wait for")
	}
}

// TestQueriesGatherBehindOthers: as long as the machine has more to answer than has gathered, no
// question is asked before a tick has passed. A few slow queries hold nobody up.
func TestQueriesGatherBehindOthers(t *testing.T) {
	d, n := follower(t, Config{}), notes{}
	ask := func(tokens ...uint64) int {
		for _, token := range tokens {
			d.ask(n, linearizable(token))
		}
		d.in.Served = nil // the machine is slow
		d.now -= 10e6     // and no tick passes
		d.step()
		questions := d.take(core.MsgReadIndex)
		for _, q := range questions {
			d.confirm(q)
		}
		return len(questions)
	}
	ask(1, 2, 3)
	ask() // and now they are with the machine
	if ask(4) != 0 || !d.engine.Asks() || ask(5) != 0 || d.engine.Asks() {
		t.Fatal("a question was asked for fewer queries than the machine had yet to answer")
	}
	if ask(6) != 1 {
		t.Error("no question was asked for as many queries as the machine had yet to answer")
	}
	ask()
	if ask(7) != 0 || !d.engine.Asks() {
		t.Fatal("a question was asked for fewer queries than the machine had yet to answer")
	}
	d.in.Served = []Served{{Group: core.DefaultGroup, Queries: 5}}
	if d.step(); len(d.take(core.MsgReadIndex)) != 1 {
		t.Error("no question was asked when the machine had answered nearly all")
	}
}

// TestStaleQueriesHoldNobodyUp: clients that read what is there, and ask again with each answer,
// keep the machine busy for ever.
func TestStaleQueriesHoldNobodyUp(t *testing.T) {
	d, n := newDesk(t, Config{Node: 1}, 1), notes{}
	d.until("leader", d.leads)
	for token := range uint64(3) {
		d.ask(n, core.Request{Kind: core.RequestQuery, Level: core.Stale, Token: token})
	}
	d.step()
	d.in.Served = nil // the answers are on their way
	d.now -= 10e6
	d.ask(n, linearizable(7))
	if d.step(); n[7].Leader != 1 {
		t.Error("no answer to a linearizable query before the next tick")
	}
}

// TestSlowQueriesHoldOthersUpForATick and no longer.
func TestSlowQueriesHoldOthersUpForATick(t *testing.T) {
	d, n := follower(t, Config{}), notes{}
	for token := range uint64(3) {
		d.ask(n, linearizable(token))
	}
	d.step()
	d.confirm(d.take(core.MsgReadIndex)[0])
	d.step()
	d.in.Served = nil // for they take long
	d.now -= 10e6
	d.ask(n, linearizable(7))
	if d.step(); len(d.take(core.MsgReadIndex)) != 0 {
		t.Fatal("a question was asked for one query, while the machine had three")
	}
	if d.step(); len(d.take(core.MsgReadIndex)) != 1 {
		t.Error("no question was asked though a tick has passed")
	}
}

// TestGatheredQueriesAreBounded while their question is not answered.
func TestGatheredQueriesAreBounded(t *testing.T) {
	d, n := follower(t, Config{}), notes{}
	d.ask(n, linearizable(0))
	d.step()
	for token := range uint64(maxGathered + 3) {
		d.ask(n, linearizable(token+1))
	}
	d.step()
	if g := d.engine.byID[core.DefaultGroup]; len(g.gathered) != maxGathered || len(n) != 3 {
		t.Errorf("%d wait and %d are answered, want %d and 3", len(g.gathered), len(n), maxGathered)
	}
	for _, r := range n {
		if !errors.Is(r.Err, core.ErrBusy) {
			t.Errorf("got %v, want %v", r.Err, core.ErrBusy)
		}
	}
}

// TestLocalQueriesStay with a node that leads no more: they are not for the next leader.
func TestLocalQueriesStay(t *testing.T) {
	p, n := newPool(t, Config{}, 1, 2, 3), notes{}
	d := p.lead()
	for token := range uint64(2) {
		q := linearizable(token)
		q.Local = true
		d.ask(n, q)
		d.step()
	}
	d.take(core.MsgReadIndex)
	g := d.engine.byID[core.DefaultGroup]
	other := g.node%3 + 1
	d.in.Messages = append(d.in.Messages, core.Message{
		Kind: core.MsgAppend, Group: core.DefaultGroup, From: other, To: g.node, Term: g.raft.Term() + 1,
	})
	d.step()
	for token := range uint64(2) {
		if !errors.Is(n[token].Err, core.ErrNotLeader) {
			t.Errorf("query %d: got %+v, want %v", token, n[token], core.ErrNotLeader)
		}
	}
	if len(d.take(core.MsgReadIndex)) > 0 {
		t.Error("the new leader was asked")
	}
}

// TestGatheredBytesAreBounded, and those of one query.
func TestGatheredBytesAreBounded(t *testing.T) {
	d, n := follower(t, Config{MaxCommandBytes: 1 << 20}), notes{}
	ask := func(token uint64, size int) {
		q := linearizable(token)
		q.Data = make([]byte, size)
		d.ask(n, q)
	}
	ask(0, 1<<20+1)
	ask(1, 1<<20) // for which the leader is asked at once
	d.step()
	if !errors.Is(n[0].Err, core.ErrTooLarge) {
		t.Errorf("got %v, want %v", n[0].Err, core.ErrTooLarge)
	}
	const most = maxGatheredBytes >> 20
	for token := range uint64(most + 1) {
		ask(token+2, 1<<20)
	}
	d.step()
	if !errors.Is(n[most+2].Err, core.ErrBusy) || len(n) != 2 {
		t.Errorf("got %v, want that the last is refused alone", n)
	}
}

// TestGatheredQueriesEnd when their question is lost, and when the node stops.
func TestGatheredQueriesEnd(t *testing.T) {
	d, n := follower(t, Config{}), notes{}
	for token := range uint64(2) {
		d.ask(n, linearizable(token))
		d.step()
	}
	d.in.Messages = append(d.in.Messages, core.Message{ // another leader
		Kind: core.MsgAppend, Group: core.DefaultGroup, From: 3, To: 1, Term: 2, Round: 1,
	})
	d.step()
	if len(n) != 1 || !errors.Is(n[0].Err, core.ErrNotLeader) {
		t.Fatalf("got %v, want the first to be lost", n)
	}
	if asked := d.take(core.MsgReadIndex); asked[len(asked)-1].To != 3 {
		t.Fatalf("asked %v, want the new leader for the second", asked)
	}
	d.ask(n, linearizable(2))
	d.step()
	d.engine.Abandon(&d.out)
	for _, a := range d.out.Answers {
		a.Caller.Replied(a.Token, a.Reply)
	}
	if !errors.Is(n[1].Err, core.ErrClosed) || !errors.Is(n[2].Err, core.ErrClosed) {
		t.Errorf("got %v, want both closed", n)
	}
}
