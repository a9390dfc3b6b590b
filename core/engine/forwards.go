package engine

import "github.com/tidelock-raft/tidelock/core"

// forwards remembers the commands that were passed on to a leader and not yet answered.
//
// Invariants: order ascends by token; every element of waiting is in order (the reverse need not
// hold: answered ones leave order when their time is up).
type forwards struct {
	limit   int
	clock   int // ticks so far
	waiting map[uint64]forwarded
	order   queue[deadline]
}

type forwarded struct {
	group  core.GroupID
	to     core.NodeID // the leader that was asked
	token  uint64      // the caller's
	caller core.Caller
}

type deadline struct {
	token uint64
	since int // tick
}

func newForwards(limit int) forwards {
	return forwards{limit: limit, waiting: make(map[uint64]forwarded)}
}

func (f *forwards) full() bool { return len(f.waiting) >= f.limit }

func (f *forwards) add(token uint64, g core.GroupID, to core.NodeID, q *core.Request) {
	f.waiting[token] = forwarded{g, to, q.Token, q.Caller}
	f.order.push(deadline{token, f.clock})
}

func (f *forwards) take(token uint64, g core.GroupID) (forwarded, bool) {
	w, ok := f.waiting[token]
	if !ok || w.group != g {
		return forwarded{}, false
	}
	delete(f.waiting, token)
	for f.order.len() > 0 {
		if _, waits := f.waiting[f.order.first().token]; waits {
			break
		}
		f.order.pop()
	}
	return w, true
}

// lost gives up what a node was asked that cannot be reached any more.
func (f *forwards) lost(g core.GroupID, to core.NodeID, out *Effects) {
	for i := range f.order.len() {
		if w, ok := f.waiting[f.order.at(i).token]; ok && w.group == g && w.to == to {
			f.giveUp(f.order.at(i).token, w, out)
		}
	}
}

func (f *forwards) giveUp(token uint64, w forwarded, out *Effects) {
	delete(f.waiting, token)
	reply := core.Reply{Err: core.ErrUnknownOutcome}
	out.Answers = append(out.Answers, Answer{w.token, w.caller, reply})
}

// tick gives up what has waited for longer than ticks: nobody can say what became of it.
func (f *forwards) tick(ticks int, out *Effects) {
	f.clock++
	for f.order.len() > 0 && f.clock-f.order.first().since > ticks {
		if w, ok := f.waiting[f.order.first().token]; ok {
			f.giveUp(f.order.first().token, w, out)
		}
		f.order.pop()
	}
}
