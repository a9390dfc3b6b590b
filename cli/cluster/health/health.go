// Package health is the command that proves that a cluster can commit.
package health

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// Options are what health is asked for.
type Options struct {
	remote.Options
	Now func() time.Time
}

// New makes the command.
func New(env remote.Env) *cli.Command {
	return &cli.Command{
		Name: "health", Usage: "prove that the cluster can commit",
		Description: "Has the leader commit an entry that changes nothing: a majority stores it, and " +
			"the\n" +
			"leader applies it. Says how long that took, finding the leader included. The exit code is " +
			"5\n" +
			"if it does not come about within the time-out; cluster why says why.\n\n" +
			"  raft-client cluster health\n" +
			"  raft-client cluster health --timeout 500ms --output json",
		Flags: remote.Flags(),
		Action: func(c *cli.Context) error {
			common, err := remote.Parse(env, c, 0, 0)
			if err != nil {
				return err
			}
			return run(c.Context, Options{common, time.Now})
		},
	}
}

// outcome is what came of it, for programs.
type outcome struct {
	Leader string     `json:"leader"`
	Index  core.Index `json:"index"` // of the entry that was committed
	TookUS int64      `json:"took_us"`
}

func run(ctx context.Context, o Options) error {
	c, err := o.OpenClient()
	if err != nil {
		return o.Report(err, 0)
	}
	defer c.Close()
	began := o.Now()
	reply, err := c.Do(ctx, client.Request{
		Kind: core.RequestProbe, Target: o.Target, Local: o.Target != "",
	})
	took := o.Now().Sub(began)
	if err != nil {
		err = fmt.Errorf("nothing was committed within %v: %w", took.Round(time.Millisecond), err)
		return o.Report(exit.Mark(err, exit.ErrUnhealthy), 0)
	}
	if o.JSON {
		leader := exit.Node(reply.Leader)
		return remote.PrintJSON(o.Out, outcome{leader, reply.Index, took.Microseconds()})
	}
	_, err = fmt.Fprintf(o.Out, "OK committed leader=%d index=%d in %v\n", reply.Leader, reply.Index,
		took.Round(10*time.Microsecond))
	return err
}
