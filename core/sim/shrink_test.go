package sim

import (
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// planted is a rule that two faults break together: a host is killed while it is isolated.
type planted struct {
	Bystander
}

// Stopped implements Observer.
func (p *planted) Stopped(h *Host, _ StopKind) {
	for _, a := range h.w.active {
		if a.Kind == FaultIsolate && a.Node == h.ID {
			h.w.Fail("planted", "host %d stopped while it was isolated", h.ID)
		}
	}
}

// TestShrinkFindsWhatMatters plants a failure that needs two faults among many.
func TestShrinkFindsWhatMatters(t *testing.T) {
	o := Options{Seed: 3, Clients: 4, Span: 6 * Second, Wait: Second}
	for _, k := range []FaultKind{FaultLoss, FaultJump, FaultPause, FaultClog, FaultLatency} {
		o.Schedule = append(o.Schedule, drawOnly(o, k, 3)...)
	}
	for node := range core.NodeID(3) {
		o.Schedule = append(o.Schedule,
			Fault{Kind: FaultIsolate, At: 2 * Second, Until: 4 * Second, Node: node + 1},
			Fault{Kind: FaultPower, At: 3 * Second, Until: 5 * Second, Node: node + 1})
	}
	run := func(p Options) *Outcome { return Run(p, &planted{}) }
	whole := run(o)
	if whole.Rule() != "planted" {
		t.Fatalf("got rule %q of %v", whole.Rule(), whole)
	}
	small := Shrink(whole, run)
	kinds := map[FaultKind]bool{}
	for _, f := range small.Schedule {
		kinds[f.Kind] = true
	}
	if small.Rule() != "planted" || len(small.Schedule) != 2 || !kinds[FaultIsolate] ||
		!kinds[FaultPower] || small.Options.Clients != 1 {
		t.Errorf("got %v", small)
	}
	if again := run(small.Options); again.Trace != small.Trace || again.Rule() != small.Rule() {
		t.Errorf("got trace %x, then %x", small.Trace, again.Trace)
	}
	if len(whole.Schedule) != 21 {
		t.Errorf("the schedule of the whole changed: %d faults left", len(whole.Schedule))
	}
}
