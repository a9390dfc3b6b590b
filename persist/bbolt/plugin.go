package bbolt

import (
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/keyed"
	"github.com/tidelock-raft/tidelock/plugins"
)

type options struct {
	MaxRecord plugins.Bytes `help:"largest data of one entry" default:"64MiB"`
	Map       plugins.Bytes `help:"how much of the file is mapped at first" default:"256MiB"`
}

const minMapBytes, maxMapBytes = 1 << 20, 1 << 40

// Validate implements the check that package plugins asks for.
func (o *options) Validate() error {
	if o.MaxRecord < 1 || o.MaxRecord > keyed.MaxRecordBytes {
		return fmt.Errorf("max-record is %v, want 1 to %v", o.MaxRecord,
			plugins.Bytes(keyed.MaxRecordBytes))
	}
	if o.Map < minMapBytes || o.Map > maxMapBytes {
		return fmt.Errorf("map is %v, want %v to %v", o.Map,
			plugins.Bytes(minMapBytes), plugins.Bytes(maxMapBytes))
	}
	return nil
}

func init() {
	plugins.RegisterStore("bbolt", func(e plugins.Env, o options) (core.Store, error) {
		return Open(e.Dir, Config{MaxRecordBytes: int(o.MaxRecord), MapBytes: int(o.Map)})
	})
}
