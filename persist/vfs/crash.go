package vfs

import (
	"maps"
	"math/rand/v2"
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
	for _, path := range slices.Sorted(maps.Keys(after.dirs)) {
		d := after.dirs[path]
		d.crash(after.rng, cut)
		for _, name := range slices.Sorted(maps.Keys(d.names)) {
			d.names[name].crash(after.rng, cut)
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

// FailSync does to a file what Linux does when a sync fails: what was to be synced is lost, and no
// later Sync knows of it, while reads show it until the machine restarts.
func (m *Memory) FailSync(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
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
func (d *directory) crash(rng *rand.Rand, cut Cut) {
	undone := map[string]bool{}
	for _, c := range d.pending {
		if undone[c.from] || undone[c.to] || rng.Float64() >= cut.Names {
			undone[c.from], undone[c.to] = c.from != "", c.to != ""
			continue
		}
		c.do(d.durable)
	}
	d.names, d.pending = maps.Clone(d.durable), nil
}

// crash undoes some of the pending changes, sector by sector, each for itself.
func (n *node) crash(rng *rand.Rand, cut Cut) {
	length := int64(len(n.data))
	for _, c := range n.pending {
		if c.data == nil {
			if rng.Float64() < cut.Keep {
				n.durable = c.do(n.durable)
			}
			continue
		}
		for piece := range sectors(c) {
			switch {
			case rng.Float64() < cut.Keep:
			case cut.Garbage && rng.IntN(2) == 0:
				for i := range piece.data {
					piece.data[i] = byte(rng.Uint32())
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
