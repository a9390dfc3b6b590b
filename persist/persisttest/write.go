package persisttest

import (
	"errors"
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
)

var writeRules = []rule{
	{"FieldsInOrder", "Its parts take effect in the order of the fields; a zero field changes " +
		"nothing.", checkFields},
	{"EntriesReplace", "replace everything from Entries[0].Index on", checkReplace},
	{"Install", "empty the log: it begins after this position. Also creates the group",
		checkInstall},
	{"Remove", "forget the group altogether; no other field is set", checkRemove},
	{"Compact", "forget entries up to and including this one", checkCompact},
	{"InvalidUpdates", "refuses (and writes nothing of the batch) with ErrInvalidUpdate what would " +
		"make its own log unreadable: a gap before Entries[0], indexes that are not consecutive, " +
		"entries at or below Start, an unknown group without Install, a Compact beyond the newest " +
		"snapshot.", checkInvalid},
	{"BatchIsCallers", "The batch and what it points to may be reused once Write returns, except " +
		"Entries' Data, which is read-only for ever.", checkBatchIsCallers},
	{"Twin", "Store keeps hard state, log and snapshot metadata of many groups.", checkTwin},
}

// follow writes the updates one by one and compares the store with the model after each.
func (b *bench) follow(m model, updates ...core.Update) error {
	for _, u := range updates {
		m.apply(u)
		if err := b.write(u); err != nil {
			return err
		}
		if err := b.holds(m); err != nil {
			return fmt.Errorf("after %+v: %w", u, err)
		}
	}
	return nil
}

func checkFields(b *bench) error {
	at := core.Position{Term: 3, Index: 20}
	return b.follow(model{},
		core.Update{Group: 1, Install: meta(at, 3), Hard: core.HardState{Term: 4, Vote: 2, Commit: 20},
			Entries:  entries(4, 21, 31),
			Snapshot: meta(core.Position{Term: 4, Index: 25}, 2), Compact: 24},
		core.Update{Group: 1},
		core.Update{Group: 1, Entries: entries(4, 31, 33)},
		core.Update{Group: 1, Hard: core.HardState{Term: 5}},
		core.Update{Group: 1, Snapshot: meta(core.Position{Term: 4, Index: 32}, 3)},
		core.Update{Group: 1, Compact: 32},
		core.Update{Group: 1, Entries: entries(5, 33, 34)},
		core.Update{Group: 1, Install: meta(core.Position{Term: 5, Index: 33}, 3)})
}

func checkReplace(b *bench) error {
	return b.follow(model{}, begin(1),
		core.Update{Group: 1, Entries: entries(1, 1, 11)},
		core.Update{Group: 1, Entries: entries(2, 8, 9)},
		core.Update{Group: 1, Entries: entries(3, 9, 12)},
		core.Update{Group: 1, Entries: entries(4, 1, 2)})
}

func checkInstall(b *bench) error {
	return b.follow(model{}, begin(1), begin(2),
		core.Update{Group: 1, Hard: core.HardState{Term: 7, Vote: 3}, Entries: entries(1, 1, 11)},
		core.Update{Group: 2, Entries: entries(1, 1, 11)},
		core.Update{Group: 1, Install: meta(core.Position{Term: 2, Index: 500}, 3)},
		core.Update{Group: 1, Entries: entries(2, 501, 503)},
		core.Update{Group: 2, Install: meta(core.Position{Term: 1, Index: 4}, 3)},
		core.Update{Group: 2, Entries: entries(3, 5, 6)})
}

func checkRemove(b *bench) error {
	return b.follow(model{}, begin(1), begin(2),
		core.Update{Group: 1, Hard: core.HardState{Term: 7, Vote: 3}, Entries: entries(1, 1, 11)},
		core.Update{Group: 2, Entries: entries(1, 1, 11)},
		core.Update{Group: 1, Remove: true},
		begin(1),
		core.Update{Group: 1, Entries: entries(9, 1, 2)})
}

