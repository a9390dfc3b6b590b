package persisttest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"

	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// maxLifeOps bounds the operations on the disk between two crashes.
const maxLifeOps = 120

// Endure lets a store live through so many crashes one after the other, on one disk: power cuts,
// kills, failed operations and orderly ends, each at a random operation, opening included. After
// each it checks that the store holds what was acknowledged, and at most one batch more. A seed
// gives the same life again. The store must be deterministic and do all its input and output on the
// file system that it is given.
func Endure(s Subject, seed uint64, crashes int) error {
	rng := rand.New(rand.NewPCG(seed, 1))
	l := &life{
		bench: &bench{Subject: s, disk: vfs.NewMemory(seed), dir: "endure"},
		work:  newWorkload(seed), rng: rng,
	}
	for n := range crashes {
		if err := l.live(); err != nil {
			return fmt.Errorf("seed %d, life %d: %w", seed, n, err)
		}
	}
	return nil
}

type life struct {
	*bench
	work *workload
	rng  *rand.Rand
	// What the store may hold: the model as it was acknowledged, and after each update of the batch
	// that was not.
	may []model
}

// live opens the store, checks it, and writes to it until something happens.
func (l *life) live() error {
	faults := [...]error{errPower, errPower, syscall.EIO, &vfs.Short{Bytes: 50, Err: syscall.ENOSPC}}
	end := &countdown{at: 1 + l.rng.IntN(maxLifeOps), fault: faults[l.rng.IntN(len(faults))]}
	end.more = errors.Is(end.fault, errPower)
	if l.may == nil {
		l.may = []model{{}}
	}
	l.hook, l.store = end.hook, closed{}
	if err := l.open(); err == nil {
		if err := l.recognise(end); err != nil {
			return fmt.Errorf("until %v of %v: %w", end.fault, end.struck(), err)
		}
		l.writeUntil(end)
	} else if end.left() > 0 {
		return err
	}
	l.die()
	return nil
}

// recognise finds out which of the possible states the store is in.
func (l *life) recognise(end *countdown) error {
	got, err := describe(l.store)
	if end.left() <= 0 && end.more {
		return nil // the power is off
	}
	if err != nil {
		return err
	}
	for _, m := range l.may {
		if m.describe() == got {
			l.work.m, l.may = m, []model{m}
			return nil
		}
	}
	return fmt.Errorf("the store holds\n%s\nwant\n%s\nor the same with some of the %d updates "+
		"that were being written", got, l.may[0].describe(), len(l.may)-1)
}

// writeUntil writes batches until one fails, or long enough.
func (l *life) writeUntil(end *countdown) {
	for range maxLifeOps / 2 {
		if end.left() <= 0 && end.more {
			return
		}
		before := l.work.m.clone()
		batch := l.work.batch()
		if err := l.store.Write(batch); err != nil {
			l.may = []model{before}
			for _, u := range batch {
				before = before.clone()
				before.apply(u)
				l.may = append(l.may, before)
			}
			return
		}
		l.may = []model{l.work.m}
	}
}

// die ends the process, in one way or another.
func (l *life) die() {
	if l.rng.IntN(4) == 0 {
		l.store.Close() // fails if it must
	}
	if l.rng.IntN(3) == 0 {
		l.disk = l.disk.Kill()
	} else {
		l.disk = l.disk.Crash()
	}
	l.store.Close() // fails, and ends what the store has started
}

func (m model) clone() model {
	c := model{}
	for id, g := range m {
		copied := *g
		copied.entries = slices.Clone(g.entries)
		c[id] = &copied
	}
	return c
}
