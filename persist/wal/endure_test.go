package wal

import (
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/persisttest"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

func TestEndure(t *testing.T) {
	lives := 0
	for seed := range uint64(40) {
		s := persisttest.Subject{Open: func(fs vfs.FS, dir string) (core.Store, error) {
			c := small()
			c.Salt = uint64(lives + 1) // as random as it would be
			c.SegmentBytes = minSegmentBytes << (seed % 3)
			lives++
			return Open(fs, dir, c)
		}}
		if err := persisttest.Endure(s, seed, 25); err != nil {
			t.Error(err)
		}
	}
}
