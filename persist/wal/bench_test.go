package wal

import (
	"fmt"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// onDisk opens a log with one group on the machine's disk.
func onDisk(t testing.TB) (*Log, string) {
	t.Helper()
	dir := t.TempDir()
	l, err := Open(vfs.OS(), dir, Config{})
	must(t, err)
	write(t, l, install(1))
	return l, dir
}

func TestWriteAllocatesNothingPerEntry(t *testing.T) {
	l, _ := onDisk(t)
	const batch = 64
	list := entries(1, 1, 1+batch, 128)
	updates := []core.Update{{Group: 1}}
	per := testing.AllocsPerRun(200, func() {
		updates[0].Entries = list
		write(t, l, updates...)
		for i := range list {
			list[i].Index += batch
		}
	})
	// A chunk of the table for every 512 entries, and room for its place in the list of chunks.
	if per > 1 {
		t.Errorf("a batch of %d entries allocates %v times", batch, per)
	}
	must(t, l.Close())
}

func BenchmarkWrite(b *testing.B) {
	for _, n := range []int{1, 64} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			l, _ := onDisk(b)
			list := entries(1, 1, core.Index(1+n), 128)
			updates := []core.Update{{Group: 1}}
			b.ReportAllocs()
			for b.Loop() {
				updates[0].Entries = list
				write(b, l, updates...)
				for i := range list {
					list[i].Index += core.Index(n)
				}
			}
			b.StopTimer()
			must(b, l.Close())
		})
	}
}

// filled writes a million entries of 128 bytes.
func filled(b *testing.B) (*Log, string) {
	b.Helper()
	const total, batch = 1_000_000, 5000
	l, dir := onDisk(b)
	list := entries(1, 1, 1+batch, 128)
	for range total / batch {
		write(b, l, core.Update{Group: 1, Entries: list})
		for i := range list {
			list[i].Index += batch
		}
	}
	return l, dir
}

func BenchmarkEntries(b *testing.B) {
	l, _ := filled(b)
	for _, n := range []core.Index{1, 64, 1024} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var dst []core.Entry
			lo := core.Index(1)
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if dst, err = l.Entries(dst[:0], 1, lo, lo+n, 1<<30); err != nil {
					b.Fatal(err)
				}
				lo = (lo+7919)%(1_000_000-n) + 1
			}
			b.SetBytes(int64(n) * 128)
		})
	}
	must(b, l.Close())
}

func BenchmarkOpenMillion(b *testing.B) {
	l, dir := filled(b)
	must(b, l.Close())
	b.ReportAllocs()
	for b.Loop() {
		l, err := Open(vfs.OS(), dir, Config{})
		must(b, err)
		must(b, l.Close())
	}
}
