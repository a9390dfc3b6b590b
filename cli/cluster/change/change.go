// Package change is the commands that change who is in a cluster: add, promote, demote, remove and
// address. They ask for the same thing, a change of membership, with other words.
package change

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/core"
)

// Options are what a change is asked for.
type Options struct {
	remote.Options
	Change core.Change
}

// verb is one of the commands.
type verb struct {
	op         core.ChangeOp
	usage      string
	addressed  bool // takes a node and an address; else some nodes
	text       string
	additional []cli.Flag
}

var verbs = []verb{
	{core.ChangeAdd, "let a new node join", true,
		"Lets a node join. It is fed the log and becomes a voter once it has caught up, unless\n" +
			"it is to stay a learner. Ids of removed nodes are never used again. The command prints\n" +
			"how to start the node; it may also run already.\n\n" +
			"  raft-client cluster add 4 10.0.0.4:9004\n" +
			"  raft-client cluster add 4 10.0.0.4:9004 --learner",
		[]cli.Flag{&cli.BoolFlag{Name: "learner", Usage: "the node never votes"}}},
	{core.ChangePromote, "make learners voters", false,
		"Makes learners voters once they have caught up; with --force, at once.\n\n" +
			"  raft-client cluster promote 4", nil},
	{core.ChangeDemote, "make voters learners", false,
		"Makes voters learners, which hold everything and count for nothing.\n\n" +
			"  raft-client cluster demote 3", nil},
	{core.ChangeRemove, "remove nodes, for ever", false,
		"Removes nodes. They are told so and may be stopped; a leader hands over. To replace a\n" +
			"node, add the new one first.\n\n" +
			"  raft-client cluster remove 3 --plan\n" +
			"  raft-client cluster remove 4 5", nil},
	{core.ChangeAddress, "say that a node has moved", true,
		"Says where a member is found from now on, and by which transport if nodes run several.\n\n" +
			"  raft-client cluster address 3 10.0.0.9:9003\n" +
			"  raft-client cluster address 3 grpc://10.0.0.9:9103", nil},
}

// New makes the commands.
func New(env remote.Env) []*cli.Command {
	commands := make([]*cli.Command, len(verbs))
	for i := range verbs {
		commands[i] = verbs[i].command(env)
	}
	return commands
}

func (v *verb) command(env remote.Env) *cli.Command {
	arguments, least, most := "NODE…", 1, core.MaxMembers
	if v.addressed {
		arguments, least, most = "NODE ADDRESS", 2, 2
	}
	return &cli.Command{
		Name: string(v.op), Usage: v.usage, Description: v.text, ArgsUsage: arguments,
		Flags: append(append(remote.Flags(), v.additional...),
			&cli.BoolFlag{Name: "plan", Usage: "only say what would happen"},
			&cli.BoolFlag{Name: "force", Usage: "even if fewer failures are survived afterwards"}),
		Action: func(c *cli.Context) error {
			common, err := remote.Parse(env, c, least, most)
			if err != nil {
				return err
			}
			o := Options{common, core.Change{Force: c.Bool("force"), Plan: c.Bool("plan")}}
			if o.Change.Steps, err = v.steps(c); err != nil {
				return err
			}
			return run(c.Context, o)
		},
	}
}

// steps reads the arguments.
func (v *verb) steps(c *cli.Context) ([]core.ChangeStep, error) {
	words, address := c.Args().Slice(), ""
	if v.addressed {
		words, address = words[:1], words[1]
		_, place := core.Addr(address).Split()
		if !remote.IsAddress(string(place)) || len(address) > core.MaxAddrBytes {
			return nil, exit.Usagef("%s: %q is not host:port", v.op, address)
		}
	}
	var steps []core.ChangeStep
	for _, word := range words {
		id, err := remote.ParseNode(string(v.op), word)
		if err != nil {
			return nil, err
		}
		steps = append(steps, core.ChangeStep{
			Op: v.op, Node: id, Addr: core.Addr(address), Learner: c.Bool("learner"),
		})
	}
	return steps, nil
}

func run(ctx context.Context, o Options) error {
	s, err := o.Open()
	if err != nil {
		return o.Report(err, 0)
	}
	defer s.Close()
	if err := carried(ctx, o); err != nil {
		return o.Report(err, 0)
	}
	report, reply, err := s.Change(ctx, o.Change)
	if err != nil {
		return o.Report(err, 0)
	}
	out := outcome{Index: reply.Index, ChangeReport: report, Plan: o.Change.Plan}
	if reply.Leader != 0 {
		out.Leader = exit.Node(reply.Leader)
	}
	if step := o.Change.Steps[0]; step.Op == core.ChangeAdd {
		status, err := s.Status(ctx)
		if err != nil {
			return o.Report(err, 0)
		}
		out.Start = start(step, report.Members, &status)
	}
	if o.JSON {
		return remote.PrintJSON(o.Out, out)
	}
	return out.print(o.Out, reply.Leader)
}
