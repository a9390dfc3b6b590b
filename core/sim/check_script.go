package sim

import (
	"fmt"
	"slices"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
)

// invariantChecker: the script's invariant holds wherever a replica pauses that is ahead of all
// others, and on the others every few entries, and when they start.
type invariantChecker struct {
	Bystander
	w       *World
	ahead   core.Index
	pending map[core.NodeID]int // entries applied since the host was last looked at
}

// invariantEvery is how many entries a replica that follows applies between two looks.
const invariantEvery = 32

func newInvariantChecker(w *World) Observer {
	return &invariantChecker{w: w, pending: map[core.NodeID]int{}}
}

// Started implements Observer.
func (c *invariantChecker) Started(h *Host) { c.check(h) }

// Applied implements Observer.
func (c *invariantChecker) Applied(h *Host, entries []core.Entry, _ []core.Result) {
	if len(entries) == 0 {
		return
	}
	last := entries[len(entries)-1].Index
	c.pending[h.ID] += len(entries)
	if last > c.ahead || c.pending[h.ID] >= invariantEvery {
		c.ahead = max(c.ahead, last)
		c.check(h)
	}
}

// Checkpoint implements Observer.
func (c *invariantChecker) Checkpoint() {
	for _, h := range c.w.Hosts {
		c.check(h)
	}
}

func (c *invariantChecker) check(h *Host) {
	if h.Machine == nil {
		return
	}
	c.pending[h.ID] = 0
	if f := h.Machine.Invariant(); f != nil {
		c.w.Fail("invariant", "host %d: %v", h.ID, f)
	}
}

// scriptChecker knows nothing of the machine, and so goes for all: a query tells what a replay of
// the log tells at the index that the answer names. The machine that the model knows is left to
// readsChecker.
type scriptChecker struct {
	Bystander
	applied *appliedChecker
}

func newScriptChecker(a *appliedChecker) Observer { return &scriptChecker{applied: a} }

// Checkpoint implements Observer.
func (c *scriptChecker) Checkpoint() {
	w := c.applied.s.w
	if w.registers() {
		return
	}
	twin, err := scripting.NewEmpty(w.source, scripting.Config{Readers: 1})
	if err == nil {
		err = c.replay(twin)
		twin.Close()
	}
	if err != nil {
		w.Fail("queries", "replay: %v", err)
	}
}

func (c *scriptChecker) replay(twin *scripting.Machine) error {
	w := c.applied.s.w
	queries := slices.DeleteFunc(slices.Clone(w.History), func(op *Operation) bool {
		return !op.Query || op.Fate != Acked
	})
	slices.SortStableFunc(queries, func(a, b *Operation) int {
		return int(a.Reply.Index) - int(b.Reply.Index)
	})
	for i := range c.applied.all {
		a := &c.applied.all[i]
		if a.entry.Index != 0 {
			if _, err := twin.Apply(nil, []core.Entry{a.entry}); err != nil {
				return fmt.Errorf("apply entry %d: %w", i, err)
			}
		}
		for len(queries) > 0 && (queries[0].Reply.Index <= core.Index(i) ||
			i == len(c.applied.all)-1) {
			c.ask(twin, queries[0])
			queries = queries[1:]
		}
	}
	return nil
}

func (c *scriptChecker) ask(twin *scripting.Machine, op *Operation) {
	if want := twin.Query(op.Data); !sameResult(&op.Reply.Result, &want) {
		c.applied.s.w.Fail("queries", "%s %v at host %d, %v: got %x %v, want %x %v as of index %d",
			op.Name, op.Args, op.Host, op.Level, op.Reply.Result.Value, op.Reply.Result.Failure,
			want.Value, want.Failure, op.Reply.Index)
	}
}
