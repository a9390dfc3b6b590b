// Package status is the command that shows every node of a cluster side by side.
package status

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/cli/internal/survey"
)

// New makes the command.
func New(env remote.Env) *cli.Command {
	return remote.Bare(env, "status", "show every node: role, term, how far it is",
		"Asks each endpoint and prints a row for each. LAG is how many committed entries\n"+
			"the node has yet to apply, by the newest commit index seen. QUARANTINED, there if a node\n"+
			"is, says at which index its state differed from the others', and in which collections.\n"+
			"The exit code is 2 when no node answers.\n\n"+
			"  raft-client status\n"+
			"  raft-client status --output json --target 2",
		run)
}

func run(ctx context.Context, o remote.Options) error {
	nodes, err := survey.Ask(ctx, o)
	if err != nil {
		return o.Report(err, 0)
	}
	if o.JSON {
		err = remote.PrintJSON(o.Out, nodes)
	} else {
		err = printTable(o.Out, nodes)
	}
	if err != nil {
		return err
	}
	return exit.Reported(survey.Reachable(nodes))
}
