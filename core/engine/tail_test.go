package engine

import (
	"math/rand/v2"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// TestTailIsWhatAListOfAllSizesSays compares with a list of the sizes of all entries, snapshots
// coming between, some of which take their time.
func TestTailIsWhatAListOfAllSizesSays(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		c := &Config{TailEntries: random.IntN(60), TailBytes: 1 + random.Int64N(3000)}
		var got tail
		sizes, since, marks, written := []int64{0}, int64(0), []core.Index{}, core.Index(0)
		for range 200 {
			size := random.Int64N(200)
			sizes, since = append(sizes, size), since+size
			if random.IntN(8) > 0 {
				continue
			}
			at := core.Index(len(sizes) - 1)
			oldest := at
			if written != 0 {
				oldest = written
			}
			got.mark(at, since, oldest, c)
			marks = append(marks, at)
			if written == 0 && random.IntN(4) == 0 {
				since, got.counted, written = 0, 0, at
			} else if random.IntN(3) == 0 {
				written = 0
			}
			cut, want := got.before(oldest, c), cutOf(sizes[:oldest+1], marks, c)
			if cut != want {
				t.Fatalf("%+v: cut at %d, want %d of %d", c, cut, want, oldest)
			}
			if oldest == at && len(got.marks) > c.TailEntries+1 {
				t.Fatalf("%+v: %d marks are kept", c, len(got.marks))
			}
		}
	}
}

// cutOf looks for the newest mark behind which there is enough.
func cutOf(sizes []int64, marks []core.Index, c *Config) core.Index {
	at := len(sizes) - 1
	cut := core.Index(max(0, at-c.TailEntries))
	for _, m := range marks {
		if int(m) > at {
			break
		}
		bytes := int64(0)
		for _, size := range sizes[m+1:] {
			bytes += size
		}
		if m > cut && bytes >= c.TailBytes {
			cut = m
		}
	}
	return cut
}

// TestLogOfLargeEntriesIsCut writes large commands and records a snapshot, some time after it was
// taken: a tail of so many entries would be far more than the bytes that are to be kept.
func TestLogOfLargeEntriesIsCut(t *testing.T) {
	const size, every, kept = 1 << 10, 8, 16 << 10
	d := newDesk(t, Config{Node: 1, DigestEvery: every, TailBytes: kept}, 1)
	d.until("leader", d.leads)
	n := notes{}
	ask := func(lo, hi uint64) {
		for token := lo; token < hi; token++ {
			d.ask(n, command(token+1, size))
			d.step()
		}
		d.until("all answers", func() bool { return len(n) == int(hi) })
	}
	ask(0, 200)
	g := d.engine.byID[core.DefaultGroup]
	g.saving.wanted = true
	ask(200, 200+every)
	at := g.saving.at
	ask(200+every, 300) // while it is being written
	g.record(core.SnapshotMeta{Position: core.Position{Term: 1, Index: at}})
	d.step()
	d.step()
	first := d.engine.Status()[0].FirstIndex
	if bytes := int(at-first+1) * size; at == 0 || bytes < kept-size || bytes > kept+every*size {
		t.Errorf("the log begins at %d and the snapshot is of %d: %d bytes between, want about %d",
			first, at, bytes, kept)
	}
}
