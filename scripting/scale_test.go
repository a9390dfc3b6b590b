package scripting

import (
	"bytes"
	"io"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/core"
)

const million = 1_000_000

// heap is how many bytes live after a collection.
func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// loaded is a machine of so many keys with 128-byte values, the entries that made it, and what it
// takes in memory.
func loaded(b *testing.B, keys int) (*Machine, []core.Entry, float64) {
	b.Helper()
	m, entries, before := newMachine(b, Default()), putEntries(b, keys), heap()
	var results []core.Result
	for from := 0; from < keys; from += 64 {
		var err error
		if results, err = m.Apply(results[:0], entries[from:min(from+64, keys)]); err != nil {
			b.Fatal(err)
		}
	}
	return m, entries, heap() - before
}

// beside applies batches of 64 until done, and reports the longest Apply and the mean of a command.
func beside(b *testing.B, m *Machine, entries []core.Entry, done func() bool) {
	b.Helper()
	var results []core.Result
	longest, start, n := time.Duration(0), time.Now(), 0
	for ; !done() || n == 0; n += 64 {
		from := n % (len(entries) - 64)
		began := time.Now()
		results, _ = m.Apply(results[:0], entries[from:from+64])
		longest = max(longest, time.Since(began))
	}
	b.ReportMetric(float64(longest.Microseconds())/1e3, "longest-ms")
	b.ReportMetric(float64(time.Since(start).Nanoseconds())/float64(n), "ns/put")
}

// BenchmarkLoad makes a million keys, and reports what one takes in memory.
func BenchmarkLoad(b *testing.B) {
	for range b.N {
		m, _, size := loaded(b, million)
		b.ReportMetric(size/million, "B/key")
		runtime.KeepAlive(m)
	}
}

// BenchmarkSnapshotBesideApply writes a snapshot of a million keys while commands go on.
func BenchmarkSnapshotBesideApply(b *testing.B) {
	m, entries, _ := loaded(b, million)
	b.ResetTimer()
	for range b.N {
		began := time.Now()
		s, err := m.Snapshot()
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(time.Since(began).Microseconds()), "view-µs")
		var done atomic.Bool
		go func() { // ends with the snapshot
			_, _ = s.WriteTo(io.Discard)
			s.Release()
			done.Store(true)
		}()
		beside(b, m, entries, done.Load)
	}
}

func BenchmarkRestore(b *testing.B) {
	m, _, _ := loaded(b, million)
	body := snapshotOf(b, m)
	m = nil
	b.ResetTimer()
	for range b.N {
		if err := newMachine(b, Default()).Restore(bytes.NewReader(body)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRehearse tries a new version on a million keys.
func BenchmarkRehearse(b *testing.B) {
	m, _, _ := loaded(b, million)
	next := bytes.Replace(Default().Text, []byte("version = 1,"),
		[]byte(`version = 2, migrate = function() kv:set("new", 1) end,`), 1)
	request, err := EncodeRehearse(Source{Name: "kv.lua", Text: next})
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for range b.N {
		v, err := m.View()
		if err != nil {
			b.Fatal(err)
		}
		if r := v.Query(request); r.Failure != nil {
			b.Fatal(r.Failure)
		}
		v.Release()
	}
}

func BenchmarkGet(b *testing.B) {
	m, _, _ := loaded(b, 100_000)
	request := encode(b, "get", "key-00000077")
	v, err := m.View()
	if err != nil {
		b.Fatal(err)
	}
	for name, query := range map[string]func([]byte) core.Result{"live": m.Query, "view": v.Query} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				query(request)
			}
		})
	}
}

// BenchmarkQueriesBesideApply has another goroutine ask views, each of them 64 times, while
// commands go on; the writer makes the views, as a node does.
func BenchmarkQueriesBesideApply(b *testing.B) {
	m, entries, _ := loaded(b, 100_000)
	request := encode(b, "get", "key-00000077")
	views, answered := make(chan core.View, 1), 0
	ended := make(chan bool)
	go func() { // ends when views is closed
		for v := range views {
			for range 64 {
				v.Query(request)
				answered++
			}
			v.Release()
		}
		close(ended)
	}()
	b.ResetTimer()
	rounds := 0
	beside(b, m, entries, func() bool {
		if len(views) == 0 {
			v, err := m.View()
			if err != nil {
				b.Fatal(err)
			}
			views <- v
		}
		rounds++
		return rounds*64 >= b.N
	})
	close(views)
	<-ended
	b.ReportMetric(float64(answered)/b.Elapsed().Seconds()/1e6, "Mqueries/s")
}

// BenchmarkDigests is what a checkpoint asks of the machine.
func BenchmarkDigests(b *testing.B) {
	m, _, _ := loaded(b, 1000)
	var parts []core.NamedDigest
	b.ReportAllocs()
	for range b.N {
		if m.Digest() == 0 {
			b.Fatal("no digest")
		}
		parts = m.Digests(parts[:0])
	}
}
