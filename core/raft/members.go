package raft

import (
	"fmt"
	"slices"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/quorum"
)

// era is a membership and the index from which it is in force: a membership counts from the moment
// its entry is in the log, committed or not (Raft §6).
type era struct {
	from       core.Index
	membership core.Membership
}

// membershipOf decodes the membership that e carries.
func membershipOf(e *core.Entry) (core.Membership, error) {
	m, rest, err := core.DecodeMembership(e.Data)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%w: %d bytes too many", core.ErrMembership, len(rest))
	}
	if err != nil {
		return core.Membership{}, fmt.Errorf("membership in entry %d: %w", e.Index, err)
	}
	return m, nil
}

// newest returns the membership in force, committed or not.
func (r *Raft) newest() core.Membership { return r.eras[len(r.eras)-1].membership }

// MembershipAt returns the membership in force at i, which is not below the newest snapshot.
func (r *Raft) MembershipAt(i core.Index) core.Membership {
	n := len(r.eras) - 1
	for n > 0 && r.eras[n].from > i {
		n--
	}
	return r.eras[n].membership
}

// adopt brings the memberships in entries into force, which were just appended and checked before.
func (r *Raft) adopt(entries []core.Entry) {
	before := len(r.eras)
	for i := range entries {
		if entries[i].Kind == core.EntryMembership {
			m, err := membershipOf(&entries[i])
			if err != nil {
				r.fail("adopt a membership", err)
				return
			}
			r.eras = append(r.eras, era{entries[i].Index, m})
		}
	}
	if len(r.eras) > before {
		r.arrange()
		if r.role == Leader {
			r.confirmReads() // those who have answered may be a quorum now
		}
	}
}

// rollback takes the memberships from index from on out of force: their entries are cut off.
func (r *Raft) rollback(from core.Index) {
	n := len(r.eras)
	for n > 1 && r.eras[n-1].from >= from {
		n--
	}
	if n < len(r.eras) {
		r.eras = r.eras[:n]
		r.arrange()
	}
}

// forgetEras drops the memberships that were superseded at or before the newest snapshot.
func (r *Raft) forgetEras() {
	n := 0
	for n+1 < len(r.eras) && r.eras[n+1].from <= r.snapshot.Index {
		n++
	}
	r.eras = slices.Delete(r.eras, 0, n)
}

// arrange makes voters and peers follow the newest membership. Members that stay keep what is known
// of them.
func (r *Raft) arrange() {
	newest := r.newest()
	r.voters = quorum.FromMembership(newest)
	peers := make([]peer, 0, len(newest.Members))
	for _, member := range newest.Members {
		p := peer{id: member.ID, next: r.log.last.Index + 1}
		if old := r.peer(member.ID); old != nil {
			p = *old
		}
		if member.ID == r.c.ID {
			p.match = r.log.durable
		}
		p.member = member
		peers = append(peers, p)
	}
	r.peers = peers
	if to := r.peer(r.transfer.to); to == nil || !r.voters.Has(to.id) {
		r.transfer.to = 0
	}
}

// peer returns what is known of a member, nil for any other node.
func (r *Raft) peer(id core.NodeID) *peer {
	for i := range r.peers {
		if r.peers[i].id == id {
			return &r.peers[i]
		}
	}
	return nil
}
