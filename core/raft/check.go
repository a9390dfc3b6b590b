package raft

import (
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
)

// Check returns an error that names the invariant that does not hold, nil if all do. The numbers
// are those of the package comment. It is for tests: it reads every entry in memory.
func (r *Raft) Check() error {
	for i, check := range []func(*Raft) string{
		(*Raft).checkOrder, (*Raft).checkDurable, (*Raft).checkLog, (*Raft).checkTerms,
		(*Raft).checkLeader, (*Raft).checkPeers, (*Raft).checkEras, (*Raft).checkLedgers,
	} {
		if broken := check(r); broken != "" {
			return fmt.Errorf("raft: node %d breaks invariant %d: %s", r.c.ID, i+1, broken)
		}
	}
	return nil
}

func (r *Raft) checkOrder() string {
	start, last, snapshot := r.log.start.Index, r.log.last.Index, r.snapshot.Index
	if r.restoring != 0 {
		if r.restoring > r.handed || r.applied >= r.restoring {
			return fmt.Sprintf("restoring %d, handed %d, applied %d",
				r.restoring, r.handed, r.applied)
		}
	} else if start > r.applied || r.applied > r.handed {
		return fmt.Sprintf("start %d, applied %d, handed %d", start, r.applied, r.handed)
	}
	if start > snapshot || snapshot > r.commit || r.commit > last || r.handed > r.commit {
		return fmt.Sprintf("start %d, snapshot %d, handed %d, commit %d, last %d",
			start, snapshot, r.handed, r.commit, last)
	}
	return ""
}

func (r *Raft) checkDurable() string {
	if d := r.log.durable; d > r.log.last.Index || r.handed > max(d, r.restoring, r.snapshot.Index) {
		return fmt.Sprintf("durable %d, last %d, handed %d, restoring %d",
			d, r.log.last.Index, r.handed, r.restoring)
	}
	for i := range r.writes.Len() {
		if w := r.writes.At(i); w.claim > r.log.last.Index || w.claim >= r.log.unwritten {
			return fmt.Sprintf("write %d claims %d, last %d, unwritten %d",
				w.seq, w.claim, r.log.last.Index, r.log.unwritten)
		}
	}
	return ""
}

func (r *Raft) checkLog() string {
	j, bytes := &r.log, 0
	at := core.Position{Index: j.cached() - 1}
	for i := range j.chunks {
		sum := 0
		for k := range j.chunks[i].entries {
			e := &j.chunks[i].entries[k]
			if e.Index != at.Index+1 || e.Term < at.Term {
				return fmt.Sprintf("%v in memory after %v", e.Position, at)
			}
			at, sum = e.Position, sum+e.Size()
		}
		if len(j.chunks[i].entries) == 0 || sum != j.chunks[i].bytes {
			return fmt.Sprintf("chunk %d counts %d bytes, has %d", i, j.chunks[i].bytes, sum)
		}
		bytes += sum
	}
	switch {
	case len(j.chunks) > 0 && at != j.last, j.start.Index > j.last.Index:
		return fmt.Sprintf("start %v, memory ends at %v, last %v", j.start, at, j.last)
	case j.unwritten > j.last.Index+1, j.cached() > j.unwritten:
		return fmt.Sprintf("unwritten %d, in memory from %d, last %d",
			j.unwritten, j.cached(), j.last.Index)
	case bytes != j.bytes:
		return fmt.Sprintf("log counts %d bytes in memory, has %d", j.bytes, bytes)
	}
	return ""
}

func (r *Raft) checkTerms() string {
	if r.log.last.Term > r.term || r.saved.Term > r.term ||
		r.saved.Term == r.term && r.saved.Vote != 0 && r.saved.Vote != r.vote {
		return fmt.Sprintf("last %v, term %d, vote %d, durable %v",
			r.log.last, r.term, r.vote, r.saved)
	}
	return ""
}

func (r *Raft) checkLeader() string {
	if r.role != Leader {
		return ""
	}
	term, err := r.log.term(max(r.noop, r.log.start.Index))
	if r.leader != r.c.ID || err != nil || term != r.term {
		return fmt.Sprintf("leader %d, first entry %d of term %d (%v), want term %d",
			r.leader, r.noop, term, err, r.term)
	}
	return ""
}

func (r *Raft) checkPeers() string {
	members := r.eras[len(r.eras)-1].membership.Members
	if len(members) != len(r.peers) {
		return fmt.Sprintf("%d peers for %d members", len(r.peers), len(members))
	}
	for i := range r.peers {
		p := &r.peers[i]
		switch {
		case p.id != members[i].ID:
			return fmt.Sprintf("peer %d is node %d, want %d", i, p.id, members[i].ID)
		case r.role != Leader || p.id == r.c.ID:
		case p.match >= p.next, p.next > r.log.last.Index+1,
			p.state != Replicating && p.inflight.len() > 0, p.inflight.len() > r.c.MaxInflight:
			return fmt.Sprintf("node %d %v: match %d, next %d, last %d, in flight %d",
				p.id, p.state, p.match, p.next, r.log.last.Index, p.inflight.len())
		}
	}
	return ""
}

func (r *Raft) checkEras() string {
	for i := range r.eras {
		if i > 0 && r.eras[i].from <= max(r.eras[i-1].from, r.snapshot.Index) ||
			r.eras[i].from > r.log.last.Index || r.eras[0].from > r.snapshot.Index {
			return fmt.Sprintf("membership %d of %d is from %d, snapshot %d, last %d",
				i, len(r.eras), r.eras[i].from, r.snapshot.Index, r.log.last.Index)
		}
	}
	return ""
}

func (r *Raft) checkLedgers() string {
	ledgers := []*ledger{&r.uncommitted, &r.applying}
	for i := range r.peers {
		ledgers = append(ledgers, &r.peers[i].inflight)
	}
	for i, l := range ledgers {
		sum := 0
		for k := range l.batches.Len() {
			sum += l.batches.At(k).bytes
		}
		if sum != l.bytes {
			return fmt.Sprintf("ledger %d counts %d bytes, has %d", i, l.bytes, sum)
		}
	}
	if r.role != Leader && r.uncommitted.len() > 0 || r.handed == r.applied && r.applying.len() > 0 {
		return fmt.Sprintf("uncommitted %d, applying %d",
			r.uncommitted.len(), r.applying.len())
	}
	return ""
}
