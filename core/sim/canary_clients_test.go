package sim

import (
	"errors"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
)

// violated reports whether a world has violated a rule; empty: none at all.
func violated(t *testing.T, w *World, rule, what string) {
	t.Helper()
	var v *Violation
	if err := w.Err(); rule == "" && err != nil ||
		rule != "" && (!errors.As(err, &v) || v.Rule != rule) {
		t.Errorf("%s: got %v, want a violation of %q", what, err, rule)
	}
}

// told is an operation on the register k that ended, called at an instant and answered ten later.
func told(
	call core.Instant, fate Fate, index core.Index, answer any, name string, args ...any,
) *Operation {
	args = append([]any{"k"}, args...)
	data, err := scripting.EncodeCall(name, args...)
	if err != nil {
		panic(err)
	}
	op := &Operation{Name: name, Args: args, Data: data, Host: 1, Call: call, Return: call + 10,
		Fate: fate, Query: name == "get", Level: core.Linearizable}
	op.Reply = core.Reply{Index: index, Result: core.Result{Value: []byte(encoded(answer))}}
	return op
}

func stale(op *Operation) *Operation {
	op.Level = core.Stale
	return op
}

// applied is the entry of a command of an operation, carried out at its index with its answer.
func (c *cage) carriesOut(op *Operation) {
	e := core.Entry{Position: core.Position{Term: 1, Index: op.Reply.Index}, Kind: core.EntryCommand}
	e.Data = op.Data
	c.w.tell(func(o Observer) {
		o.Applied(c.w.Host(1), []core.Entry{e}, []core.Result{op.Reply.Result})
	})
}

func (c *cage) ends(ops ...*Operation) {
	for _, op := range ops {
		c.w.History = append(c.w.History, op)
		c.w.tell(func(o Observer) { o.Ended(op) })
	}
}

// histories are what clients saw: each is right but for its last operation.
var histories = []struct {
	what string
	rule string // that is violated; empty: none is
	ops  []*Operation
}{
	{"a read of what was written", "", []*Operation{
		told(0, Acked, 1, "OK", "put", "a"), told(20, Acked, 1, "a", "get")}},
	{"a read of nothing, after a write", "linearizable", []*Operation{
		told(0, Acked, 1, "OK", "put", "a"), told(20, Acked, 1, nil, "get")}},
	{"a read of nothing, beside a write", "", []*Operation{
		told(0, Acked, 1, "OK", "put", "a"), told(5, Acked, 0, nil, "get")}},
	{"a stale read of nothing, after a write", "", []*Operation{
		told(0, Acked, 1, "OK", "put", "a"), stale(told(20, Acked, 0, nil, "get"))}},
	{"a read that goes back", "linearizable", []*Operation{
		told(0, Acked, 1, "OK", "put", "a"), told(15, Acked, 2, "OK", "put", "b"),
		told(40, Acked, 2, "b", "get"), told(60, Acked, 1, "a", "get")}},
	{"a write of unknown outcome that shows late", "", []*Operation{
		told(0, Unknown, 0, nil, "put", "a"), told(20, Acked, 0, nil, "get"),
		told(40, Acked, 1, "a", "get")}},
	{"a write of unknown outcome that shows and is gone", "linearizable", []*Operation{
		told(0, Unknown, 0, nil, "put", "a"), told(20, Acked, 1, "a", "get"),
		told(40, Acked, 1, nil, "get")}},
	{"a refused write that shows", "linearizable", []*Operation{
		told(0, Refused, 0, nil, "put", "a"), told(20, Acked, 1, "a", "get")}},
	{"a cas that wins twice", "linearizable", []*Operation{
		told(0, Acked, 1, "OK", "cas", nil, "a"), told(20, Acked, 2, "OK", "cas", nil, "b")}},
	{"a counter that loses a step", "linearizable", []*Operation{
		told(0, Acked, 1, 2, "incr", 2), told(20, Acked, 2, 3, "incr", 3)}},
	{"a list in the wrong order", "linearizable", []*Operation{
		told(0, Acked, 1, 1, "append", "a"), told(20, Acked, 2, 2, "append", "b"),
		told(40, Acked, 2, []any{"b", "a"}, "get")}},
	{"a deletion that finds what is not there", "linearizable", []*Operation{
		told(0, Acked, 1, true, "del")}},
}

// TestHistories shows porcupine what clients saw.
func TestHistories(t *testing.T) {
	for _, h := range histories {
		c := newCage(func(s *shadow) []Observer { return []Observer{newLinearizableChecker(s.w)} })
		c.ends(h.ops...)
		c.w.tell(func(o Observer) { o.Checkpoint() })
		violated(t, c.w, h.rule, h.what)
	}
}

