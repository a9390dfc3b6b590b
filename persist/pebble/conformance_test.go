package pebble

import (
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/persisttest"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// small is a store that moves what is written to tables all the time.
func small() Config { return Config{MemtableBytes: 16 << 10, CacheBytes: 1 << 20} }

func TestConformance(t *testing.T) {
	open := func(fs vfs.FS, dir string) (core.Store, error) { return Open(fs, dir, small()) }
	persisttest.Run(t, persisttest.Subject{Open: open, Background: true})
}

func TestConformanceOnDisk(t *testing.T) {
	persisttest.Run(t, persisttest.Subject{Open: func(_ vfs.FS, dir string) (core.Store, error) {
		return Open(vfs.OS(), dir, small())
	}})
}
