// Package persisttest checks that a store keeps the contract of core.Store, and that a keeper of
// snapshots keeps that of core.Snapshots. Each check carries the sentence that it enforces.
//
//	func TestConformance(t *testing.T) {
//		open := func(fs vfs.FS, dir string) (core.Store, error) {
//			return mystore.Open(fs, dir)
//		}
//		persisttest.Run(t, persisttest.Subject{Open: open})
//	}
//
// A store that does all its input and output on the vfs.FS that it is given is checked, too, for
// what it does when a disk fails and when the power is cut, at every single operation. One that
// goes elsewhere uses the directory, which exists, and is not checked for that.
//
// The package checks behaviour, not speed.
package persisttest

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// Subject is a store to be checked.
type Subject struct {
	// Open opens the store in a directory, on this file system or on the machine's. It is called
	// again for the same directory when the store was closed, or crashed.
	Open func(fs vfs.FS, dir string) (core.Store, error)
	// Volatile says that the store keeps nothing over Close.
	Volatile bool
	// Background says that the store works beside its caller, so that the number and the order of
	// its operations vary.
	Background bool
}

// Check is one rule that a store keeps or breaks.
type Check struct {
	Name string
	Rule string // the sentence of core.Store that is enforced
	// Run returns nil if the store keeps the rule, ErrNotApplicable if it cannot be checked on it,
	// or else what it did.
	Run func(Subject) error
}

// ErrNotApplicable is returned by checks that a store need not pass: those with crashes for one
// that ignores the file system or is volatile.
var ErrNotApplicable = errors.New("persisttest: the check does not apply to this store")

// Run checks a store, one subtest for each rule.
func Run(t *testing.T, s Subject) {
	runChecks(t, Checks(), s)
}

func runChecks(t *testing.T, checks []Check, s Subject) {
	for _, c := range checks {
		t.Run(c.Name, func(t *testing.T) {
			err := c.Run(s)
			if errors.Is(err, ErrNotApplicable) {
				t.Log(err)
			} else if err != nil {
				t.Errorf("%v\nThe contract says: %s", err, c.Rule)
			}
		})
	}
}

// Checks returns all checks of a core.Store.
func Checks() []Check {
	var list []Check
	for _, group := range [][]rule{readRules, writeRules, crashRules, diskRules} {
		for _, r := range group {
			list = append(list, Check{Name: r.name, Rule: r.rule, Run: func(s Subject) error {
				return withBench(s, r.check)
			}})
		}
	}
	return list
}

type rule struct {
	name  string
	rule  string
	check func(*bench) error
}

// bench is a place where one check is made.
type bench struct {
	Subject
	disk  *vfs.Memory
	hook  func(vfs.Op) error // shown every operation of the store; nil: none
	dir   string
	store core.Store
}

func withBench(s Subject, check func(*bench) error) (err error) {
	dir, err := os.MkdirTemp("", "persisttest-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := &bench{Subject: s, disk: vfs.NewMemory(1), dir: dir}
	if err := b.open(); err != nil {
		return err
	}
	defer func() {
		if b.store != nil {
			b.store.Close() // the check has closed it if that matters
		}
	}()
	return check(b)
}

// open opens the store on what is on the disk.
func (b *bench) open() error {
	fs := vfs.NewFaulty(b.disk, func(op vfs.Op) error {
		if b.hook == nil {
			return nil
		}
		return b.hook(op)
	})
	store, err := b.Open(fs, b.dir)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	b.store = store
	return nil
}

// restart closes the store and opens it again.
func (b *bench) restart() error {
	if err := b.store.Close(); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	return b.open()
}

// reborn opens the store on a disk that a crash has left, without faults.
func (b *bench) reborn(disk *vfs.Memory) error {
	b.store.Close() // of no avail: the disk it was on is gone
	b.disk, b.hook = disk, nil
	return b.open()
}

// write writes a batch that must succeed.
func (b *bench) write(batch ...core.Update) error {
	if err := b.store.Write(batch); err != nil {
		return fmt.Errorf("write %v: %w", batch, err)
	}
	return nil
}

// holds compares the store with what it should hold.
func (b *bench) holds(want model) error {
	got, err := describe(b.store)
	if err != nil {
		return err
	}
	if w := want.describe(); got != w {
		return fmt.Errorf("the store holds\n%s\nwant\n%s", got, w)
	}
	return nil
}
