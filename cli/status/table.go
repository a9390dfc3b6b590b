package status

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/tidelock-raft/tidelock/core"
)

// printTable prints a row for each group of each node. The group is a column if there is more than
// the default one.
func printTable(w io.Writer, nodes []node) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	commits := newestCommits(nodes)
	_, several := commits[core.DefaultGroup]
	several = len(commits) > 1 || len(commits) == 1 && !several
	group := ""
	if several {
		group = "GROUP\t"
	}
	fmt.Fprintf(table, "NODE\t%sROLE\tTERM\tLEADER\tCOMMIT\tAPPLIED\tLAG\tLAST\tENDPOINT\n", group)
	for _, n := range nodes {
		if n.Status == nil {
			if several {
				group = "-\t"
			}
			fmt.Fprintf(table, "%s\t%sunreachable\t-\t-\t-\t-\t-\t-\t%s (%s)\n",
				number(n.id), group, n.Endpoint, n.Error)
			continue
		}
		for _, g := range n.Status.Groups {
			if several {
				group = fmt.Sprintf("%d\t", g.Group)
			}
			fmt.Fprintf(table, "%d\t%s%s\t%d\t%s\t%d\t%d\t%d\t%d\t%s\n",
				n.id, group, g.Role, g.Term, number(g.Leader), g.CommitIndex, g.AppliedIndex,
				commits[g.Group]-g.AppliedIndex, g.LastIndex, n.Endpoint)
		}
	}
	return table.Flush()
}

// newestCommits finds how far each group is known to be committed.
func newestCommits(nodes []node) map[core.GroupID]core.Index {
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
