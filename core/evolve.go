package core

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Retired are the ids of nodes that were removed, so that no other is ever taken for one of them.
// It is bounded: beyond MaxRetired ids the lowest become the Floor, below which ids are then
// refused whether they were ever used or not.
type Retired struct {
	Floor NodeID   // every id up to here that is not a member's
	IDs   []NodeID // ascending, above Floor
}

// retiredFollow in the count of an encoded membership says that retired ids stand behind it.
const retiredFollow = 128

func (r Retired) empty() bool { return r.Floor == 0 && len(r.IDs) == 0 }

// Has reports whether the id may not be given to a new node.
func (r Retired) Has(id NodeID) bool {
	if id <= r.Floor {
		return true
	}
	_, found := slices.BinarySearch(r.IDs, id)
	return found
}

// with returns r and one more id.
func (r Retired) with(id NodeID) Retired {
	if r.Has(id) {
		return r
	}
	at, _ := slices.BinarySearch(r.IDs, id)
	r.IDs = slices.Insert(slices.Clone(r.IDs), at, id)
	if len(r.IDs) > MaxRetired {
		r.Floor, r.IDs = r.IDs[0], r.IDs[1:]
	}
	return r
}

func (m Membership) checkRetired() error {
	if len(m.Retired.IDs) > MaxRetired {
		return fmt.Errorf("%w: %d retired ids, limit %d", ErrMembership, len(m.Retired.IDs), MaxRetired)
	}
	last := m.Retired.Floor
	for _, id := range m.Retired.IDs {
		if id <= last {
			return fmt.Errorf("%w: retired id %d after %d", ErrMembership, id, last)
		}
		if _, member := m.Find(id); member {
			return fmt.Errorf("%w: node %d is a member and retired", ErrMembership, id)
		}
		last = id
	}
	return nil
}

func (r Retired) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(r.Floor))
	dst = binary.AppendUvarint(dst, uint64(len(r.IDs)))
	last := r.Floor
	for _, id := range r.IDs {
		dst = binary.AppendUvarint(dst, uint64(id-last))
		last = id
	}
	return dst
}

func decodeRetired(src []byte) (Retired, []byte, error) {
	floor, src, err := uvarint(src, 1<<64-1)
	if err != nil {
		return Retired{}, nil, fmt.Errorf("floor of retired ids: %w", err)
	}
	count, src, err := uvarint(src, MaxRetired)
	if err != nil {
		return Retired{}, nil, fmt.Errorf("count of retired ids: %w", err)
	}
	r := Retired{Floor: NodeID(floor)}
	for last := floor; count > 0; count-- {
		var step uint64
		if step, src, err = uvarint(src, 1<<64-1-last); err != nil {
			return Retired{}, nil, fmt.Errorf("retired id: %w", err)
		}
		last += step
		r.IDs = append(r.IDs, NodeID(last))
	}
	if r.empty() {
		return r, nil, errors.New("no retired id where some are announced")
	}
	return r, src, nil
}

// Joint reports whether two majorities decide (Raft §6).
func (m Membership) Joint() bool {
	return slices.ContainsFunc(m.Members, func(o Member) bool { return o.Role&Outgoing != 0 })
}

// Gone reports whether a node was removed, for ever.
func (m Membership) Gone(id NodeID) bool {
	if !m.Retired.Has(id) {
		return false
	}
	_, member := m.Find(id)
	return !member
}

// Succeeded returns the membership of these members, ascending, that may follow m: whoever is not
// among them is retired.
func (m Membership) Succeeded(members []Member) Membership {
	next := Membership{Members: members, Retired: m.Retired}
	for _, member := range m.Members {
		if _, stays := next.Find(member.ID); !stays {
			next.Retired = next.Retired.with(member.ID)
		}
	}
	return next
}

// Follows returns nil if m may follow before as far as ids are concerned: nobody that was removed
// is back, and nobody that is left out is forgotten. The error wraps ErrMembership.
func (m Membership) Follows(before Membership) error {
	for _, member := range m.Members {
		if _, stays := before.Find(member.ID); !stays && before.Retired.Has(member.ID) {
			return fmt.Errorf("%w: node %d was removed, and its id is never used again",
				ErrMembership, member.ID)
		}
	}
	if want := before.Succeeded(m.Members); !m.Equal(want) {
		return fmt.Errorf("%w: got %v, after %v want %v", ErrMembership, m, before, want)
	}
	return nil
}

// Enter returns the membership that comes between m and one of these members: theirs itself while
// the voters stay, else a joint one, in which both majorities decide (Raft §6).
func (m Membership) Enter(next []Member) Membership {
	if slices.Equal(m.With(Voter), Membership{Members: next}.With(Voter)) {
		return m.Succeeded(next)
	}
	joint := slices.Clone(next)
	for _, old := range m.Members {
		if old.Role&Voter == 0 {
			continue
		}
		at, stays := slices.BinarySearchFunc(joint, old.ID, memberByID)
		if !stays {
			joint = slices.Insert(joint, at, Member{ID: old.ID, Addr: old.Addr})
		}
		joint[at].Role |= Outgoing
	}
	return m.Succeeded(joint)
}

// Leave returns the membership that a joint one leads to: outgoing voters are what else they are,
// or nothing any more.
func (m Membership) Leave() Membership {
	var next []Member
	for _, member := range m.Members {
		if member.Role &^= Outgoing; member.Role != 0 {
			next = append(next, member)
		}
	}
	return m.Succeeded(next)
}

func memberByID(m Member, id NodeID) int { return cmp.Compare(m.ID, id) }
