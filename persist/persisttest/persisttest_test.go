package persisttest_test

import (
	"errors"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/memory"
	"github.com/tidelock-raft/tidelock/persist/persisttest"
	"github.com/tidelock-raft/tidelock/persist/snapfile"
	"github.com/tidelock-raft/tidelock/persist/vfs"
	"github.com/tidelock-raft/tidelock/persist/wal"
)

// fails reports whether a store fails the check of this name.
func fails(t *testing.T, checks []persisttest.Check, name string, s persisttest.Subject) bool {
	t.Helper()
	for _, c := range checks {
		if c.Name == name {
			err := c.Run(s)
			if errors.Is(err, persisttest.ErrNotApplicable) {
				t.Fatalf("%s: %v", name, err)
			}
			return err != nil
		}
	}
	t.Fatalf("no check is called %s", name)
	return false
}

func openWAL(fs vfs.FS, dir string) (core.Store, error) {
	return wal.Open(fs, dir, wal.Config{SegmentBytes: 1, Inline: true, Salt: 1,
		Logger: slog.New(slog.DiscardHandler)})
}

// pretending opens a log on a disk that does not do what the kinds of operation ask for.
func pretending(kinds ...vfs.OpKind) persisttest.Subject {
	return persisttest.Subject{Open: func(fs vfs.FS, dir string) (core.Store, error) {
		return openWAL(vfs.NewFaulty(fs, func(op vfs.Op) error {
			if slices.Contains(kinds, op.Kind) {
				return vfs.ErrPretend
			}
			return nil
		}), dir)
	}}
}

// wrapped opens a log that somebody stands in front of.
func wrapped(wrap func(core.Store) core.Store) persisttest.Subject {
	return persisttest.Subject{Open: func(fs vfs.FS, dir string) (core.Store, error) {
		s, err := openWAL(fs, dir)
		if err != nil {
			return nil, err
		}
		return wrap(s), nil
	}}
}

func inMemory(wrap func(core.Store) core.Store) persisttest.Subject {
	return persisttest.Subject{Volatile: true, Open: func(vfs.FS, string) (core.Store, error) {
		return wrap(memory.New()), nil
	}}
}

type losesSecond struct{ core.Store }

func (s losesSecond) Write(batch []core.Update) error { return s.Store.Write(batch[:1]) }

type forgetsTruncation struct{ core.Store }

func (s forgetsTruncation) Write(batch []core.Update) error {
	for i, u := range batch {
		st, err := s.State(u.Group)
		n := len(u.Entries)
		if err != nil || n == 0 || u.Install != nil || u.Entries[n-1].Index >= st.Last.Index {
			continue
		}
		tail, err := s.Entries(nil, u.Group, u.Entries[n-1].Index+1, st.Last.Index+1, 1<<30)
		if err != nil {
			continue
		}
		batch = slices.Clone(batch)
		batch[i].Entries = append(slices.Clone(u.Entries), tail...)
	}
	return s.Store.Write(batch)
}

type wrongError struct{ core.Store }

func (s wrongError) Entries(dst []core.Entry, g core.GroupID, lo, hi core.Index, maxBytes int,
) ([]core.Entry, error) {
	got, err := s.Store.Entries(dst, g, lo, hi, maxBytes)
	if errors.Is(err, core.ErrCompacted) {
		err = core.ErrUnavailable
	}
	return got, err
}

type losesDst struct{ core.Store }

func (s losesDst) Entries(dst []core.Entry, g core.GroupID, lo, hi core.Index, maxBytes int,
) ([]core.Entry, error) {
	return s.Store.Entries(dst[:0], g, lo, hi, maxBytes)
}

type unbounded struct{ core.Store }

func (s unbounded) Entries(dst []core.Entry, g core.GroupID, lo, hi core.Index, _ int,
) ([]core.Entry, error) {
	return s.Store.Entries(dst, g, lo, hi, 1<<30)
}

type reusesData struct {
	core.Store
	buf []byte
}

func (s *reusesData) Entries(dst []core.Entry, g core.GroupID, lo, hi core.Index, maxBytes int,
) ([]core.Entry, error) {
	n := len(dst)
	got, err := s.Store.Entries(dst, g, lo, hi, maxBytes)
	s.buf = s.buf[:0]
	for i := n; i < len(got); i++ {
		from := len(s.buf)
		s.buf = append(s.buf, got[i].Data...)
		got[i].Data = s.buf[from:]
	}
	return got, err
}

type goesOn struct{ core.Store }

func (s goesOn) Write(batch []core.Update) error {
	err := s.Store.Write(batch)
	if errors.Is(err, core.ErrPoisoned) {
		return nil
	}
	return err
}

type oneByOne struct{ core.Store }

func (s oneByOne) Write(batch []core.Update) error {
	for i := range batch {
		if err := s.Store.Write(batch[i : i+1]); err != nil {
			return err
		}
	}
	return nil
}

type closesTwice struct{ core.Store }

func (s closesTwice) Close() error {
	s.Store.Close()
	return nil
}

type clearsHard struct{ core.Store }

func (s clearsHard) Write(batch []core.Update) error {
	batch = slices.Clone(batch)
	for i := range batch {
		if batch[i].Hard.Term == 0 && !batch[i].Remove {
			batch[i].Hard.Term = 1
		}
	}
	return s.Store.Write(batch)
}

type keepsBatch struct {
	core.Store
	last []core.Update
}

func (s *keepsBatch) Write(batch []core.Update) error {
	err := s.Store.Write(batch)
	s.last = batch
	return err
}

