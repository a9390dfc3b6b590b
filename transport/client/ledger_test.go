package client

import (
	"math/rand/v2"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/session"
)

// TestLedgerAgainstTwin draws commands that end in any order, and compares what the client says
// that it is done with to a list of them all.
func TestLedgerAgainstTwin(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 0))
		s := sessions{groups: map[core.GroupID]*roll{1: {ledgers: []*ledger{{id: 7}}}}}
		var open []*task
		isOpen := map[uint64]bool{}
		lowest := func() uint64 {
			n := s.groups[1].ledgers[0].last + 1
			for number := range isOpen {
				n = min(n, number)
			}
			return n
		}
		for range 3 * session.MaxWindow {
			most := session.MaxWindow >> random.IntN(8)
			if len(open) > 0 && (len(open) > most || random.IntN(5) < 2) {
				i := random.IntN(min(len(open), 1+random.IntN(200)))
				delete(isOpen, open[i].number)
				s.settle(open[i])
				open = append(open[:i], open[i+1:]...)
				continue
			}
			a := &task{request: Request{Group: 1}}
			done := lowest() - 1
			if full := s.groups[1].ledgers[0].last-done == session.MaxWindow; s.number(a) == full {
				t.Fatalf("seed %d: %d are open, the lowest is %d: got a number: %v", seed, len(open),
					done+1, !full)
			}
			if a.ledger == nil {
				continue
			}
			h, _, err := session.Decode(a.data)
			want := session.Header{Op: session.OpCommand, Session: 7, Sequence: a.number, Done: done}
			if err != nil || h != want || isOpen[a.number] {
				t.Fatalf("seed %d: got %+v, %v, want %+v", seed, h, err, want)
			}
			isOpen[a.number] = true
			open = append(open, a)
		}
	}
}

// TestOpenedMeanwhile: who saw that there is no session opens none if another has done so since.
func TestOpenedMeanwhile(t *testing.T) {
	s := sessions{groups: map[core.GroupID]*roll{}}
	late := &task{}
	if s.number(late) {
		t.Fatal("a number of no session")
	}
	own, _, err := s.open(0)
	if own == nil || err != nil {
		t.Fatalf("the first: %v, %v", own, err)
	}
	if other, under, err := s.open(0); other != nil || under == nil || err != nil {
		t.Errorf("beside it: %v, %v, %v", other, under, err)
	}
	s.opened(own, 7)
	if other, under, err := s.open(0); other != nil || under != nil || err != nil {
		t.Errorf("after it: %v, %v, %v", other, under, err)
	}
	if !s.number(late) || late.ledger.id != 7 || late.number != 1 {
		t.Errorf("number %d of %+v", late.number, late.ledger)
	}
}