func checkCompact(b *bench) error {
	return b.follow(model{}, begin(1),
		core.Update{Group: 1, Entries: entries(1, 1, 1001),
			Snapshot: meta(core.Position{Term: 1, Index: 1000}, 3)},
		core.Update{Group: 1, Compact: 1},
		core.Update{Group: 1, Compact: 1},
		core.Update{Group: 1, Compact: 700},
		core.Update{Group: 1, Compact: 300},
		core.Update{Group: 1, Compact: 1000},
		core.Update{Group: 1, Entries: append(entries(1, 1001, 1003), entries(2, 1003, 1005)...),
			Snapshot: meta(core.Position{Term: 2, Index: 1004}, 3), Compact: 1003})
}

func checkInvalid(b *bench) error {
	m, err := tenEntries(b)
	if err != nil {
		return err
	}
	holes := append(entries(3, 11, 13), entries(3, 14, 15)...)
	for what, u := range map[string]core.Update{
		"a gap":                        {Group: 1, Entries: entries(3, 12, 13)},
		"indexes with a hole":          {Group: 1, Entries: holes},
		"entries in reverse":           {Group: 1, Entries: append(entries(3, 12, 13), holes[0])},
		"an entry at Start":            {Group: 1, Entries: entries(3, 3, 12)},
		"entry zero":                   {Group: 1, Entries: entries(3, 0, 1)},
		"an unknown group":             {Group: 2, Hard: core.HardState{Term: 1}},
		"removal of an unknown group":  {Group: 2, Remove: true},
		"compaction of no group":       {Group: 2, Compact: 1},
		"compaction beyond a snapshot": {Group: 1, Compact: 6},
		"group zero":                   {Group: 0, Install: meta(core.Position{}, 3)},
	} {
		before := core.Update{Group: 1, Entries: entries(3, 11, 12), Hard: core.HardState{Term: 9}}
		if what == "a gap" {
			before.Entries = nil
		}
		batch := []core.Update{begin(3), before, u}
		if err := want(what, b.store.Write(batch), core.ErrInvalidUpdate); err != nil {
			return err
		}
		if err := b.holds(m); err != nil {
			return fmt.Errorf("after a batch with %s: %w", what, err)
		}
	}
	// The store goes on, and within a batch an update may rely on those before it.
	more := []core.Update{begin(2), {Group: 2, Entries: entries(1, 1, 3)},
		{Group: 2, Snapshot: meta(core.Position{Term: 1, Index: 2}, 3)}, {Group: 2, Compact: 1}}
	m.applyAll(more)
	return errors.Join(b.write(more...), b.holds(m))
}

func checkBatchIsCallers(b *bench) error {
	m := model{}
	install, list := meta(core.Position{}, 3), entries(1, 1, 4)
	batch := []core.Update{{Group: 1, Install: install, Entries: list}}
	m.applyAll([]core.Update{{Group: 1, Install: meta(core.Position{}, 3), Entries: entries(1, 1, 4)}})
	if err := b.write(batch...); err != nil {
		return err
	}
	install.Index, install.Checksum = 77, 77
	list[0], list[1] = entry(9, 9, "nine"), list[2]
	batch[0] = begin(4)
	return b.holds(m)
}

// checkTwin compares the store with the model over a long random history, restarts included.
func checkTwin(b *bench) error {
	w := newWorkload(11)
	for n := range 400 {
		if err := b.write(w.batch()...); err != nil {
			return fmt.Errorf("batch %d: %w", n, err)
		}
		if n%7 > 0 {
			continue
		}
		if n%5 == 0 && !b.Volatile {
			if err := b.restart(); err != nil {
				return fmt.Errorf("restart after batch %d: %w", n, err)
			}
		}
		if err := b.holds(w.m); err != nil {
			return fmt.Errorf("after batch %d: %w", n, err)
		}
	}
	return nil
}
