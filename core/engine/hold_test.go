package engine

import (
	"errors"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/memory"
)

// writing returns a desk that leads alone and whose write of command 1 is under way.
func writing(t *testing.T, n notes) *desk {
	t.Helper()
	d := newDesk(t, Config{Node: 1}, 1)
	d.until("leader", d.leads)
	d.until("no write", func() bool { return len(d.engine.writes) == 0 })
	d.ask(n, command(1, 0))
	d.slow()
	return d
}

// slow steps with a disk that takes longer.
func (d *desk) slow() {
	d.t.Helper()
	d.in.Wrote = 0
	d.step()
}

func (d *desk) proposed() int {
	count := 0
	for i := range d.out.Write {
		count += len(d.out.Write[i].Entries)
	}
	return count
}

// TestCommandsGatherDuringAWrite: they make one write when the one under way has ended.
func TestCommandsGatherDuringAWrite(t *testing.T) {
	n := notes{}
	d := writing(t, n)
	wrote := d.in.Wrote
	for token := range uint64(3) {
		d.ask(n, command(2+token, 10))
		if d.slow(); d.proposed() != 0 {
			t.Fatalf("command %d did not wait for the write under way", 2+token)
		}
	}
	d.in.Wrote = wrote
	if d.step(); d.proposed() != 3 {
		t.Errorf("%d commands were written after the write, want 3", d.proposed())
	}
	d.until("answers", func() bool { return len(n) == 4 })
	for token, r := range n {
		if r.Err != nil || r.Index != core.Index(token)+1 {
			t.Errorf("command %d: index %d, error %v", token, r.Index, r.Err)
		}
	}
}

// TestOnlySoManyCommandsWait: many, or large ones, go beside the write.
func TestOnlySoManyCommandsWait(t *testing.T) {
	for name, c := range map[string]struct{ count, size int }{
		"many": {MaxHeld, 0}, "large": {2, maxHeldBytes / 2},
	} {
		n := notes{}
		d := writing(t, n)
		for i := range c.count {
			if d.slow(); d.proposed() != 0 {
				t.Fatalf("%s: %d commands did not wait", name, i)
			}
			d.ask(n, command(uint64(i)+2, c.size))
		}
		if d.slow(); d.proposed() != c.count {
			t.Errorf("%s: %d commands were written, want %d", name, d.proposed(), c.count)
		}
	}
}

// TestCommandsThatWaitAreRefused: that they were not carried out is certain.
func TestCommandsThatWaitAreRefused(t *testing.T) {
	t.Run("in another term", func(t *testing.T) {
		n := notes{}
		d := newDesk(t, Config{Node: 1}, 1, 2, 3)
		for _, kind := range []core.MessageKind{core.MsgPreVote, core.MsgVote} {
			d.until("campaign", func() bool { return len(d.take(kind)) > 0 })
			d.in.Messages = append(d.in.Messages, core.Message{
				Kind: kind + 1, Group: core.DefaultGroup, From: 2, To: 1, Term: 1,
			})
		}
		d.until("leader", d.leads)
		d.slow()
		d.ask(n, command(2, 0))
		d.slow()
		d.in.Messages = append(d.in.Messages, core.Message{
			Kind: core.MsgAppend, Group: core.DefaultGroup, From: 3, To: 1, Term: 2, Round: 1,
		})
		d.slow()
		var other *core.NotLeaderError
		if !errors.As(n[2].Err, &other) {
			t.Errorf("got %v, want that this node does not lead", n[2].Err)
		}
	})
	t.Run("at the end", func(t *testing.T) {
		n := notes{}
		d := writing(t, n)
		d.ask(n, command(2, 0))
		d.slow()
		d.engine.Abandon(&d.out)
		for _, a := range d.out.Answers {
			a.Caller.Replied(a.Token, a.Reply)
		}
		if !errors.Is(n[1].Err, core.ErrUnknownOutcome) || !errors.Is(n[2].Err, core.ErrClosed) {
			t.Errorf("got %v and %v, want unknown and closed", n[1].Err, n[2].Err)
		}
	})
}

// TestGroupsDoNotWaitForEachOther: a group whose own write is not under way has nothing to wait
// for, however busy another is.
func TestGroupsDoNotWaitForEachOther(t *testing.T) {
	d := newDesk(t, Config{Node: 1}, 1)
	other := memory.New()
	install := core.Update{
		Group: core.DefaultGroup, Install: &core.SnapshotMeta{Membership: members(1)},
	}
	if err := other.Write([]core.Update{install}); err != nil {
		t.Fatal(err)
	}
	state, err := other.State(core.DefaultGroup)
	if err == nil {
		err = d.engine.Open(2, state, groupLog{other, core.DefaultGroup})
	}
	if err != nil {
		t.Fatal(err)
	}
	install.Group = 2
	if err := d.store.Write([]core.Update{install}); err != nil {
		t.Fatal(err)
	}
	d.until("two leaders", func() bool {
		s := d.engine.Status()
		return s[0].Role == "leader" && s[1].Role == "leader" && len(d.engine.writes) == 0
	})
	n := notes{}
	d.ask(n, command(1, 0))
	d.slow()
	q := command(2, 0)
	q.Group = 2
	d.ask(n, q)
	if d.slow(); d.proposed() != 1 || d.out.Write[0].Group != 2 {
		t.Errorf("got %d commands in %+v, want one of group 2", d.proposed(), d.out.Write)
	}
}
