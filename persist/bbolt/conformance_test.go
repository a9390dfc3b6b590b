package bbolt

import (
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/persisttest"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// small maps so little that the file outgrows it all the time.
func small() Config { return Config{MapBytes: 1} }

func TestConformance(t *testing.T) {
	persisttest.Run(t, persisttest.Subject{Open: func(_ vfs.FS, dir string) (core.Store, error) {
		return Open(dir, small())
	}})
}
