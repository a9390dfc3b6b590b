package memory_test

import (
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/memory"
	"github.com/tidelock-raft/tidelock/persist/persisttest"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

func TestSnapshotConformance(t *testing.T) {
	persisttest.RunSnapshots(t, persisttest.Keeper{
		Open:     func(vfs.FS, string) (core.Snapshots, error) { return memory.New(), nil },
		Volatile: true,
	})
}
