package bench

import (
	"context"

	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/core"
)

// Stage is what one node did during a run, warm-up included. Times are those of the node, which
// count waiting for a processor.
type Stage struct {
	Node            core.NodeID `json:"node"`
	Leads           bool        `json:"leads"`
	Writes          uint64      `json:"writes"`            // to the log, each synced
	EntriesPerWrite float64     `json:"entries_per_write"` // mean
	WriteMS         float64     `json:"write_ms"`          // mean of a write
	Applies         uint64      `json:"applies"`           // batches of entries
	EntriesPerApply float64     `json:"entries_per_apply"`
	ApplyMS         float64     `json:"apply_ms"` // mean of a batch
}

// survey asks all nodes. Those that do not answer, or do not count their work, are left out.
func survey(ctx context.Context, o Options, c remote.Client) []core.NodeStatus {
	var all []core.NodeStatus
	for _, e := range o.Endpoints {
		if s, err := c.Status(ctx, e.Address); err == nil && s.Work != nil && len(s.Groups) > 0 {
			all = append(all, s)
		}
	}
	return all
}

// stages tells what nodes did between two surveys. One that was started anew counts from 0 again,
// and is left out.
func stages(before, after []core.NodeStatus) []Stage {
	var all []Stage
	for _, b := range before {
		for _, a := range after {
			if a.Node == b.Node && a.Work.Writes >= b.Work.Writes {
				all = append(all, stage(a, b.Work))
			}
		}
	}
	return all
}

func stage(a core.NodeStatus, b *core.WorkStatus) Stage {
	s := Stage{
		Node: a.Node, Leads: a.Groups[0].Leader == a.Node,
		Writes: a.Work.Writes - b.Writes, Applies: a.Work.Applies - b.Applies,
	}
	if n := float64(s.Writes); n > 0 {
		s.EntriesPerWrite = float64(a.Work.WrittenEntries-b.WrittenEntries) / n
		s.WriteMS = float64(a.Work.WriteNS-b.WriteNS) / n / 1e6
	}
	if n := float64(s.Applies); n > 0 {
		s.EntriesPerApply = float64(a.Work.AppliedEntries-b.AppliedEntries) / n
		s.ApplyMS = float64(a.Work.ApplyNS-b.ApplyNS) / n / 1e6
	}
	return s
}
