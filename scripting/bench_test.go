package scripting

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

func newMachine(tb testing.TB, src Source) *Machine {
	tb.Helper()
	m, err := New(src, Config{})
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func encode(tb testing.TB, name string, args ...any) []byte {
	tb.Helper()
	data, err := EncodeCall(name, args...)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// putEntries makes one put per key, in random order.
func putEntries(tb testing.TB, keys int) []core.Entry {
	entries := make([]core.Entry, keys)
	val := strings.Repeat("v", 120)
	for i, k := range rand.New(rand.NewPCG(1, 2)).Perm(keys) {
		b := []byte(val + "12345678")
		binary.LittleEndian.PutUint64(b[120:], uint64(i))
		entries[i] = core.Entry{
			Position: core.Position{Term: 1, Index: core.Index(i + 1)}, Kind: core.EntryCommand,
			Data: encode(tb, "put", fmt.Sprintf("key-%08d", k), b),
		}
	}
	return entries
}

// BenchmarkPut overwrites 128-byte values in batches of 64, with a view now and then.
func BenchmarkPut(b *testing.B) {
	for _, keys := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			m := newMachine(b, Default())
			entries := putEntries(b, keys)
			results, err := m.Apply(nil, entries)
			if err != nil || results[0].Failure != nil {
				b.Fatal(err, results[0].Failure)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for done := 0; done < b.N; {
				from := done % keys
				batch := entries[from:min(from+64, keys, from+b.N-done)]
				if results, err = m.Apply(results[:0], batch); err != nil {
					b.Fatal(err)
				}
				done += len(batch)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mops/s")
		})
	}
}

// BenchmarkGoMap is what BenchmarkPut compares with in the same run: the same keys and values,
// copied into a bare map.
func BenchmarkGoMap(b *testing.B) {
	entries := putEntries(b, 1_000_000)
	m := map[string]string{}
	put := func(data []byte) { m[string(data[6:18])] = string(data[20:]) }
	for i := range entries {
		put(entries[i].Data)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		put(entries[i%len(entries)].Data)
	}
}

// looping is what a put_all without set_all would do.
const looping = `for k, v in pairs(items) do kv:set(k, v) end`

// BenchmarkPutAll overwrites 128-byte values, 64 in a command: straight from the entry, through a
// table, and by a loop of the script.
func BenchmarkPutAll(b *testing.B) {
	text := strings.Replace(string(Default().Text), "kv:set_all(items)", looping, 1)
	b.Run("straight", func(b *testing.B) { benchmarkPutAll(b, newMachine(b, Default())) })
	b.Run("table", func(b *testing.B) {
		m := newMachine(b, Default())
		clear(m.writer.storesAll)
		benchmarkPutAll(b, m)
	})
	b.Run("loop", func(b *testing.B) {
		benchmarkPutAll(b, newMachine(b, Source{Name: "kv.lua", Text: []byte(text)}))
	})
}

func benchmarkPutAll(b *testing.B, m *Machine) {
	const keys, together, batch = 100_000, 64, 16
	val, random := strings.Repeat("v", 128), rand.New(rand.NewPCG(1, 2))
	entries := make([]core.Entry, keys/together)
	for i := range entries {
		items := map[string]any{}
		for len(items) < together {
			items[fmt.Sprintf("key-%08d", random.IntN(keys))] = val
		}
		entries[i] = commandEntry(core.Index(i+1), encode(b, "put_all", items))
	}
	results, err := m.Apply(nil, putEntries(b, keys))
	if err != nil || results[0].Failure != nil {
		b.Fatal(err, results[0].Failure)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; done += batch * together {
		from := done / together % (len(entries) - batch)
		results, err = m.Apply(results[:0], entries[from:from+batch])
		if err != nil || results[0].Failure != nil {
			b.Fatal(err, results[0].Failure)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mputs/s")
}
