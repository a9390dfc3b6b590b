package memory_test

import (
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/memory"
	"github.com/tidelock-raft/tidelock/persist/persisttest"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

func TestConformance(t *testing.T) {
	persisttest.Run(t, persisttest.Subject{
		Open:     func(vfs.FS, string) (core.Store, error) { return memory.New(), nil },
		Volatile: true,
	})
}
