package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/core"
)

// told is a client with writes that were answered so, 100 ms after each other.
func told(answers ...error) *writer {
	w := &writer{}
	for i, err := range answers {
		at := time.Duration(i+1) * 100 * time.Millisecond
		w.writes = append(w.writes, write{at - 10*time.Millisecond, at, err})
	}
	return w
}

// TestAuditFindsWhatIsWrong tells of one client with seven writes, and what a node has of them.
func TestAuditFindsWhatIsWrong(t *testing.T) {
	unknown := fmt.Errorf("put: %w", core.ErrUnknownOutcome)
	refused := errors.New("refused")
	writers := []*writer{told(), told(nil, nil, refused, nil, unknown, unknown, nil)}
	at := func(number int) place { return place{1, number} }
	for name, c := range map[string]struct {
		ledger ledger
		want   string
	}{
		"good": {ledger{map[int]int{1: 7}, map[place]int{at(4): 3, at(6): 5}, nil}, ""},
		"an unknown one comes late": {
			ledger{map[int]int{1: 7}, map[place]int{at(4): 3, at(7): 5}, map[place]int{at(6): 1}}, ""},
		"the last is lost": {
			ledger{map[int]int{1: 6}, map[place]int{at(4): 3}, nil}, "1 acknowledged writes are lost, 0"},
		"two are lost": {
			ledger{map[int]int{1: 7}, map[place]int{at(4): 2, at(2): 1}, nil}, "2 acknowledged"},
		"all are lost": {ledger{}, "4 acknowledged"},
		"one is twice": {
			ledger{map[int]int{1: 7}, map[place]int{at(4): 3}, map[place]int{at(2): 1}}, "lost, 1 are"},
		"a refused one is": {ledger{map[int]int{1: 7}, nil, nil}, "1 are there that were"},
		"one nobody made": {
			ledger{map[int]int{1: 8}, map[place]int{at(4): 3}, nil}, "1 are there that were"},
	} {
		acked, err := c.ledger.audit(writers)
		switch {
		case c.want == "" && (err != nil || acked != 4):
			t.Errorf("%s: got %d, %v", name, acked, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestFiguresOfAStep(t *testing.T) {
	l := &load{writers: []*writer{
		told(slices.Repeat([]error{nil}, 10)...),
		told(nil, nil, errors.New("refused")),
	}}
	l.writers[0].writes[5].call = 0 // it took 600 ms
	f := l.figures(150*time.Millisecond, 1500*time.Millisecond)
	if f.acked != 10 || f.pause != 500*time.Millisecond || f.worst != 600*time.Millisecond ||
		f.p99 != 10*time.Millisecond || f.failed["refused"] != 1 {
		t.Errorf("got %+v", f)
	}
}

// TestReportFails shows that what is measured decides.
func TestReportFails(t *testing.T) {
	for name, c := range map[string]struct {
		answer error
		pause  time.Duration
		kills  bool
		want   bool
	}{
		"good":               {nil, time.Second, false, true},
		"a pause":            {nil, 50 * time.Millisecond, false, false},
		"the leader's death": {nil, 50 * time.Millisecond, true, true},
		"a failed write":     {errors.New("no"), time.Second, false, false},
	} {
		r := &report{load: &load{writers: []*writer{told(nil, c.answer, nil)}}}
		var out strings.Builder
		r.out, r.pause = &out, c.pause
		r.rows = []row{{step{"step", nil, c.kills}, 0, 0, 400 * time.Millisecond}}
		if got := r.print(); got != c.want {
			t.Errorf("%s: passed %v\n%s", name, got, &out)
		}
	}
}
