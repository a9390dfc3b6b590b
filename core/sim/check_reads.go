package sim

import (
	"sort"

	"github.com/tidelock-raft/tidelock/core"
)

// readsChecker: every query, stale ones too, tells what its register held at the index that the
// answer names, by a model that goes through the log, which is no less than what was asked for; and
// a replica does not go back: who asks after an answer sees no less, while the same node runs.
// Commands have to agree with the model likewise.
type readsChecker struct {
	Bystander
	applied *appliedChecker
	seen    map[core.NodeID][]answered
	queries []*Operation
	values  map[string][]version // of registers, by key
	next    int                  // index of the first command that the model has not seen
}

// version is what a register holds from an index on.
type version struct {
	from  core.Index
	value string
}

func newReadsChecker(a *appliedChecker) Observer {
	return &readsChecker{
		applied: a, seen: map[core.NodeID][]answered{}, values: map[string][]version{},
	}
}

// Started implements Observer.
func (c *readsChecker) Started(h *Host) { delete(c.seen, h.ID) }

// Restored implements Observer.
func (c *readsChecker) Restored(h *Host) { delete(c.seen, h.ID) }

// Ended implements Observer.
func (c *readsChecker) Ended(op *Operation) {
	if !op.Query || op.Fate != Acked {
		return
	}
	seen := c.seen[op.Host]
	if least := floor(seen, op.Call); op.Reply.Index < least {
		c.applied.s.w.Fail("reads", "%s %v at host %d shows index %d, after %d was shown",
			op.Name, op.Args, op.Host, op.Reply.Index, least)
	}
	if op.Reply.Index < op.AtLeast {
		c.applied.s.w.Fail("reads", "%s %v at host %d shows index %d, at least %d was asked for",
			op.Name, op.Args, op.Host, op.Reply.Index, op.AtLeast)
	}
	c.seen[op.Host] = rise(seen, op.Return, op.Reply.Index)
	c.queries = append(c.queries, op)
}

// Checkpoint implements Observer.
func (c *readsChecker) Checkpoint() {
	if !c.applied.s.w.registers() {
		return
	}
	for ; c.next < len(c.applied.all); c.next++ {
		c.step(&c.applied.all[c.next])
	}
	for _, op := range c.queries {
		asked, ok := parse(op.Data)
		if !ok || op.Reply.Result.Failure != nil {
			continue
		}
		if want := c.at(asked.key, op.Reply.Index); op.told() != want {
			c.applied.s.w.Fail("reads", "%s %v at host %d, %v: got %x, want %x as of index %d",
				op.Name, op.Args, op.Host, op.Level, op.told(), want, op.Reply.Index)
		}
	}
	c.queries = nil
}

// step has the model carry out a command.
func (c *readsChecker) step(a *application) {
	asked, ok := parse(a.entry.Data)
	if a.entry.Index == 0 || !ok || a.result.Failure != nil && a.result.Failure.Code != "conflict" {
		return
	}
	now, want := asked.on(c.at(asked.key, a.entry.Index))
	got := string(a.result.Value)
	if a.result.Failure != nil {
		got = "!" + a.result.Failure.Code
	}
	if got != want {
		c.applied.s.w.Fail("reads", "%s %v at index %d: got %x, want %x",
			asked.name, asked.args, a.entry.Index, got, want)
	}
	c.values[asked.key] = append(c.values[asked.key], version{a.entry.Index, now})
}

// at returns what a register held at an index.
func (c *readsChecker) at(key string, i core.Index) string {
	list := c.values[key]
	n := sort.Search(len(list), func(k int) bool { return list[k].from > i })
	if n == 0 {
		return nothing
	}
	return list[n-1].value
}
