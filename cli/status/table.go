package status

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/tidelock-raft/tidelock/cli/internal/survey"
	"github.com/tidelock-raft/tidelock/core"
)

// printTable prints a row for each group of each node. The group is a column if there is more than
// the default one, and the quarantine if there is one.
func printTable(w io.Writer, nodes []survey.Node) error {
	commits := newestCommits(nodes)
	_, several := commits[core.DefaultGroup]
	several = len(commits) > 1 || len(commits) == 1 && !several
	rows := [][]string{{"NODE", "GROUP", "ROLE", "TERM", "LEADER", "COMMIT", "APPLIED", "LAG", "LAST",
		"QUARANTINED", "ENDPOINT"}}
	quarantined := false
	for _, n := range nodes {
		if n.Status == nil {
			rows = append(rows, []string{number(n.ID), "-", "unreachable", "-", "-", "-", "-", "-", "-",
				"-", fmt.Sprintf("%s (%s)", n.Endpoint, n.Error)})
			continue
		}
		for _, g := range n.Status.Groups {
			quarantined = quarantined || g.Quarantined != nil
			rows = append(rows, []string{number(n.ID), fmt.Sprint(g.Group), g.Role, fmt.Sprint(g.Term),
				number(g.Leader), fmt.Sprint(g.CommitIndex), fmt.Sprint(g.AppliedIndex),
				fmt.Sprint(commits[g.Group] - g.AppliedIndex), fmt.Sprint(g.LastIndex),
				quarantine(g.Quarantined), n.Endpoint})
		}
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		if !quarantined {
			row = slices.Delete(row, 9, 10)
		}
		if !several {
			row = slices.Delete(row, 1, 2)
		}
		fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	return table.Flush()
}

// maxNamed is how many collections a row names.
const maxNamed = 3

// quarantine says where the state of a replica differed from the others', and in what.
func quarantine(q *core.Quarantine) string {
	if q == nil {
		return "-"
	}
	text := fmt.Sprint("at ", q.Index)
	if n := len(q.Collections); n > 0 {
		text += ": " + strings.Join(q.Collections[:min(n, maxNamed)], ",")
		if n > maxNamed {
			text += fmt.Sprintf(" and %d more", n-maxNamed)
		}
	}
	if q.Restored {
		text += ", being proved"
	}
	return text
}

// newestCommits finds how far each group is known to be committed.
func newestCommits(nodes []survey.Node) map[core.GroupID]core.Index {
	commits := make(map[core.GroupID]core.Index)
	for _, n := range nodes {
		if n.Status == nil {
			continue
		}
		for _, g := range n.Status.Groups {
			commits[g.Group] = max(commits[g.Group], g.CommitIndex, g.AppliedIndex)
		}
	}
	return commits
}

func number(id core.NodeID) string {
	if id == 0 {
		return "-"
	}
	return fmt.Sprint(id)
}
