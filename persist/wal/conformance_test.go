package wal

import (
	"log/slog"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/persisttest"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// small is a log that rotates all the time and does nothing beside its caller.
func small() Config {
	return Config{SegmentBytes: minSegmentBytes, Inline: true, Salt: 1,
		Logger: slog.New(slog.DiscardHandler)}
}

func TestConformance(t *testing.T) {
	persisttest.Run(t, persisttest.Subject{Open: func(fs vfs.FS, dir string) (core.Store, error) {
		return Open(fs, dir, small())
	}})
}

func TestConformanceOnDiskInBackground(t *testing.T) {
	persisttest.Run(t, persisttest.Subject{Open: func(_ vfs.FS, dir string) (core.Store, error) {
		c := small()
		c.Inline = false
		return Open(vfs.OS(), dir, c)
	}})
}
