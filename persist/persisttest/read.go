package persisttest

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/tidelock-raft/tidelock/core"
)

var readRules = []rule{
	{"Groups", "Groups lists the groups in the store, ascending.", checkGroups},
	{"State", "State returns what is known of a group. Errors: ErrNoGroup, ErrCorrupt, ErrClosed.",
		checkState},
	{"EntriesBounded", "It stops early, but never before the first, when the sum of Entry.Size " +
		"would pass maxBytes.", checkEntriesBounded},
	{"EntriesRange", "Errors: ErrCompacted when lo is not above Start, ErrUnavailable when hi-1 is " +
		"beyond Last, ErrNoGroup, ErrCorrupt, ErrClosed; with an error, dst comes back as it was.",
		checkEntriesRange},
	{"EntriesAppend", "Entries appends the entries lo … hi-1 to dst and returns it.",
		checkEntriesAppend},
	{"DataStays", "The Data of the entries is read-only and stays valid for ever.", checkDataStays},
	{"Term", "Term returns the term of the entry at i, where Start.Index ≤ i ≤ Last.Index.",
		checkTerm},
	{"ReadersBesideWrite", "Write is called by one goroutine at a time; the other methods may run " +
		"beside it and beside each other, and see either all of an Update or nothing of it once " +
		"Write has returned.", checkReaders},
	{"Close", "Close releases everything. A second Close returns ErrClosed.", checkClose},
}

// want compares an error with the one that is expected.
func want(what string, got, wanted error) error {
	if !errors.Is(got, wanted) {
		return fmt.Errorf("%s: got error %v, want %v", what, got, wanted)
	}
	return nil
}

func checkGroups(b *bench) error {
	if err := b.write(begin(7), begin(2), begin(math.MaxUint64), begin(3)); err != nil {
		return err
	}
	if err := b.write(core.Update{Group: 3, Remove: true}); err != nil {
		return err
	}
	got, err := b.store.Groups()
	if wanted := []core.GroupID{2, 7, math.MaxUint64}; err != nil || !slices.Equal(got, wanted) {
		return fmt.Errorf("groups: got %v, %v, want %v", got, err, wanted)
	}
	return nil
}

func checkState(b *bench) error {
	if _, err := b.store.State(1); !errors.Is(err, core.ErrNoGroup) {
		return want("state of no group", err, core.ErrNoGroup)
	}
	if err := b.write(begin(1)); err != nil {
		return err
	}
	_, err := b.store.State(2)
	m := model{}
	m.apply(begin(1))
	return errors.Join(want("state of another group", err, core.ErrNoGroup), b.holds(m))
}

// tenEntries makes group 1 hold the entries 4 … 10.
func tenEntries(b *bench) (model, error) {
	m := model{}
	for _, u := range []core.Update{
		begin(1),
		{Group: 1, Hard: core.HardState{Term: 2, Vote: 1, Commit: 5}, Entries: entries(1, 1, 11)},
		{Group: 1, Snapshot: meta(core.Position{Term: 1, Index: 5}, 3), Compact: 3},
	} {
		m.apply(u)
		if err := b.write(u); err != nil {
			return m, err
		}
	}
	return m, b.holds(m)
}

func checkEntriesBounded(b *bench) error {
	if _, err := tenEntries(b); err != nil {
		return err
	}
	all := entries(1, 4, 11)
	one := all[0].Size()
	for _, c := range []struct{ maxBytes, count int }{
		{-1, 1}, {0, 1}, {one - 1, 1}, {one, 1}, {2*one - 1, 1}, {2 * one, 2},
		{3*one + one/2, 3}, {math.MaxInt, 7},
	} {
		got, err := b.store.Entries(nil, 1, 4, 11, c.maxBytes)
		if err != nil || len(got) != c.count {
			return fmt.Errorf("entries of %d bytes each, maxBytes %d: got %d, %v, want %d",
				one, c.maxBytes, len(got), err, c.count)
		}
	}
	return nil
}

func checkEntriesRange(b *bench) error {
	if _, err := tenEntries(b); err != nil {
		return err
	}
	var errs []error
	for _, c := range []struct {
		group  core.GroupID
		lo, hi core.Index
		want   error
	}{
		{1, 4, 11, nil}, {1, 7, 7, nil}, {1, 11, 11, nil}, {1, 3, 5, core.ErrCompacted},
		{1, 0, 1, core.ErrCompacted}, {1, 10, 12, core.ErrUnavailable},
		{1, 11, 12, core.ErrUnavailable}, {1, 12, 13, core.ErrUnavailable}, {2, 1, 2, core.ErrNoGroup},
	} {
		dst := entries(9, 1, 3)
		got, err := b.store.Entries(dst, c.group, c.lo, c.hi, 1<<20)
		errs = append(errs, want(fmt.Sprintf("entries %d … %d-1", c.lo, c.hi), err, c.want))
		if err != nil && len(got) != len(dst) {
			errs = append(errs, fmt.Errorf("entries with an error: dst has %d entries, not %d",
				len(got), len(dst)))
		}
	}
	return errors.Join(errs...)
}

