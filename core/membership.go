package core

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Role is what a member may do, as a set of flags. The numbers are part of the disk format.
type Role uint8

// The roles. A member of a joint configuration may be outgoing beside what it will be.
const (
	Voter    Role = 1 << iota // votes, and its acknowledgements count
	Outgoing                  // a voter of the configuration being left (joint consensus, Raft §6)
	Learner                   // receives the log; neither votes nor counts (thesis §4.2.1)
	Joining                   // with Learner: is made a voter once it has caught up
)

// Limits of a membership, enforced when one is decoded and by Check.
const (
	MaxMembers   = 64
	MaxAddrBytes = 512
	MaxRetired   = 256 // ids remembered one by one; see Retired
)

// Member is one replica of a group.
type Member struct {
	ID   NodeID
	Role Role
	Addr Addr // may be empty where the transport knows the way by itself
}

// Membership is a configuration of a group: who is in it, and who counts. It is replaced, never
// changed in place.
//
// Invariants, checked by Check:
//  1. Members ascend strictly by ID, and no ID is zero.
//  2. Every member has a role; a learner is no voter; only a learner is joining, and only one that
//     is not outgoing.
//  3. At least one member is a voter.
//  4. There are at most MaxMembers, and no address is longer than MaxAddrBytes.
//  5. Retired.IDs ascend strictly from above Retired.Floor on, and none is a member's; there are at
//     most MaxRetired.
type Membership struct {
	Members []Member
	Retired Retired
}

// ErrMembership is returned by Check and DecodeMembership for a membership that breaks a rule.
var ErrMembership = errors.New("core: invalid membership")

// Check returns nil, or an error that wraps ErrMembership and names the broken invariant.
func (m Membership) Check() error {
	if len(m.Members) > MaxMembers {
		return fmt.Errorf("%w: %d members, limit %d", ErrMembership, len(m.Members), MaxMembers)
	}
	var last NodeID
	voters := 0
	for _, member := range m.Members {
		switch {
		case member.ID <= last:
			return fmt.Errorf("%w: id %d after %d", ErrMembership, member.ID, last)
		case member.Role == 0 || member.Role > Voter|Outgoing|Learner|Joining,
			member.Role&Joining != 0 && member.Role != Joining|Learner:
			return fmt.Errorf("%w: node %d has role %d", ErrMembership, member.ID, member.Role)
		case member.Role&Learner != 0 && member.Role&Voter != 0:
			return fmt.Errorf("%w: node %d is learner and voter", ErrMembership, member.ID)
		case len(member.Addr) > MaxAddrBytes:
			return fmt.Errorf("%w: address of node %d has %d bytes, limit %d",
				ErrMembership, member.ID, len(member.Addr), MaxAddrBytes)
		}
		last = member.ID
		if member.Role&Voter != 0 {
			voters++
		}
	}
	if voters == 0 {
		return fmt.Errorf("%w: no voter", ErrMembership)
	}
	return m.checkRetired()
}

// Find returns the member with this id.
func (m Membership) Find(id NodeID) (Member, bool) {
	for _, member := range m.Members {
		if member.ID == id {
			return member, true
		}
	}
	return Member{}, false
}

// With returns the ids of the members that have any of the roles, ascending.
func (m Membership) With(roles Role) []NodeID {
	var ids []NodeID
	for _, member := range m.Members {
		if member.Role&roles != 0 {
			ids = append(ids, member.ID)
		}
	}
	return ids
}

// Equal reports whether both list the same members with the same roles and addresses.
func (m Membership) Equal(o Membership) bool {
	return slices.Equal(m.Members, o.Members) && m.Retired.Floor == o.Retired.Floor &&
		slices.Equal(m.Retired.IDs, o.Retired.IDs)
}

// String prints voters, outgoing voters and learners, such as voters=1,2,3 learners=4; joining are
// the learners that will be voters, and retired the ids that were removed.
func (m Membership) String() string {
	var parts []string
	for _, r := range []struct {
		name string
		role Role
	}{{"voters", Voter}, {"outgoing", Outgoing}, {"learners", Learner}, {"joining", Joining}} {
		if ids := m.With(r.role); len(ids) > 0 {
			parts = append(parts, r.name+"="+list(ids))
		}
	}
	if m.Retired.Floor > 0 {
		parts = append(parts, fmt.Sprintf("retired<=%d", m.Retired.Floor))
	}
	if len(m.Retired.IDs) > 0 {
		parts = append(parts, "retired="+list(m.Retired.IDs))
	}
	return strings.Join(parts, " ")
}

