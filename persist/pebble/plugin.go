package pebble

import (
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/keyed"
	"github.com/tidelock-raft/tidelock/plugins"
)

type options struct {
	MaxRecord plugins.Bytes `help:"largest data of one entry" default:"64MiB"`
	Cache     plugins.Bytes `help:"memory for what is read of tables" default:"8MiB"`
	Memtable  plugins.Bytes `help:"what is kept in memory before it goes to a table" default:"16MiB"`
}

// Limits of the options.
const (
	minCacheBytes, maxCacheBytes       = 1 << 20, 64 << 30
	minMemtableBytes, maxMemtableBytes = 1 << 20, 1 << 30
)

// Validate implements the check that package plugins asks for.
func (o *options) Validate() error {
	for _, c := range []struct {
		name        string
		got, lo, hi plugins.Bytes
	}{
		{"max-record", o.MaxRecord, 1, keyed.MaxRecordBytes},
		{"cache", o.Cache, minCacheBytes, maxCacheBytes},
		{"memtable", o.Memtable, minMemtableBytes, maxMemtableBytes},
	} {
		if c.got < c.lo || c.got > c.hi {
			return fmt.Errorf("%s is %v, want %v to %v", c.name, c.got, c.lo, c.hi)
		}
	}
	return nil
}

func init() {
	plugins.RegisterStore("pebble", func(e plugins.Env, o options) (core.Store, error) {
		return Open(e.FS, e.Dir, Config{
			MaxRecordBytes: int(o.MaxRecord), CacheBytes: int64(o.Cache),
			MemtableBytes: int(o.Memtable),
		})
	})
}
