package engine

import (
	"math/rand"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// TestWindowAgainstTwin holds the window against a set of everything that has come.
func TestWindowAgainstTwin(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	var w window
	came, newest := map[uint64]bool{}, uint64(0)
	for step, base := 0, uint64(1<<32); step < 200_000; step++ {
		switch rng.Intn(2000) {
		case 0:
			base += 1 << 32 // another run
		case 1:
			base += uint64(rng.Intn(3 * windowTokens))
		}
		base += uint64(rng.Intn(3))
		token := base - uint64(rng.Intn(50))
		if rng.Intn(100) == 0 {
			token = base - uint64(rng.Intn(2*windowTokens))
		}
		newest = max(newest, token)
		want := !came[token] && newest-token < windowTokens
		if got := w.first(token); got != want {
			t.Fatalf("step %d: token %d, newest %d: got %v, want %v", step, token, newest, got, want)
		}
		came[token] = true
	}
}

// TestEarlierRunsRequestsArePassedOver: what was sent in a term that an earlier run of this node
// may have led might have been carried out then.
func TestEarlierRunsRequestsArePassedOver(t *testing.T) {
	r := repeats{born: 7, windows: map[core.NodeID]*window{}}
	for _, c := range []struct {
		from  core.NodeID
		term  core.Term
		token uint64
		want  bool
	}{
		{2, 7, 10, false}, {2, 8, 10, true}, {2, 8, 10, false}, {3, 8, 10, true}, {2, 9, 10, false},
		{2, 9, 9, true},
	} {
		m := core.Message{From: c.from, Term: c.term, Token: c.token}
		if got := r.first(&m); got != c.want {
			t.Errorf("from %d in term %d token %d: got %v, want %v", c.from, c.term, c.token, got, c.want)
		}
	}
}