// list writes ids as 1,2,3.
func list(ids []NodeID) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(ids), " ", ","), "[]")
}

// AppendBinary appends the canonical encoding of m to dst: equal memberships give equal bytes.
//
//	count   uvarint                   number of members, ≤ MaxMembers; plus 128 if any id is retired
//	then for each member
//	id      uvarint
//	role    1 byte
//	length  uvarint                   of the address, ≤ MaxAddrBytes
//	addr    length bytes
//	then, if any id is retired
//	floor   uvarint
//	count   uvarint                   ≤ MaxRetired
//	then for each of Retired.IDs
//	step    uvarint                   from the one before, the first from floor
//
// The error is always nil; it is there for encoding.BinaryAppender.
func (m Membership) AppendBinary(dst []byte) ([]byte, error) {
	count := uint64(len(m.Members))
	if !m.Retired.empty() {
		count += retiredFollow
	}
	dst = binary.AppendUvarint(dst, count)
	for _, member := range m.Members {
		dst = binary.AppendUvarint(dst, uint64(member.ID))
		dst = append(dst, byte(member.Role))
		dst = binary.AppendUvarint(dst, uint64(len(member.Addr)))
		dst = append(dst, member.Addr...)
	}
	if !m.Retired.empty() {
		dst = m.Retired.append(dst)
	}
	return dst, nil
}

// DecodeMembership reads what AppendBinary wrote and returns the bytes behind it. The error wraps
// ErrMembership for bytes that are cut short, over a limit, or that break an invariant.
func DecodeMembership(src []byte) (Membership, []byte, error) {
	count, src, err := uvarint(src, retiredFollow+MaxMembers)
	retired := count >= retiredFollow
	if retired {
		count -= retiredFollow
	}
	if err == nil && count > MaxMembers {
		err = fmt.Errorf("%d exceeds limit %d", count, MaxMembers)
	}
	if err != nil {
		return Membership{}, nil, fmt.Errorf("%w: count: %w", ErrMembership, err)
	}
	m := Membership{Members: make([]Member, 0, count)}
	for range count {
		var member Member
		if member, src, err = decodeMember(src); err != nil {
			return Membership{}, nil, fmt.Errorf("%w: %w", ErrMembership, err)
		}
		m.Members = append(m.Members, member)
	}
	if retired {
		if m.Retired, src, err = decodeRetired(src); err != nil {
			return Membership{}, nil, fmt.Errorf("%w: %w", ErrMembership, err)
		}
	}
	return m, src, m.Check()
}

func decodeMember(src []byte) (Member, []byte, error) {
	id, src, err := uvarint(src, 1<<64-1)
	if err != nil {
		return Member{}, nil, fmt.Errorf("id: %w", err)
	}
	if len(src) == 0 {
		return Member{}, nil, errors.New("cut short before role")
	}
	role := Role(src[0])
	length, src, err := uvarint(src[1:], MaxAddrBytes)
	if err != nil {
		return Member{}, nil, fmt.Errorf("address length: %w", err)
	}
	if uint64(len(src)) < length {
		return Member{}, nil, errors.New("cut short inside address")
	}
	return Member{ID: NodeID(id), Role: role, Addr: Addr(src[:length])}, src[length:], nil
}

// uvarint reads one canonical uvarint that is at most limit, and returns the rest.
func uvarint(src []byte, limit uint64) (uint64, []byte, error) {
	v, n := binary.Uvarint(src)
	switch {
	case n <= 0:
		return 0, nil, errors.New("cut short or too long")
	case n > 1 && src[n-1] == 0:
		return 0, nil, errors.New("not in shortest form")
	case v > limit:
		return 0, nil, fmt.Errorf("%d exceeds limit %d", v, limit)
	}
	return v, src[n:], nil
}