// TestOrderOfAnswers gives answers that are out of order in real time.
func TestOrderOfAnswers(t *testing.T) {
	for _, canary := range []struct {
		what, rule string
		next       *Operation
	}{
		{"a command behind", "", told(20, Acked, 6, "OK", "put", "b")},
		{"a command beside", "", told(5, Acked, 4, "OK", "put", "b")},
		{"a command before", "real time", told(20, Acked, 4, "OK", "put", "b")},
		{"a command at the same index", "real time", told(20, Acked, 5, "OK", "put", "b")},
		{"a query at the same index", "", told(20, Acked, 5, "a", "get")},
		{"a query before", "real time", told(20, Acked, 4, nil, "get")},
		{"a stale query before", "", stale(told(20, Acked, 4, nil, "get"))},
	} {
		c := newCage(func(s *shadow) []Observer { return []Observer{newOrderChecker(s.w)} })
		c.ends(told(0, Acked, 5, "OK", "put", "a"), canary.next)
		violated(t, c.w, canary.rule, canary.what)
	}
}

// TestAnswersAreOfTheCommand gives commands answers that are not theirs.
func TestAnswersAreOfTheCommand(t *testing.T) {
	for _, canary := range []struct {
		what, rule string
		op         *Operation
	}{
		{"its own", "", told(0, Acked, 1, "OK", "put", "a")},
		{"another result", "results", told(0, Acked, 1, "KO", "put", "a")},
		{"another command's", "results", told(0, Acked, 1, "OK", "put", "b")},
		{"of an index at which there is nothing", "results", told(0, Acked, 2, "OK", "put", "a")},
	} {
		c := newCage(func(s *shadow) []Observer {
			a := newAppliedChecker(s)
			return []Observer{a, newResultsChecker(a)}
		})
		c.carriesOut(told(0, Acked, 1, "OK", "put", "a"))
		c.ends(canary.op)
		violated(t, c.w, canary.rule, canary.what)
	}
}

// TestExactlyOnce carries commands out too often, too seldom, and unasked.
func TestExactlyOnce(t *testing.T) {
	acked, again := told(0, Acked, 1, "OK", "put", "a"), told(0, Acked, 2, "OK", "put", "a")
	refused, unknown := told(0, Refused, 1, "OK", "put", "a"), told(0, Unknown, 0, nil, "put", "a")
	for _, canary := range []struct {
		what, rule string
		asked, did []*Operation
	}{
		{"once", "", []*Operation{acked}, []*Operation{acked}},
		{"twice", "exactly once", []*Operation{acked}, []*Operation{acked, again}},
		{"never", "exactly once", []*Operation{acked}, nil},
		{"refused", "exactly once", []*Operation{refused}, []*Operation{acked}},
		{"refused, and not", "", []*Operation{refused}, nil},
		{"unknown, and once", "", []*Operation{unknown}, []*Operation{acked}},
		{"unknown, and not", "", []*Operation{unknown}, nil},
		{"unknown, and twice", "exactly once", []*Operation{unknown}, []*Operation{acked, again}},
		{"asked for again", "", []*Operation{unknown, again}, []*Operation{acked, again}},
		{"unasked", "exactly once", nil, []*Operation{acked}},
	} {
		c := newCage(func(s *shadow) []Observer {
			a := newAppliedChecker(s)
			return []Observer{a, newOnceChecker(a)}
		})
		for _, op := range canary.did {
			c.carriesOut(op)
		}
		c.ends(canary.asked...)
		c.w.tell(func(o Observer) { o.Checkpoint() })
		violated(t, c.w, canary.rule, canary.what)
	}
}

// TestReadsOfAReplica has a replica show what it never held, and go back.
func TestReadsOfAReplica(t *testing.T) {
	first, second := told(0, Acked, 1, "OK", "put", "a"), told(0, Acked, 3, "OK", "put", "b")
	for _, canary := range []struct {
		what, rule string
		queries    []*Operation
	}{
		{"as it was", "", []*Operation{
			stale(told(20, Acked, 0, nil, "get")), stale(told(40, Acked, 2, "a", "get")),
			stale(told(60, Acked, 3, "b", "get"))}},
		{"another value", "reads", []*Operation{stale(told(20, Acked, 2, "b", "get"))}},
		{"a value of nobody", "reads", []*Operation{stale(told(20, Acked, 3, "c", "get"))}},
		{"back in time", "reads", []*Operation{
			stale(told(20, Acked, 3, "b", "get")), stale(told(40, Acked, 2, "a", "get"))}},
		{"back, but asked before", "", []*Operation{
			stale(told(20, Acked, 3, "b", "get")), stale(told(25, Acked, 2, "a", "get"))}},
	} {
		c := newCage(func(s *shadow) []Observer {
			a := newAppliedChecker(s)
			return []Observer{a, newReadsChecker(a)}
		})
		c.carriesOut(first)
		c.carriesOut(second)
		c.ends(canary.queries...)
		c.w.tell(func(o Observer) { o.Checkpoint() })
		violated(t, c.w, canary.rule, canary.what)
	}
	c := newCage(func(s *shadow) []Observer {
		a := newAppliedChecker(s)
		return []Observer{a, newReadsChecker(a)}
	})
	c.carriesOut(told(0, Acked, 1, "conflict", "cas", nil, "a"))
	c.w.tell(func(o Observer) { o.Checkpoint() })
	violated(t, c.w, "reads", "a command that the model knows better")
}

