package wal

import (
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/plugins"
)

// options are what can be set by name; the rest of Config has no use outside of tests.
type options struct {
	Segment   plugins.Bytes `help:"length of a segment file" default:"64MiB"`
	MaxRecord plugins.Bytes `help:"largest data of one entry" default:"64MiB"`
}

// Validate implements the check that package plugins asks for.
func (o *options) Validate() error {
	if o.Segment < minSegmentBytes || o.Segment > maxSegmentBytes {
		return fmt.Errorf("segment is %v, want %v to %v", o.Segment,
			plugins.Bytes(minSegmentBytes), plugins.Bytes(maxSegmentBytes))
	}
	if o.MaxRecord < 1 || o.MaxRecord > maxFrameBytes/2 {
		return fmt.Errorf("max-record is %v, want 1 to %v", o.MaxRecord,
			plugins.Bytes(maxFrameBytes/2))
	}
	return nil
}

func init() {
	plugins.RegisterStore("wal", func(e plugins.Env, o options) (core.Store, error) {
		return Open(e.FS, e.Dir, Config{
			SegmentBytes: int64(o.Segment), MaxRecordBytes: int(o.MaxRecord), Logger: e.Log,
		})
	})
}
