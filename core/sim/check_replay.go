package sim

import (
	"bytes"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
)

// replayChecker: a machine that goes through the whole log, one that came to its state by
// snapshots, restarts and whatever befell it, and one that is restored from a snapshot of that are
// the same, to the byte; and the replay comes to the same results. It also asks the script's own
// invariant.
type replayChecker struct {
	Bystander
	applied *appliedChecker
	twin    *scripting.Machine
	next    int // index of the first command that the twin has not seen
}

func newReplayChecker(a *appliedChecker) Observer { return &replayChecker{applied: a} }

// Checkpoint implements Observer.
func (c *replayChecker) Checkpoint() {
	w := c.applied.s.w
	if err := c.replay(); err != nil {
		w.Fail("replayed equals restored", "replay: %v", err)
		return
	}
	want, err := written(c.twin)
	last := core.Index(len(c.applied.all)) - 1
	for _, h := range w.Hosts {
		if err != nil || !h.Up() || c.applied.s.status(h).AppliedIndex < last {
			continue
		}
		c.compare(h, want)
	}
	if err != nil {
		w.Fail("replayed equals restored", "write a snapshot: %v", err)
	}
	if f := c.twin.Invariant(); f != nil {
		w.Fail("invariant", "%v", f)
	}
}

// replay brings the twin up to date.
func (c *replayChecker) replay() (err error) {
	if c.twin == nil {
		src := c.applied.s.w.source
		if c.twin, err = scripting.NewEmpty(src, scripting.Config{Readers: 1}); err != nil {
			return err
		}
	}
	var results []core.Result
	for ; c.next < len(c.applied.all); c.next++ {
		a := &c.applied.all[c.next]
		if a.entry.Index == 0 {
			continue
		}
		if results, err = c.twin.Apply(results[:0], []core.Entry{a.entry}); err != nil {
			return err
		}
		if !sameResult(&results[0], &a.result) {
			c.applied.s.w.Fail("replayed equals restored", "%v comes to %x %v, it came to %x %v",
				a.entry.Position, results[0].Value, results[0].Failure, a.result.Value, a.result.Failure)
		}
	}
	return nil
}

// compare checks the state of a host, and what becomes of it in another machine.
func (c *replayChecker) compare(h *Host, want []byte) {
	w := c.applied.s.w
	got, err := written(h.Machine)
	if err == nil && !bytes.Equal(got, want) {
		w.Fail("replayed equals restored", "host %d holds another state than a replay: %x, want %x",
			h.ID, h.Machine.Digest(), c.twin.Digest())
	}
	other, again := (*scripting.Machine)(nil), []byte(nil)
	if err == nil {
		other, err = scripting.NewEmpty(w.source, scripting.Config{Readers: 1})
	}
	if err == nil {
		defer other.Close()
		if err = other.Restore(bytes.NewReader(got)); err == nil {
			again, err = written(other)
		}
	}
	switch {
	case err != nil:
		w.Fail("replayed equals restored", "host %d: %v", h.ID, err)
	case !bytes.Equal(again, got) || other.Digest() != h.Machine.Digest():
		w.Fail("replayed equals restored", "a snapshot of host %d restores to %x, want %x",
			h.ID, other.Digest(), h.Machine.Digest())
	}
}

// written is a snapshot of a machine.
func written(m *scripting.Machine) ([]byte, error) {
	s, err := m.Snapshot()
	if err != nil {
		return nil, err
	}
	defer s.Release()
	var buf bytes.Buffer
	_, err = s.WriteTo(&buf)
	return buf.Bytes(), err
}
