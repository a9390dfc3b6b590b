package resync

import (
	"fmt"
	"io"

	"github.com/tidelock-raft/tidelock/cli/internal/survey"
	"github.com/tidelock-raft/tidelock/core"
)

// plan is what a resync would do, for programs.
type plan struct {
	Plan     bool        `json:"plan"`
	Node     core.NodeID `json:"node"`
	From     core.NodeID `json:"from"`     // the leader
	Discards core.Index  `json:"discards"` // the state that it has applied up to there
	Snapshot core.Index  `json:"snapshot"` // the leader's newest
	Replay   core.Index  `json:"replay"`   // entries to be applied after that one
	Queries  int         `json:"queries"`  // nodes that answer queries meanwhile
	Refused  string      `json:"refused,omitempty"`
}

// foresee says what a resync would do.
func foresee(p *survey.Picture, id core.NodeID) plan {
	out := plan{Plan: true, Node: id}
	if p.Leader == nil {
		out.Refused = "nobody leads, so that there is no state to fetch"
		return out
	}
	out.From, out.Snapshot = p.Leader.ID, p.Leader.Group.SnapshotIndex
	for _, r := range p.Replicas {
		switch {
		case r.ID == id && r.Group == nil:
			out.Refused = fmt.Sprintf("node %d does not answer", id)
		case r.ID == id && r == p.Leader:
			out.Refused = fmt.Sprintf("node %d leads: it has nobody to take another state from", id)
		case r.ID == id:
			out.Discards = r.Group.AppliedIndex
		case r.Group != nil && r.Member != nil && r.Group.Quarantined == nil:
			out.Queries++
		}
	}
	if out.Discards >= out.Snapshot { // the leader takes a new one
		out.Snapshot = max(p.Commit, out.Discards)
	}
	out.Replay = p.Commit - min(out.Snapshot, p.Commit)
	return out
}

func (p plan) print(w io.Writer) error {
	text := "nothing is changed; this would be:\n"
	if p.Refused != "" {
		text += "refused: " + p.Refused + "\n"
	} else {
		text += fmt.Sprintf("discard  the state of node %d, of index %d; its log and its vote stay\n"+
			"fetch    a snapshot of node %d, of index %d or newer\n"+
			"apply    %d entries after it, and what comes until then\n"+
			"serve    %d other nodes answer queries meanwhile\n",
			p.Node, p.Discards, p.From, p.Snapshot, p.Replay, p.Queries)
	}
	_, err := io.WriteString(w, text)
	return err
}
