package engine

import (
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/internal/ring"
)

// forwards remembers the commands that were passed on to a leader and not yet answered.
//
// Invariants: order ascends by token; every element of waiting is in order (the reverse need not
// hold: answered ones leave order when their time is up, or when there are too many of them); order
// has at most twice limit elements, and waiting limit.
type forwards struct {
	limit   int
	clock   int // ticks so far
	waiting map[uint64]forwarded
	order   ring.Ring[deadline]
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
	if f.order.Len() >= 2*f.limit {
		f.sweep()
	}
	f.waiting[token] = forwarded{g, to, q.Token, q.Caller}
	f.order.Push(deadline{token, f.clock})
}

// sweep takes out of order what was answered.
func (f *forwards) sweep() {
	for range f.order.Len() {
		d := f.order.Pop()
		if _, waits := f.waiting[d.token]; waits {
			f.order.Push(d)
		}
	}
}

func (f *forwards) take(token uint64, g core.GroupID) (forwarded, bool) {
	w, ok := f.waiting[token]
	if !ok || w.group != g {
		return forwarded{}, false
	}
	delete(f.waiting, token)
	for f.order.Len() > 0 {
		if _, waits := f.waiting[f.order.First().token]; waits {
			break
		}
		f.order.Pop()
	}
	return w, true
}

// lost gives up what a node was asked that cannot be reached any more, zero for any node.
func (f *forwards) lost(g core.GroupID, to core.NodeID, out *Effects) {
	for i := range f.order.Len() {
		if w, ok := f.waiting[f.order.At(i).token]; ok && w.group == g && (w.to == to || to == 0) {
			f.giveUp(f.order.At(i).token, w, out)
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
	for f.order.Len() > 0 && f.clock-f.order.First().since > ticks {
		if w, ok := f.waiting[f.order.First().token]; ok {
			f.giveUp(f.order.First().token, w, out)
		}
		f.order.Pop()
	}
}
