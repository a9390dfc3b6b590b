// Package members is the command that lists who is in a cluster, and says what it can bear.
package members

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/core"
)

// New makes the command.
func New(env remote.Env) *cli.Command {
	return remote.Bare(env, "members", "list the members of a cluster",
		"Lists the members as the leader knows them. A voter counts; a joining node\n"+
			"becomes a voter once it has caught up; a learner stays one. While a change of voters is\n"+
			"under way, a majority of those to be and one of those that were have to agree: an outgoing\n"+
			"one counts among those that were, one in both halves among both.\n\n"+
			"  raft-client cluster members\n"+
			"  raft-client cluster members --output json",
		run)
}

// list is what is known, for programs.
type list struct {
	Node    core.NodeID         `json:"node"` // who says so
	Leader  core.NodeID         `json:"leader"`
	Term    core.Term           `json:"term"`
	Members []core.MemberStatus `json:"members"`
}

func run(ctx context.Context, o remote.Options) error {
	s, err := o.Open()
	if err != nil {
		return o.Report(err, 0)
	}
	defer s.Close()
	status, err := s.Status(ctx)
	if err != nil {
		return o.Report(err, 0)
	}
	for _, g := range status.Groups {
		if g.Group != core.DefaultGroup {
			continue
		}
		if o.JSON {
			return remote.PrintJSON(o.Out, list{status.Node, g.Leader, g.Term, g.Members})
		}
		return show(o.Out, status.Node, g)
	}
	return o.Report(core.ErrNoGroup, 0)
}

func show(w io.Writer, node core.NodeID, g core.GroupStatus) error {
	leads := g.Leader == node
	if leads {
		_, _ = fmt.Fprintf(w, "node %d leads in term %d\n", node, g.Term) // the table tells
	} else {
		_, _ = fmt.Fprintf(w, "as node %d knows, which does not lead\n", node)
	}
	return Table(w, g.Members, node, leads)
}

// Table prints members. What they hold, and whether they answer, is known to a leader only.
func Table(w io.Writer, members []core.MemberStatus, leader core.NodeID, known bool) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NODE\tROLE\tSTATE\tMATCH\tANSWERS\tADDRESS")
	for _, m := range members {
		state, match, answers := "-", "-", "-"
		switch {
		case m.ID == leader && known:
			state, answers = "leader", "yes"
		case known && m.Alive:
			answers = "yes"
		case known:
			answers = "no"
		}
		if m.State != "" {
			state, match = m.State, fmt.Sprint(m.Match)
		}
		role := m.Role
		if m.Outgoing && role == "voter" {
			role += " in both halves"
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\n", m.ID, role, state, match, answers, m.Addr)
	}
	return table.Flush()
}
