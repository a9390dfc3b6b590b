package persisttest_test

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/persisttest"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// The stores below break one sentence each.

type unsorted struct{ core.Store }

func (s unsorted) Groups() ([]core.GroupID, error) {
	groups, err := s.Store.Groups()
	slices.Reverse(groups)
	return groups, err
}

type inventsGroups struct{ core.Store }

func (s inventsGroups) State(g core.GroupID) (core.State, error) {
	st, err := s.Store.State(g)
	if errors.Is(err, core.ErrNoGroup) {
		err = nil
	}
	return st, err
}

type forgetsStartTerm struct{ core.Store }

func (s forgetsStartTerm) Term(g core.GroupID, i core.Index) (core.Term, error) {
	if st, err := s.State(g); err == nil && i == st.Start.Index {
		return 0, core.ErrCompacted
	}
	return s.Store.Term(g, i)
}

// showsHalves writes the hard state of an update after its entries, and in between waits for more
// readers than there are, so that one of them has begun to look meanwhile.
type showsHalves struct {
	core.Store
	seen chan struct{}
	gone bool // the readers have seen enough
}

func (s *showsHalves) State(g core.GroupID) (core.State, error) {
	st, err := s.Store.State(g)
	select {
	case s.seen <- struct{}{}:
	default:
	}
	return st, err
}

func (s *showsHalves) Write(batch []core.Update) error {
	if len(batch) != 1 || batch[0].Hard.Term == 0 {
		return s.Store.Write(batch)
	}
	rest := batch[0]
	rest.Hard = core.HardState{}
	if err := s.Store.Write([]core.Update{rest}); err != nil {
		return err
	}
	for n := 0; n < 4 && !s.gone; n++ {
		select {
		case <-s.seen:
		case <-time.After(time.Second):
			s.gone = true
		}
	}
	return s.Store.Write([]core.Update{{Group: rest.Group, Hard: batch[0].Hard}})
}

// changesUpdates writes what change makes of each update.
type changesUpdates struct {
	core.Store
	change func(s core.Store, u *core.Update)
}

func (s changesUpdates) Write(batch []core.Update) error {
	batch = slices.Clone(batch)
	for i := range batch {
		s.change(s.Store, &batch[i])
	}
	return s.Store.Write(batch)
}

func changing(change func(core.Store, *core.Update)) persisttest.Subject {
	return inMemory(func(s core.Store) core.Store { return changesUpdates{s, change} })
}

func ignoreInstall(s core.Store, u *core.Update) {
	if _, err := s.State(u.Group); err == nil {
		u.Install = nil
	}
}

func installClearsHard(_ core.Store, u *core.Update) {
	if u.Install != nil && u.Hard.Term == 0 {
		u.Hard.Term = 1
	}
}

func forgetsRetired(_ core.Store, u *core.Update) {
	if u.Snapshot != nil {
		snapshot := *u.Snapshot
		snapshot.Membership.Retired = core.Retired{}
		u.Snapshot = &snapshot
	}
}

func ignoreRemove(_ core.Store, u *core.Update) { u.Remove = false }

func compactTooFar(s core.Store, u *core.Update) {
	if st, err := s.State(u.Group); err == nil && u.Compact > 0 && u.Compact < st.Snapshot.Index {
		u.Compact++
	}
}

// asynchronous acknowledges a Write that is still under way.
type asynchronous struct {
	core.Store
	writing sync.WaitGroup
}

func (s *asynchronous) Write(batch []core.Update) error {
	s.writing.Wait()
	for _, u := range batch {
		if _, err := s.State(u.Group); err != nil || u.Compact > 0 {
			return s.Store.Write(batch)
		}
	}
	s.writing.Go(func() { _ = s.Store.Write(batch) }) // ended by the disk
	return nil
}

func (s *asynchronous) Close() error {
	s.writing.Wait()
	return s.Store.Close()
}

// shrugs opens an empty store where there is damage.
func shrugs(fs vfs.FS, dir string) (core.Store, error) {
	s, err := openWAL(fs, dir)
	if errors.Is(err, core.ErrCorrupt) {
		return openWAL(fs, dir+"-new")
	}
	return s, err
}
