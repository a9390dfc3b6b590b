package vfs

import (
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
)

// sectorBytes is what a disk writes whole or not at all.
const sectorBytes = 512

// Cut says what a power cut leaves of what was not synced.
type Cut struct {
	Keep    float64 // chance of each sector of each write, and of each change of a length
	Names   float64 // chance of each creation, renaming and removal
	Lengths bool    // files keep the length they had, zeros standing for what was lost
	Garbage bool    // a sector that was lost may hold noise in the bytes that were being written
	// Only decides instead of Keep and Names, if it is set: whether change number n survives. It is
	// asked once for each sector, length and name, in an order that depends on its answers alone.
	Only func(n int) bool
}

// cutter is a Cut at work.
type cutter struct {
	Cut
	rng   *rand.Rand
	asked int
}

func (c *cutter) keeps(chance float64) bool {
	if c.Only == nil {
		return c.rng.Float64() < chance
	}
	c.asked++
	return c.Only(c.asked - 1)
}

// Crash cuts the power and returns the disk as it is found afterwards, with a Cut drawn from the
// seed.
func (m *Memory) Crash() *Memory {
	m.mu.Lock()
	chances := [...]float64{0, 0.1, 0.5, 0.9, 1, m.rng.Float64()}
	cut := Cut{
		Keep:    chances[m.rng.IntN(len(chances))],
		Names:   chances[m.rng.IntN(len(chances))],
		Lengths: m.rng.IntN(2) == 0,
		Garbage: m.rng.IntN(2) == 0,
	}
	m.mu.Unlock()
	return m.CrashWith(cut)
}

// CrashWith is Crash with a given Cut.
func (m *Memory) CrashWith(cut Cut) *Memory {
	after := m.Kill()
	c := &cutter{Cut: cut, rng: after.rng}
	for _, path := range slices.Sorted(maps.Keys(after.dirs)) {
		d := after.dirs[path]
		d.crash(c)
		for _, name := range slices.Sorted(maps.Keys(d.names)) {
			d.names[name].crash(c)
		}
	}
	return after
}

// Kill ends every program but not the machine: handles and locks are gone, and what was not synced
// is still to be lost by a later Crash.
func (m *Memory) Kill() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended = true
	return &Memory{rng: m.rng, dirs: m.dirs, locks: map[string]bool{}}
}

// Fork returns another disk in the same state, what was not synced included, for trying out what
// may happen next. It has no open handles and no locks, and draws from the seed.
func (m *Memory) Fork(seed uint64) *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	fork := NewMemory(seed)
	fork.ended = m.ended
	copies := map[*node]*node{nil: nil}
	for path, d := range m.dirs {
		fork.dirs[path] = d.fork(copies)
	}
	return fork
}

func (d *directory) fork(copies map[*node]*node) *directory {
	of := func(n *node) *node {
		if _, ok := copies[n]; !ok {
			copies[n] = &node{data: slices.Clone(n.data), durable: slices.Clone(n.durable),
				pending: slices.Clone(n.pending)}
		}
		return copies[n]
	}
	fork := newDirectory()
	for name, n := range d.names {
		fork.names[name] = of(n)
	}
	for name, n := range d.durable {
		fork.durable[name] = of(n)
	}
	for _, c := range d.pending {
		c.node = of(c.node)
		fork.pending = append(fork.pending, c)
	}
	return fork
}

// FailSync does to a file or a directory what Linux does when a sync fails: what was to be synced
// is lost, and no later Sync knows of it, while reads show it until the machine restarts.
func (m *Memory) FailSync(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if d := m.dirs[filepath.Clean(path)]; d != nil && !m.ended {
		d.pending = nil
		return nil
	}
	_, _, n, err := m.existing("sync", path)
	if err == nil {
		n.pending = nil
	}
	return err
}

// Flip changes bits of one byte, durably and unnoticed, as a rotting disk does.
func (m *Memory) Flip(path string, off int64, mask byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, _, n, err := m.existing("flip", path)
	if err != nil {
		return err
	}
	for _, image := range [][]byte{n.data, n.durable} {
		if off < int64(len(image)) {
			image[off] ^= mask
		}
	}
	return nil
}

// crash undoes some of the pending changes. A change never survives one before it that it builds
// upon: one that names the same file.
func (d *directory) crash(cut *cutter) {
	undone := map[string]bool{}
	for _, c := range d.pending {
		if undone[c.from] || undone[c.to] || !cut.keeps(cut.Names) {
			undone[c.from], undone[c.to] = c.from != "", c.to != ""
			continue
		}
		c.do(d.durable)
	}
	d.names, d.pending = maps.Clone(d.durable), nil
}

// crash undoes some of the pending changes, sector by sector, each for itself.
func (n *node) crash(cut *cutter) {
	length := int64(len(n.data))
	for _, c := range n.pending {
		if c.data == nil {
			if cut.keeps(cut.Keep) {
				n.durable = c.do(n.durable)
			}
			continue
		}
		for piece := range sectors(c) {
			switch {
			case cut.keeps(cut.Keep):
			case cut.Garbage && cut.rng.IntN(2) == 0:
				piece.data = make([]byte, len(piece.data)) // forks share what is pending
				for i := range piece.data {
					piece.data[i] = byte(cut.rng.Uint32())
				}
			default:
				continue
			}
			n.durable = piece.do(n.durable)
		}
	}
	if cut.Lengths && length > int64(len(n.durable)) {
		n.durable = resized(n.durable, length)
	}
	n.data, n.pending = slices.Clone(n.durable), nil
}

// sectors cuts a write at the sector boundaries.
func sectors(c contentChange) func(yield func(contentChange) bool) {
	return func(yield func(contentChange) bool) {
		for len(c.data) > 0 {
			size := min(int64(len(c.data)), sectorBytes-c.off%sectorBytes)
			if !yield(contentChange{off: c.off, data: c.data[:size]}) {
				return
			}
			c.off, c.data = c.off+size, c.data[size:]
		}
	}
}
