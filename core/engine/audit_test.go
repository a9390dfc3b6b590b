package engine

import (
	"slices"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// TestRulings lists who is right: digests by member, a zero for one that does not report.
func TestRulings(t *testing.T) {
	for _, c := range []struct {
		reports []uint64
		over    bool
		ruling  ruling
		digest  uint64
	}{
		{[]uint64{7}, false, agreed, 7},
		{[]uint64{7, 0}, false, 0, 0},
		{[]uint64{7, 0}, true, 0, 0},
		{[]uint64{7, 7}, false, agreed, 7},
		{[]uint64{7, 8}, false, 0, 0},
		{[]uint64{7, 8}, true, undecided, 0},
		{[]uint64{7, 0, 0}, true, 0, 0},
		{[]uint64{7, 8, 0}, false, 0, 0},
		{[]uint64{7, 8, 0}, true, undecided, 0},
		{[]uint64{7, 8, 8}, false, agreed, 8},
		{[]uint64{7, 8, 9}, true, undecided, 0},
		{[]uint64{7, 7, 8, 8}, true, undecided, 0},
		{[]uint64{7, 7, 7, 8}, false, agreed, 7},
		{[]uint64{7, 7, 8, 0, 0}, false, 0, 0},
		{[]uint64{7, 7, 8, 0, 0}, true, agreed, 7},
		{[]uint64{7, 7, 8, 8, 0}, true, undecided, 0},
		{[]uint64{7, 7, 8, 8, 8}, false, agreed, 8},
	} {
		var point checkpoint
		for i, digest := range c.reports {
			if digest != 0 {
				point.put(report{node: core.NodeID(i + 1), digest: digest})
			}
		}
		point.weigh(len(c.reports), c.over)
		if point.ruling != c.ruling || point.digest != c.digest {
			t.Errorf("%v, over %v: got ruling %d for %d, want %d for %d",
				c.reports, c.over, point.ruling, point.digest, c.ruling, c.digest)
		}
	}
}

func TestDifferingPartsAreNamed(t *testing.T) {
	parts := func(p ...core.NamedDigest) []byte { return AppendParts(nil, p) }
	a, b, c := core.NamedDigest{Name: "a", Digest: 1}, core.NamedDigest{Name: "b", Digest: 2},
		core.NamedDigest{Name: "c", Digest: 3}
	other := core.NamedDigest{Name: "b", Digest: 9}
	for _, test := range []struct {
		x, y []byte
		want []string
	}{
		{parts(a, b), parts(a, b), nil},
		{parts(a, b), parts(a, other), []string{"b"}},
		{parts(a, b, c), parts(a), []string{"b", "c"}},
		{parts(), parts(c), []string{"c"}},
		{nil, parts(c), nil},
		{parts(c), []byte("?"), nil},
	} {
		if got := differing(test.x, test.y); !slices.Equal(got, test.want) {
			t.Errorf("%x and %x: got %v, want %v", test.x, test.y, got, test.want)
		}
	}
}

// TestCheckpointsAreBounded opens them in a mixed order; the oldest make room, in order.
func TestCheckpointsAreBounded(t *testing.T) {
	var a audit
	for i := range core.Index(3 * maxCheckpoints) {
		at := core.Position{Term: 1, Index: 1 + (i*7)%(3*maxCheckpoints)}
		if c := a.open(at); c != nil && (c.at != at || a.open(at) != c) {
			t.Fatalf("got %v, want %v", c.at, at)
		}
	}
	if len(a.checkpoints) != maxCheckpoints {
		t.Fatalf("%d are remembered, want %d", len(a.checkpoints), maxCheckpoints)
	}
	for i := range a.checkpoints {
		if want := core.Index(2*maxCheckpoints + 1 + i); a.checkpoints[i].at.Index != want {
			t.Fatalf("got %d at place %d, want %d", a.checkpoints[i].at.Index, i, want)
		}
	}
	if a.open(core.Position{Term: 1, Index: 1}) != nil {
		t.Error("one that is too old was opened")
	}
	if a.open(core.Position{Term: 2, Index: 3 * maxCheckpoints}) != nil {
		t.Error("one of another term was opened")
	}
}

// TestNewLeadershipForgetsWhatOthersSaid keeps only the replica's own word.
func TestNewLeadershipForgetsWhatOthersSaid(t *testing.T) {
	var a audit
	c := a.open(core.Position{Term: 1, Index: 5})
	c.put(report{node: 1, digest: 7})
	c.put(report{node: 2, digest: 7})
	c.weigh(2, false)
	a.preside(2, 1)
	if c := a.checkpoints[0]; c.ruling != 0 || len(c.reports) != 1 || c.reports[0].node != 1 {
		t.Errorf("got %+v", c)
	}
}

// TestCheckpointsEndStretches cuts entries behind each checkpoint: every fourth index here, and a
// leader's first entry.
func TestCheckpointsEndStretches(t *testing.T) {
	g := group{config: &Config{DigestEvery: 4}}
	entries := make([]core.Entry, 12)
	for i := range entries {
		entries[i].Index, entries[i].Kind = core.Index(i+3), core.EntryCommand
	}
	entries[7].Kind = core.EntryNoop // index 10
	var ends []core.Index
	for len(entries) > 0 {
		n, checkpoint := g.stretch(entries)
		if last := entries[n-1].Index; checkpoint {
			ends = append(ends, last)
		} else if last != 14 {
			t.Errorf("a stretch ends at %d for no reason", last)
		}
		entries = entries[n:]
	}
	if want := []core.Index{4, 8, 10, 12}; !slices.Equal(ends, want) {
		t.Errorf("got checkpoints %v, want %v", ends, want)
	}
}
