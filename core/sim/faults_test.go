package sim

import (
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// TestEverythingIsReached runs small worlds under one kind of fault after the other, each amid
// kills and isolation, without which there is little to read from a disk and no snapshot to send,
// and then a few that are made for rare states. Every kind must have an effect, and every state
// must come up.
func TestEverythingIsReached(t *testing.T) {
	var total Coverage
	run := func(o Options) {
		t.Helper()
		o.Engine.TailEntries, o.Engine.SnapshotEntries, o.ChunkBytes = -1, 10, 100
		out := Run(o)
		if out.Failed() {
			t.Fatalf("%v", out)
		}
		total.Add(&out.Coverage)
	}
	for k := FaultKind(1); k < faultKinds; k++ {
		for seed := uint64(1); seed <= 20 && total.Faults[k] == 0; seed++ {
			o := Options{Seed: seed, Nodes: 3 + int(seed)%3, Clients: 2, Span: 3 * Second}
			o.Schedule = append(drawOnly(o, k, 3), drawOnly(o, FaultKill, 1)...)
			o.Schedule = append(o.Schedule, drawOnly(o, FaultIsolate, 1)...)
			run(o)
		}
	}
	for s := range State(states) {
		for seed := uint64(1); seed <= 10 && total.States[s] == 0; seed++ {
			o := Options{Seed: seed, Clients: 4, Span: 16 * Second, Schedule: rare(s)}
			o.Engine.ClockDriftPPM = 1000
			run(o)
		}
	}
	t.Logf("\n%v", &total)
	if missing := total.Missing(); len(missing) > 0 {
		t.Errorf("never reached: %q", missing)
	}
}

// rare returns faults that make a state likely.
func rare(s State) Schedule {
	at := func(k FaultKind, from, until core.Instant) Fault {
		return Fault{Kind: k, At: from * Second / 10, Until: until * Second / 10}
	}
	var list Schedule
	switch s {
	case StateGivenUp, StateResumed:
		away, cut := at(FaultIsolate, 5, 20), at(FaultReset, 0, 160)
		away.Node, cut.Rate = 3, 0.3
		if s == StateGivenUp {
			cut.Rate = 0.99
		}
		list = append(list, cut, away)
	case StateRefused:
		for i := range core.Instant(5) {
			away, filled := at(FaultIsolate, 30*i, 30*i+15), at(FaultFull, 30*i+14, 30*i+25)
			away.Node, filled.Node = core.NodeID(i%3+1), core.NodeID(i%3+1)
			list = append(list, away, filled)
		}
	case StateTorn:
		for i := range core.Instant(20) {
			f := at(FaultPowerInside, 7*i, 7*i+2)
			f.Number = uint64(i)%4 + 1
			list = append(list, f)
		}
	case StateRefilled:
		lost, next := at(FaultWipe, 5, 15), at(FaultIsolate, 80, 100)
		lost.Node, lost.Number = 2, 1
		list = append(list, lost, next)
	case StateInherited, StateDismissed:
		slow := at(FaultDelay, 0, 160)
		slow.Span = 30 * Millisecond
		list = append(list, slow)
		for i := range core.Instant(10) {
			less, more := at(FaultDemote, 15*i, 15*i+5), at(FaultPromote, 15*i+7, 15*i+12)
			less.Node, less.Number = core.NodeID(i%3+1), 2
			list = append(list, less, at(FaultIsolate, 15*i+1, 15*i+6), more,
				at(FaultIsolate, 15*i+8, 15*i+13))
		}
		if s == StateDismissed {
			gone := at(FaultRemove, 10, 60)
			gone.Node, gone.Number = 3, 2
			list = Schedule{gone}
		}
	default:
		for i := range core.Instant(10) {
			slow, cut := at(FaultSlowApply, 15*i, 15*i+10), at(FaultKill, 15*i+5, 15*i+10)
			slow.Span, slow.Node = Second/5, core.NodeID(i%3+1)
			list = append(list, slow, cut)
		}
	}
	return list
}
