// Package recover is the command that has a cluster go on whose quorum is lost for good: offline,
// on the data directories of the nodes that are left.
package recover

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/cli/internal/server"
	"github.com/tidelock-raft/tidelock/cli/internal/survey"
	"github.com/tidelock-raft/tidelock/core"
)

// Options are what recover is asked for.
type Options struct {
	remote.Options
	server.RecoverRequest
}

// New makes the command.
func New(env remote.Env) *cli.Command {
	return &cli.Command{
		Name: "recover", Usage: "go on after a majority was lost for good", ArgsUsage: "DIR…",
		Description: "Only for a cluster of which a majority is lost for good, disks and all: what " +
			"only\n" +
			"those nodes had acknowledged is lost. It works on the data directories of survivors that " +
			"are\n" +
			"on this machine; the nodes have to be stopped. The survivor that holds the newest entry " +
			"goes\n" +
			"on as the only voter; the others' logs are set aside, and they join it anew. The lost " +
			"nodes\n" +
			"are removed for ever: never start one of them again.\n\n" +
			"Look at the plan first. It shows what each survivor holds, and the code to --confirm " +
			"with,\n" +
			"which changes when their logs do. Of survivors on other machines, say by --held what the\n" +
			"plan prints there. It is refused while any endpoint knows a leader.\n\n" +
			"  tidelock recover data/node1 --survivors 1 --plan\n" +
			"  tidelock recover data/node1 --survivors 1 --confirm 1f00ba42\n" +
			"  tidelock recover data/node1 --survivors 1,3 --held 3=7.1204 --plan",
		Flags: append(remote.Flags(),
			&cli.StringFlag{Name: "survivors", Usage: "all nodes that are left, a `LIST` of ids"},
			&cli.StringFlag{Name: "held", Usage: "the newest entries of survivors that are on other " +
				"machines, a `LIST` of id=term.index"},
			&cli.BoolFlag{Name: "plan", Usage: "only say what would happen"},
			&cli.StringFlag{Name: "confirm", Usage: "do what the plan with this `CODE` says"}),
		Action: func(c *cli.Context) error {
			common, err := remote.Parse(env, c, 1, core.MaxMembers)
			if err != nil {
				return err
			}
			if program.Said(c, "target") {
				return exit.Usagef("recover: --target would leave out nodes that may know a leader")
			}
			common.Target = "" // nor may the environment
			o := Options{common, server.RecoverRequest{
				Dirs: c.Args().Slice(), Confirm: c.String("confirm"),
			}}
			if o.Survivors, o.Held, err = parse(c.String("survivors"), c.String("held")); err != nil {
				return err
			}
			if c.Bool("plan") == (o.Confirm != "") {
				return exit.Usagef("recover: want --plan first, and then --confirm with the code that it " +
					"prints")
			}
			return run(c.Context, o)
		},
	}
}

// parse reads the lists.
func parse(survivors, held string) (
	ids []core.NodeID, at map[core.NodeID]core.Position, err error,
) {
	if survivors == "" {
		return nil, nil, exit.Usagef("recover: --survivors is missing: say which nodes are left")
	}
	for word := range strings.SplitSeq(survivors, ",") {
		id, err := remote.ParseNode("recover", strings.TrimSpace(word))
		if err != nil {
			return nil, nil, err
		}
		if slices.Contains(ids, id) {
			return nil, nil, exit.Usagef("recover: node %d is there twice", id)
		}
		ids = append(ids, id)
	}
	at = make(map[core.NodeID]core.Position)
	for word := range strings.SplitSeq(held, ",") {
		if held == "" {
			break
		}
		node, position, _ := strings.Cut(strings.TrimSpace(word), "=")
		id, err := remote.ParseNode("recover", node)
		if err != nil {
			return nil, nil, err
		}
		term, index, _ := strings.Cut(position, ".")
		t, termErr := strconv.ParseUint(term, 10, 64)
		i, indexErr := strconv.ParseUint(index, 10, 64)
		if termErr != nil || indexErr != nil {
			return nil, nil, exit.Usagef("recover: --held: %q is not id=term.index", word)
		}
		at[id] = core.Position{Term: core.Term(t), Index: core.Index(i)}
	}
	return ids, at, nil
}

func run(ctx context.Context, o Options) error {
	if err := alone(ctx, o); err != nil {
		return o.Report(err, 0)
	}
	r, err := server.Recover(o.RecoverRequest)
	if err != nil {
		return o.Report(err, 0)
	}
	if o.JSON {
		return remote.PrintJSON(o.Out, outcome{r, r.LossText()})
	}
	return show(o.Out, &r)
}

// alone makes sure that no endpoint knows a leader of this cluster, and that none of the lost nodes
// answers.
func alone(ctx context.Context, o Options) error {
	cluster, err := server.ClusterOf(o.Dirs[0])
	if err != nil {
		return err
	}
	nodes, err := survey.Ask(ctx, o.Options)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		if n.Status == nil || n.Status.Cluster != cluster {
			continue
		}
		for _, g := range n.Status.Groups {
			if g.Leader != 0 {
				return &core.Failure{Code: "leader_known", Message: fmt.Sprintf("%s: node %d knows a "+
					"leader, node %d: nothing has to be recovered", n.Endpoint, n.ID, g.Leader)}
			}
		}
		if !slices.Contains(o.Survivors, n.ID) {
			return &core.Failure{Code: "not_lost", Message: fmt.Sprintf("%s: node %d answers, and is "+
				"not "+
				"one of --survivors", n.Endpoint, n.ID)}
		}
	}
	return nil
}

// outcome is the whole for programs.
type outcome struct {
	server.Recovery
	Loss string `json:"loss"`
}

func show(w io.Writer, r *server.Recovery) error {
	var b strings.Builder
	if !r.Done {
		b.WriteString("nothing is changed; this would be:\n")
	}
	fmt.Fprintf(&b, "before  %s\nafter   %s\n", r.Before, r.After)
	for _, s := range r.Survivors {
		what := "its log is set aside; it joins anew"
		if s.Node == r.Start {
			what = "its log goes on"
		}
		fmt.Fprintf(&b, "node %d  newest entry %v: %s\n", s.Node, s.Last, what)
		if !r.Done && s.Dir != "" {
			fmt.Fprintf(&b, "        elsewhere say --held %d=%d.%d\n", s.Node, s.Last.Term, s.Last.Index)
		}
	}
	fmt.Fprintf(&b, "lost    nodes %s, for ever: never start them again\nloss    %s\n", list(r.Lost),
		r.LossText())
	if r.Done {
		b.WriteString("OK recovered; then:\n")
	} else {
		fmt.Fprintf(&b, "to do it, the same with --confirm %s instead of --plan; then:\n", r.Confirm)
	}
	for _, command := range r.Commands {
		fmt.Fprintf(&b, "  %s\n", command)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func list(ids []core.NodeID) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(ids), " ", ","), "[]")
}
