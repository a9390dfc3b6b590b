package wal

import (
	"log/slog"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// Segments for small frames are written with zeros before they are used; for large ones room is
// reserved and no more, and what is acknowledged is as durable.
func TestLargeFramesGetSegmentsWithoutZeros(t *testing.T) {
	c := Config{
		SegmentBytes: 4 << 20, Inline: true, Salt: 1, Logger: slog.New(slog.DiscardHandler),
	}
	for _, test := range []struct{ size, lo, hi int64 }{ // of a frame; disk's bytes per 100 of them
		{1 << 10, 200, 350}, {largeFrame / 2, 200, 350}, {2 * largeFrame, 100, 150}, {1 << 20, 100, 150},
	} {
		m, written := vfs.NewMemory(1), int64(0)
		l := open(t, vfs.NewFaulty(m, func(op vfs.Op) error {
			if op.Kind == vfs.OpWrite {
				written += op.Length
			}
			return nil
		}), c)
		write(t, l, install(1))
		last, total := core.Index(0), int64(24<<20)
		for done := int64(0); done < total; done += test.size {
			last++
			write(t, l, core.Update{Group: 1, Entries: entries(1, last, last+1, int(test.size))})
		}
		if got := written * 100 / total; got < test.lo || got > test.hi {
			t.Errorf("frames of %d: %d bytes were written for 100, want %d to %d",
				test.size, got, test.lo, test.hi)
		}
		kept := open(t, m.CrashWith(vfs.Cut{}), c)
		if got, err := kept.Entries(nil, 1, last, last+1, 1); err != nil || len(got) != 1 {
			t.Errorf("frames of %d: the last entry is gone after a power cut: %v", test.size, err)
		}
	}
}