// TestAcknowledgedIsDurable acknowledges what is on one disk.
func TestAcknowledgedIsDurable(t *testing.T) {
	for index, rule := range map[core.Index]string{2: "", 3: "acknowledged"} {
		c := newCage(func(s *shadow) []Observer {
			return []Observer{s, newCommitChecker(s), newAcknowledgedChecker(s)}
		})
		reign(c)
		c.hard(1, 1, 1, at(1, 3))
		c.ends(told(0, Acked, index, "OK", "put", "a"))
		c.w.tell(func(o Observer) { o.Checkpoint() })
		violated(t, c.w, rule, "an acknowledgement")
	}
	c := newCage(func(s *shadow) []Observer {
		return []Observer{s, newCommitChecker(s), newAcknowledgedChecker(s)}
	})
	reign(c)
	c.ends(told(0, Acked, 2, "OK", "put", "a"))
	c.kept(2)
	c.starts(2)
	c.w.tell(func(o Observer) { o.Checkpoint() })
	violated(t, c.w, "acknowledged", "a disk that comes back empty")
}

// TestQueuesAreBounded fills what must not grow.
func TestQueuesAreBounded(t *testing.T) {
	for what, fill := range map[string]func(w *World){
		"events":   func(w *World) { w.queue.events = make([]event, maxFuture+1) },
		"messages": func(w *World) { w.Host(1).events.Messages = make([]core.Message, maxInbox+1) },
	} {
		c := newCage(func(s *shadow) []Observer { return []Observer{newResourcesChecker(s)} })
		arrive := func(o Observer) { o.Delivered(c.w.Host(1), &core.Message{}) }
		c.w.tell(arrive)
		violated(t, c.w, "", what)
		fill(c.w)
		c.w.tell(arrive)
		violated(t, c.w, "resources", what)
	}
}

// small runs a world for a moment, until all hosts have applied the same.
func small(t *testing.T, script scripting.Source) *World {
	t.Helper()
	o := Options{Seed: 1, Script: &script}
	w, err := New(o)
	if err == nil {
		w.observers = Checkers(w)
		err = w.Install(10 * Second)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.StartClients(DefaultWorkload(w))
	if err := w.Run(2 * Second); err != nil {
		t.Fatal(err)
	}
	w.StopClients()
	if err := w.converge(w.Hosts); err != nil {
		t.Fatal(err)
	}
	return w
}

// TestTamperedStateIsFound changes the state of one machine behind everybody's back.
func TestTamperedStateIsFound(t *testing.T) {
	for rule, watch := range map[string]func(s *shadow, a *appliedChecker) Observer{
		"equal digests": func(s *shadow, _ *appliedChecker) Observer {
			return newDigestsChecker(s)
		},
		"replayed equals restored": func(_ *shadow, a *appliedChecker) Observer {
			return newReplayChecker(a)
		},
	} {
		w := small(t, Registers())
		w.tell(func(o Observer) { o.Checkpoint() })
		violated(t, w, "", "an untouched world")
		var applied *appliedChecker
		for _, o := range w.observers {
			if a, ok := o.(*appliedChecker); ok {
				applied = a
			}
		}
		w.observers = []Observer{watch(applied.s, applied)}
		data, err := scripting.EncodeCall("put", "tampered", "with")
		if err != nil {
			t.Fatal(err)
		}
		h := w.Host(2)
		e := core.Entry{Kind: core.EntryCommand, Data: data}
		e.Index = h.Status().AppliedIndex + 1
		if _, err := h.Machine.Apply(nil, []core.Entry{e}); err != nil {
			t.Fatal(err)
		}
		w.tell(func(o Observer) { o.Checkpoint() })
		violated(t, w, rule, "a tampered machine")
	}
}

// TestInvariantIsAsked runs a script that says by itself that something is wrong.
func TestInvariantIsAsked(t *testing.T) {
	script := scripting.Source{Name: "wrong.lua", Text: []byte(`
		return {
			name = "wrong", version = 1, commands = { put = function() end },
			invariant = function() fail("wrong", "on purpose") end,
		}`)}
	w, err := New(Options{Seed: 1, Script: &script})
	if err != nil {
		t.Fatal(err)
	}
	w.observers = []Observer{newInvariantChecker(w)}
	if err := w.Install(10 * Second); err == nil {
		t.Error("nothing was wrong")
	}
	violated(t, w, "invariant", "a script that finds fault with itself")
}
