package engine

import (
	"slices"

	"github.com/tidelock-raft/tidelock/core"
)

// tail knows how large the newest entries are, from checkpoint to checkpoint, to tell how many of
// them a log keeps. What was handed out before this run is reckoned by the number of entries alone.
type tail struct {
	marks   []mark // ascending; enough for Config.TailEntries and TailBytes
	counted int64  // what sinceBytes was at the newest mark
}

// mark is a checkpoint, and the bytes of the entries from the one before on.
type mark struct {
	at    core.Index
	bytes int64
}

// mark notes a checkpoint; since is what was handed out since the newest snapshot, in bytes, and
// oldest the first index for which before may yet be asked.
func (t *tail) mark(at core.Index, since int64, oldest core.Index, c *Config) {
	if n := len(t.marks); n > 0 && t.marks[n-1].at >= at {
		return
	}
	t.marks = append(t.marks, mark{at, since - t.counted})
	t.counted = since
	if oldest < at {
		return // a snapshot is being written: there will be more to let go of afterwards
	}
	keep := t.before(oldest, c)
	t.marks = slices.DeleteFunc(t.marks, func(m mark) bool { return m.at < keep })
}

// before is up to where the log may be cut when there is a snapshot at an index.
func (t *tail) before(at core.Index, c *Config) core.Index {
	cut := at - min(at, core.Index(c.TailEntries))
	bytes := int64(0)
	for i := len(t.marks) - 1; i > 0 && t.marks[i].at > cut; i-- {
		if t.marks[i].at > at {
			continue
		}
		if bytes += t.marks[i].bytes; bytes >= c.TailBytes {
			return max(cut, t.marks[i-1].at)
		}
	}
	return cut
}
