package sim

import (
	"slices"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
)

// TestQueryIsHeldAgainstReplay runs a machine that no model knows, and changes what a client was
// told.
func TestQueryIsHeldAgainstReplay(t *testing.T) {
	w := small(t, scripting.Default())
	w.tell(func(o Observer) { o.Checkpoint() })
	violated(t, w, "", "an untouched world")
	i := slices.IndexFunc(w.History, func(op *Operation) bool {
		return op.Name == "get" && op.Fate == Acked && op.Reply.Result.Failure == nil
	})
	if i < 0 {
		t.Fatal("nobody has asked anything")
	}
	w.History[i].Reply.Result = core.Result{Value: []byte(encoded("another"))}
	w.tell(func(o Observer) { o.Checkpoint() })
	violated(t, w, "queries", "a client that was told something else")
}

// TestInvariantOfEachReplicaIsAsked breaks the invariant of a replica that is behind others.
func TestInvariantOfEachReplicaIsAsked(t *testing.T) {
	w := small(t, Registers())
	o := newInvariantChecker(w).(*invariantChecker)
	o.ahead = 1 << 40
	w.observers = []Observer{o}
	data, err := scripting.EncodeCall("leave", "spin", true)
	if err != nil {
		t.Fatal(err)
	}
	h := w.Host(2)
	e := core.Entry{Kind: core.EntryCommand, Data: data}
	e.Index = h.Status().AppliedIndex + 1
	if _, err := h.Machine.Apply(nil, []core.Entry{e}); err != nil {
		t.Fatal(err)
	}
	for range invariantEvery {
		violated(t, w, "", "a replica that is not looked at yet")
		o.Applied(h, []core.Entry{e}, nil)
	}
	violated(t, w, "invariant", "a replica that was looked at")
}

// TestShrinkingLeavesWhatMatters plants a rule that two writes break, and shrinks.
func TestShrinkingLeavesWhatMatters(t *testing.T) {
	script := scripting.Source{Name: "twice.lua", Text: []byte(`
		local n = state.value("n", 0)
		return {
			name = "twice", version = 1,
			commands = { put = function(key, mark) n:set(n:get() + 1) end },
			invariant = function() if n:get() > 1 then fail("twice", "on purpose") end end,
		}`)}
	workload := func(*World) func(*Client) *Operation {
		n := 0
		return func(*Client) *Operation {
			n++
			return &Operation{Name: []string{"get", "put", "none"}[n%3], Args: []any{"key", n}}
		}
	}
	run := func(o Options) *Outcome { return Run(o) }
	o := run(Draw(1, Options{Nodes: 3, Span: 5 * Second, Script: &script, Workload: workload}))
	if o.Rule() != "invariant" {
		t.Fatal(o)
	}
	small := ShrinkHistory(Shrink(o, run), run)
	if small.Rule() != "invariant" || len(small.History) != 2 || len(small.Schedule) != 0 {
		t.Errorf("%d operations and %d faults: %v", len(small.History), len(small.Schedule), small)
	}
}

// TestFaultKindsHaveNames looks up every kind by the name of its group and by its own.
func TestFaultKindsHaveNames(t *testing.T) {
	var all []FaultKind
	for _, group := range Groups() {
		kinds, err := FaultKinds(group)
		if err != nil {
			t.Error(err)
		}
		all = append(all, kinds...)
	}
	for k := FaultKind(1); k < faultKinds; k++ {
		if kinds, err := FaultKinds(k.String()); err != nil || len(kinds) != 1 || kinds[0] != k {
			t.Errorf("%v stands for %v, %v", k, kinds, err)
		}
	}
	if len(all) != faultKinds-1 {
		t.Errorf("the groups have %d kinds, want %d", len(all), faultKinds-1)
	}
	if _, err := FaultKinds("rain"); err == nil {
		t.Error("there is rain")
	}
}
