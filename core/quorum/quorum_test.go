package quorum_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/quick"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/quorum"
)

// world is a random case: bit i of each word speaks of node i+1.
type world struct {
	Incoming, Outgoing, Spoken, Granted uint16
	Reached                             [10]uint8
}

const nodes = 10

func set(bits uint16) quorum.Majority {
	var m quorum.Majority
	for i := range nodes {
		if bits>>i&1 == 1 {
			m = append(m, core.NodeID(i+1))
		}
	}
	return m
}

func (w world) joint() quorum.Joint {
	return quorum.Joint{Incoming: set(w.Incoming), Outgoing: set(w.Outgoing)}
}

func (w world) vote(id core.NodeID) (granted, spoken bool) {
	return w.Granted>>(id-1)&1 == 1, w.Spoken>>(id-1)&1 == 1
}

func (w world) reached(id core.NodeID) core.Index { return core.Index(w.Reached[id-1]) }

// quorate is the dumb twin: does every half that has voters hold more than half of them in yes?
func quorate(j quorum.Joint, yes func(core.NodeID) bool) bool {
	if len(j.Incoming)+len(j.Outgoing) == 0 {
		return false
	}
	for _, half := range []quorum.Majority{j.Incoming, j.Outgoing} {
		count := 0
		for _, id := range half {
			if yes(id) {
				count++
			}
		}
		if len(half) > 0 && 2*count <= len(half) {
			return false
		}
	}
	return true
}

func TestReachedIsTheGreatestNumberThatAQuorumReached(t *testing.T) {
	agree := func(w world) bool {
		got := quorum.Reached(w.joint(), w.reached)
		want := core.Index(0)
		for n := core.Index(255); n > 0 && want == 0; n-- {
			if quorate(w.joint(), func(id core.NodeID) bool { return w.reached(id) >= n }) {
				want = n
			}
		}
		if got != want {
			t.Logf("%+v: got %d, want %d", w, got, want)
		}
		return got == want
	}
	if err := quick.Check(agree, &quick.Config{MaxCount: 3000}); err != nil {
		t.Error(err)
	}
}

func TestVotesAreWonByAQuorumAndLostWhenNoneIsLeft(t *testing.T) {
	agree := func(w world) bool {
		want := quorum.Pending
		if quorate(w.joint(), func(id core.NodeID) bool {
			granted, spoken := w.vote(id)
			return granted && spoken
		}) {
			want = quorum.Won
		} else if !quorate(w.joint(), func(id core.NodeID) bool {
			granted, spoken := w.vote(id)
			return granted || !spoken
		}) {
			want = quorum.Lost
		}
		return w.joint().Votes(w.vote) == want
	}
	if err := quick.Check(agree, &quick.Config{MaxCount: 20000}); err != nil {
		t.Error(err)
	}
}

// It tries all pairs of quorums of small joints.
func TestMeetsMeansThatNoTwoQuorumsAvoidEachOther(t *testing.T) {
	const all = 1 << 5
	quorums := func(j quorum.Joint) (sets []uint16) {
		for s := range uint16(all) {
			if quorate(j, func(id core.NodeID) bool { return s>>(id-1)&1 == 1 }) {
				sets = append(sets, s)
			}
		}
		return sets
	}
	check := func(a, b quorum.Joint, exact bool) {
		avoid := false
		for _, x := range quorums(a) {
			for _, y := range quorums(b) {
				avoid = avoid || x&y == 0
			}
		}
		if got := a.Meets(b); got && avoid || exact && got == avoid {
			t.Errorf("%v meets %v: got %v", a, b, got)
		}
	}
	for a := uint16(1); a < all; a++ {
		for b := uint16(1); b < all; b++ {
			check(quorum.Joint{Incoming: set(a)}, quorum.Joint{Incoming: set(b)}, true)
			joint := quorum.Joint{Incoming: set(b), Outgoing: set(a)}
			check(quorum.Joint{Incoming: set(a)}, joint, true)
			check(joint, quorum.Joint{Incoming: set(b)}, true)
			check(joint, quorum.Joint{Incoming: set(a ^ b), Outgoing: set(a & b)}, false)
		}
	}
}

func TestEvenClusterQuorumNeedsMoreThanHalf(t *testing.T) {
	four := quorum.Joint{Incoming: set(0b1111)}
	for _, c := range []struct {
		granted uint16
		want    quorum.Result
	}{{0b0011, quorum.Lost}, {0b0111, quorum.Won}, {0b1111, quorum.Won}} {
		w := world{Spoken: 0b1111, Granted: c.granted}
		if got := four.Votes(w.vote); got != c.want {
			t.Errorf("votes %04b: got %v, want %v", c.granted, got, c.want)
		}
	}
}

func TestFromMembershipLeavesLearnersOut(t *testing.T) {
	m := core.Membership{Members: []core.Member{
		{ID: 1, Role: core.Voter}, {ID: 2, Role: core.Voter | core.Outgoing},
		{ID: 3, Role: core.Outgoing}, {ID: 4, Role: core.Learner},
	}}
	j := quorum.FromMembership(m)
	if !slices.Equal(j.Incoming, quorum.Majority{1, 2}) {
		t.Errorf("incoming: got %v, want 1 and 2", j.Incoming)
	}
	if !slices.Equal(j.Outgoing, quorum.Majority{2, 3}) {
		t.Errorf("outgoing: got %v, want 2 and 3", j.Outgoing)
	}
	for id, want := range []bool{false, true, true, true, false} {
		if got := j.Has(core.NodeID(id)); got != want {
			t.Errorf("Has(%d): got %v, want %v", id, got, want)
		}
	}
}

func TestCountingDoesNotAllocate(t *testing.T) {
	var m quorum.Majority
	for id := range 16 {
		m = append(m, core.NodeID(id+1))
	}
	j, offset := quorum.Joint{Incoming: m, Outgoing: m}, core.Index(7)
	var index core.Index
	var result quorum.Result
	allocs := testing.AllocsPerRun(100, func() {
		index = quorum.Reached(j, func(id core.NodeID) core.Index { return offset + core.Index(id) })
		result = j.Votes(func(id core.NodeID) (bool, bool) { return offset > 0, true })
	})
	if allocs != 0 || index != 15 || result != quorum.Won {
		t.Errorf("got %v allocations, index %d, result %v, want 0, 15, won", allocs, index, result)
	}
}

func ExampleReached() {
	acked := map[core.NodeID]core.Index{1: 9, 2: 5, 3: 7}
	committed := quorum.Reached(quorum.Joint{Incoming: quorum.Majority{1, 2, 3}},
		func(id core.NodeID) core.Index { return acked[id] })
	fmt.Println(committed)
	// Output: 7
}

func TestNobodyDecidesNothing(t *testing.T) {
	var nobody quorum.Joint
	all := func(core.NodeID) (bool, bool) { return true, true }
	if got := nobody.Votes(all); got != quorum.Lost {
		t.Errorf("vote of nobody: got %v, want %v", got, quorum.Lost)
	}
	if got := quorum.Reached(nobody, func(core.NodeID) uint64 { return 9 }); got != 0 {
		t.Errorf("reached by nobody: got %d, want 0", got)
	}
	names := fmt.Sprint(quorum.Pending, quorum.Won, quorum.Lost, quorum.Result(7))
	if want := "pending won lost result(7)"; names != want {
		t.Errorf("got %q, want %q", names, want)
	}
}