func checkEntriesAppend(b *bench) error {
	if _, err := tenEntries(b); err != nil {
		return err
	}
	dst := entries(9, 1, 3)
	got, err := b.store.Entries(dst, 1, 6, 9, 1<<20)
	wanted := append(entries(9, 1, 3), entries(1, 6, 9)...)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(wanted) {
		return fmt.Errorf("entries 6 … 8 behind two others: got %v, %v, want %v", got, err, wanted)
	}
	return nil
}

func checkDataStays(b *bench) error {
	if _, err := tenEntries(b); err != nil {
		return err
	}
	got, err := b.store.Entries(nil, 1, 4, 11, 1<<20)
	if err != nil {
		return err
	}
	if _, err := b.store.Entries(nil, 1, 5, 11, 1<<20); err != nil {
		return err
	}
	if err := b.write(core.Update{Group: 1, Entries: entries(2, 6, 9)}); err != nil {
		return err
	}
	for i, e := range entries(1, 4, 11) {
		if !bytes.Equal(got[i].Data, e.Data) {
			return fmt.Errorf("entry %d read before the log was rewritten: is now %q, was %q",
				e.Index, got[i].Data, e.Data)
		}
	}
	return nil
}

func checkTerm(b *bench) error {
	if _, err := tenEntries(b); err != nil {
		return err
	}
	if err := b.write(core.Update{Group: 1, Entries: entries(4, 8, 10)}); err != nil {
		return err
	}
	for i, wanted := range map[core.Index]core.Term{3: 1, 4: 1, 7: 1, 8: 4, 9: 4} {
		if got, err := b.store.Term(1, i); err != nil || got != wanted {
			return fmt.Errorf("term of entry %d: got %d, %v, want %d", i, got, err, wanted)
		}
	}
	term := func(g core.GroupID, i core.Index) error {
		_, err := b.store.Term(g, i)
		return err
	}
	return errors.Join(
		want("term of a compacted entry", term(1, 2), core.ErrCompacted),
		want("term of an entry beyond the last", term(1, 10), core.ErrUnavailable),
		want("term of no group", term(2, 1), core.ErrNoGroup))
}

// checkReaders rewrites a log of ten entries as a whole, term by term, while others read it.
func checkReaders(b *bench) error {
	if err := b.write(begin(1), core.Update{Group: 1, Entries: entries(1, 1, 11)}); err != nil {
		return err
	}
	const terms, readers = 50, 3
	var group sync.WaitGroup
	var errs [readers]error
	for n := range readers {
		group.Go(func() { errs[n] = readUntil(b.store, terms) })
	}
	var err error
	for term := core.Term(2); term <= terms && err == nil; term++ {
		err = b.write(core.Update{Group: 1, Hard: core.HardState{Term: term},
			Entries: entries(term, 1, 11)})
	}
	if err != nil { // readers wait for the last term
		return errors.Join(err, b.store.Close())
	}
	group.Wait()
	return errors.Join(errs[:]...)
}

// readUntil reads until it sees the last term, and checks that all it sees is of one term.
func readUntil(s core.Store, terms core.Term) error {
	for {
		st, err := s.State(1)
		if err != nil {
			return err
		}
		got, err := s.Entries(nil, 1, 1, 11, 1<<20)
		if err != nil {
			return err
		}
		for _, e := range got {
			if e.Term != got[0].Term {
				return fmt.Errorf("half of an update is seen: %v beside %v", e.Position, got[0].Position)
			}
		}
		if st.Hard.Term != 0 && st.Last.Term != st.Hard.Term {
			return fmt.Errorf("half of an update is seen: last entry %v in term %d", st.Last, st.Hard.Term)
		}
		if st.Hard.Term == terms {
			return nil
		}
	}
}

func checkClose(b *bench) error {
	if _, err := tenEntries(b); err != nil {
		return err
	}
	if err := b.store.Close(); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	_, groups := b.store.Groups()
	_, state := b.store.State(1)
	_, list := b.store.Entries(nil, 1, 4, 5, 1)
	_, term := b.store.Term(1, 4)
	return errors.Join(
		want("a second close", b.store.Close(), core.ErrClosed),
		want("groups after close", groups, core.ErrClosed),
		want("state after close", state, core.ErrClosed),
		want("entries after close", list, core.ErrClosed),
		want("term after close", term, core.ErrClosed),
		want("write after close", b.store.Write([]core.Update{begin(2)}), core.ErrClosed))
}
