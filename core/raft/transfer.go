package raft

import (
	"errors"
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
)

// The errors of Transfer about the node that was chosen.
var (
	// ErrTransfer is returned for a node that leadership cannot be handed over to.
	ErrTransfer = errors.New("raft: node cannot take over")
	// ErrBarred is returned for a voter that has said that it may not lead; see Bar. It is an
	// ErrTransfer that time may cure.
	ErrBarred = fmt.Errorf("%w: it may not lead", ErrTransfer)
)

// transfer is the handing over of leadership that is under way (thesis §3.10).
type transfer struct {
	to    core.NodeID // zero: none
	age   int         // ticks since it began
	asked bool        // the node was told to stand, since the last heartbeat
	told  bool        // in this term, some node was told to stand: it may do so at any time
	last  bool        // this leader is no member any more: see retire
}

// pending reports whether nothing can be proposed.
func (t *transfer) pending() bool { return t.to != 0 || t.last }

// Transfer hands leadership over to a voter, zero for the one that knows most. Until that is done,
// or given up after ElectionTicks, nothing can be proposed, so that the node can catch up.
//
// Errors: *core.NotLeaderError; core.ErrBusy while leadership is handed over to another;
// ErrTransfer for a node that is no voter, is this one, or, with zero, if nobody answers; ErrBarred
// for one that would decline.
func (r *Raft) Transfer(to core.NodeID) error {
	switch {
	case r.err != nil:
		return r.err
	case r.role != Leader:
		return &core.NotLeaderError{Leader: r.leader}
	case to == 0:
		p := r.successor()
		if p == nil {
			return fmt.Errorf("%w: no other voter that may lead answers", ErrTransfer)
		}
		to = p.id
	}
	p := r.peer(to)
	switch {
	case to == r.c.ID:
		return fmt.Errorf("%w: node %d leads already", ErrTransfer, to)
	case p == nil || p.member.Role&core.Voter == 0:
		return fmt.Errorf("%w: node %d is no voter", ErrTransfer, to)
	case p.barred():
		return fmt.Errorf("%w, says node %d", ErrBarred, to)
	case r.transfer.to != 0 && r.transfer.to != to:
		return core.ErrBusy
	case r.transfer.to == 0:
		r.transfer = transfer{to: to, told: r.transfer.told}
	}
	return nil
}

// successor returns the other voter that holds most of the log, of those that answer; nil: none.
func (r *Raft) successor() *peer {
	var best *peer
	for i := range r.peers {
		p := &r.peers[i]
		if p.id == r.c.ID || p.member.Role&core.Voter == 0 || !p.alive() || p.barred() {
			continue
		}
		if best == nil || p.match > best.match {
			best = p
		}
	}
	return best
}

// favour begins to hand leadership over to a voter that has caught up and had better lead, unless
// it was asked to and did not: while a node is waited for, nothing can be proposed.
func (r *Raft) favour() {
	best, priority := core.NodeID(0), uint64(r.c.Priority)
	for i := range r.peers {
		p := &r.peers[i]
		if p.current && !p.declined && p.priority < priority && p.member.Role&core.Voter != 0 {
			best, priority = p.id, p.priority
		}
	}
	if best != 0 && best != r.c.ID && r.transfer.to == 0 && r.Settled() {
		r.transfer = transfer{to: best, told: r.transfer.told}
	}
}

// handOver tells the node to stand once it holds the whole log (thesis §3.10).
func (r *Raft) handOver() {
	t := &r.transfer
	if t.to == 0 || t.asked || r.peer(t.to).match < r.log.last.Index {
		return
	}
	t.asked, t.told = true, true
	r.send(core.Message{Kind: core.MsgTimeoutNow, To: t.to})
}

// tickTransfer has the node told again with each heartbeat, as messages get lost, and gives up in
// the end: a leader must not wait for ever for a node that is gone.
func (r *Raft) tickTransfer() {
	t := &r.transfer
	if t.to == 0 {
		return
	}
	if t.age++; t.age >= r.c.ElectionTicks {
		r.peer(t.to).declined = true
		*t = transfer{told: t.told}
		return
	}
	t.asked = t.asked && r.beat > 0
}
