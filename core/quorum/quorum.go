// Package quorum counts majorities, simple and joint: which index is committed, how an election
// stands, which round a quorum has confirmed.
//
// It is arithmetic over sets of voters and knows nothing of logs or messages. core/raft asks it; a
// dumb twin in the tests checks it.
package quorum

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/tidelock-raft/tidelock/core"
)

// Result is how a vote stands.
type Result uint8

// The results.
const (
	Pending Result = iota // neither is certain yet
	Won                   // a quorum agreed
	Lost                  // a quorum can no longer agree
)

// String names the result.
func (r Result) String() string {
	switch r {
	case Pending:
		return "pending"
	case Won:
		return "won"
	case Lost:
		return "lost"
	}
	return fmt.Sprintf("result(%d)", uint8(r))
}

// Majority is a set of voters, ascending, that decides by more than half of its members.
type Majority []core.NodeID

// Joint is two sets of voters, each of which must decide alike (joint consensus, Raft §6). While no
// change of membership is under way Outgoing is empty, and Incoming alone decides. A Joint without
// any voter decides nothing.
type Joint struct {
	Incoming, Outgoing Majority
}

// FromMembership returns the voters of m.
func FromMembership(m core.Membership) Joint {
	return Joint{Incoming: m.With(core.Voter), Outgoing: m.With(core.Outgoing)}
}

// Has reports whether id counts in either half.
func (j Joint) Has(id core.NodeID) bool {
	return slices.Contains(j.Incoming, id) || slices.Contains(j.Outgoing, id)
}

// Meets reports whether every quorum of j has a voter in common with every quorum of next, so that
// the one may follow the other. It looks for two halves that always meet, which all the changes of
// the trade have: by one voter at a time, or from simple to joint and back.
func (j Joint) Meets(next Joint) bool {
	return j.Incoming.meets(next.Incoming) || j.Incoming.meets(next.Outgoing) ||
		j.Outgoing.meets(next.Incoming) || j.Outgoing.meets(next.Outgoing)
}

// meets reports whether every majority of m has a voter in common with every majority of o. Two
// that avoid each other as they can take all voters that are not common first.
func (m Majority) meets(o Majority) bool {
	common := 0
	for _, id := range m {
		if slices.Contains(o, id) {
			common++
		}
	}
	fromCommon := func(m Majority) int { return max(0, len(m)/2+1-(len(m)-common)) }
	return len(m) > 0 && len(o) > 0 && fromCommon(m)+fromCommon(o) > common
}

// Reached returns the greatest number that a quorum has reached, where reached tells how far each
// voter came; zero if nothing is known of it. For indexes that a voter holds durably it is the
// commit index, for rounds that a voter answered the round confirmed.
func Reached[T ~uint64](j Joint, reached func(core.NodeID) T) T {
	switch {
	case len(j.Incoming) == 0:
		return reachedBy(j.Outgoing, reached)
	case len(j.Outgoing) == 0:
		return reachedBy(j.Incoming, reached)
	}
	return min(reachedBy(j.Incoming, reached), reachedBy(j.Outgoing, reached))
}

// Votes tells how an election stands, where vote tells what each voter said and whether it has
// spoken.
func (j Joint) Votes(vote func(core.NodeID) (granted, spoken bool)) Result {
	switch {
	case len(j.Incoming) == 0:
		return j.Outgoing.votes(vote)
	case len(j.Outgoing) == 0:
		return j.Incoming.votes(vote)
	}
	incoming, outgoing := j.Incoming.votes(vote), j.Outgoing.votes(vote)
	switch {
	case incoming == outgoing:
		return incoming
	case incoming == Lost || outgoing == Lost:
		return Lost
	}
	return Pending
}

// stackVoters is up to how many voters are counted without allocating.
const stackVoters = 16

// reachedBy sorts how far the voters came: the greatest number that more than half have reached
// stands in the middle, towards the lower end.
func reachedBy[T cmp.Ordered](m Majority, reached func(core.NodeID) T) T {
	if len(m) == 0 {
		var zero T
		return zero
	}
	var array [stackVoters]T
	sorted := array[:0]
	for _, id := range m {
		sorted = append(sorted, reached(id))
	}
	slices.Sort(sorted)
	return sorted[(len(m)-1)/2]
}

func (m Majority) votes(vote func(core.NodeID) (granted, spoken bool)) Result {
	need, yes, open := len(m)/2+1, 0, 0
	for _, id := range m {
		granted, spoken := vote(id)
		switch {
		case !spoken:
			open++
		case granted:
			yes++
		}
	}
	switch {
	case yes >= need:
		return Won
	case yes+open >= need:
		return Pending
	}
	return Lost
}