func (s *keepsBatch) Groups() ([]core.GroupID, error) {
	for _, u := range s.last {
		if _, err := s.State(u.Group); err != nil && u.Install != nil {
			return []core.GroupID{u.Group}, nil
		}
	}
	return s.Store.Groups()
}

func TestBrokenStoresAreFound(t *testing.T) {
	type store = core.Store
	proved := map[string]bool{}
	for what, c := range map[string]struct {
		check   string // one that must fail
		subject persisttest.Subject
	}{
		"acknowledges before the sync": {"PowerCutAfterWrite", pretending(vfs.OpSync)},
		"is torn by a power cut":       {"PowerCut", pretending(vfs.OpSync)},
		"never syncs a directory":      {"PowerCutAfterWrite", pretending(vfs.OpSyncDir)},
		"shows what was never synced":  {"KillThenPowerCut", pretending(vfs.OpSync)},
		"never writes":                 {"Reopen", pretending(vfs.OpWrite, vfs.OpSync)},
		"goes on after a failed sync":  {"Poisoned", wrapped(func(s store) store { return goesOn{s} })},
		"loses the second update":      {"Twin", inMemory(func(s store) store { return losesSecond{s} })},
		"writes half of a batch": {"InvalidUpdates",
			inMemory(func(s store) store { return oneByOne{s} })},
		"forgets to truncate": {"EntriesReplace",
			inMemory(func(s store) store { return forgetsTruncation{s} })},
		"returns the wrong error": {"EntriesRange",
			inMemory(func(s store) store { return wrongError{s} })},
		"forgets dst": {"EntriesAppend", inMemory(func(s store) store { return losesDst{s} })},
		"ignores maxBytes": {"EntriesBounded",
			inMemory(func(s store) store { return unbounded{s} })},
		"uses memory again": {"DataStays",
			inMemory(func(s store) store { return &reusesData{Store: s} })},
		"can be closed twice": {"Close", inMemory(func(s store) store { return closesTwice{s} })},
		"changes what it was not told": {"FieldsInOrder",
			inMemory(func(s store) store { return clearsHard{s} })},
		"keeps what is the caller's": {"BatchIsCallers",
			inMemory(func(s store) store { return &keepsBatch{Store: s} })},
		"lists in disorder": {"Groups", inMemory(func(s store) store { return unsorted{s} })},
		"knows every group": {"State", inMemory(func(s store) store { return inventsGroups{s} })},
		"forgets the term before the first": {"Term",
			inMemory(func(s store) store { return forgetsStartTerm{s} })},
		"shows half of an update": {"ReadersBesideWrite",
			inMemory(func(s store) store { return &showsHalves{Store: s, seen: make(chan struct{})} })},
		"installs once":                    {"Install", changing(ignoreInstall)},
		"forgets the vote when installing": {"Install", changing(installClearsHard)},
		"keeps what was removed":           {"Remove", changing(ignoreRemove)},
		"compacts too far":                 {"Compact", changing(compactTooFar)},
		"goes on when the disk is full": {"FullDisk",
			wrapped(func(s store) store { return goesOn{s} })},
		"does not wait for the disk": {"SlowDisk",
			wrapped(func(s store) store { return &asynchronous{Store: s} })},
		"forgets who was removed":  {"Twin", changing(forgetsRetired)},
		"begins anew when damaged": {"Rot", persisttest.Subject{Open: shrugs}},
	} {
		proved[c.check] = true
		t.Run(what, func(t *testing.T) {
			if !fails(t, persisttest.Checks(), c.check, c.subject) {
				t.Errorf("passes %s", c.check)
			}
		})
	}
	for _, c := range persisttest.Checks() {
		if !proved[c.Name] {
			t.Errorf("no broken store proves the check %s", c.Name)
		}
	}
}

// TestWrappedStorePasses shows that it is not the wrapping that fails above.
func TestWrappedStorePasses(t *testing.T) {
	persisttest.Run(t, wrapped(func(s core.Store) core.Store { return s }))
}

func TestBrokenKeepersAreFound(t *testing.T) {
	pretending := func(kind vfs.OpKind) persisttest.Keeper {
		return persisttest.Keeper{Open: func(fs vfs.FS, dir string) (core.Snapshots, error) {
			return snapfile.Open(vfs.NewFaulty(fs, func(op vfs.Op) error {
				if op.Kind == kind {
					return vfs.ErrPretend
				}
				return nil
			}), dir)
		}}
	}
	for kind, check := range map[vfs.OpKind]string{
		vfs.OpSync: "CommitPowerCut", vfs.OpSyncDir: "CommitPowerCut", vfs.OpWrite: "ReadBack",
	} {
		checks := persisttest.SnapshotChecks(pretending(kind))
		if !fails(t, checks, check, persisttest.Subject{}) {
			t.Errorf("with no %v: passes %s", kind, check)
		}
	}
}

// TestRulesAreTheContract keeps the sentences that are printed equal to those of core.
func TestRulesAreTheContract(t *testing.T) {
	source, err := os.ReadFile("../../core/store.go")
	if err != nil {
		t.Fatal(err)
	}
	contract := regexp.MustCompile(`\s*(//|\n)\s*`).ReplaceAllString(string(source), " ")
	contract = regexp.MustCompile(`\s+`).ReplaceAllString(contract, " ")
	snapshots := persisttest.SnapshotChecks(persisttest.Keeper{})
	for _, c := range append(persisttest.Checks(), snapshots...) {
		if !strings.Contains(contract, c.Rule) {
			t.Errorf("%s: core/store.go does not say %q", c.Name, c.Rule)
		}
	}
}
