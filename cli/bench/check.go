package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/core"
)

// Limits are what a cluster has to keep to.
type Limits struct {
	P99  time.Duration // of writes
	Sync time.Duration // mean of a node's writes to its log
	Skew time.Duration // between the clocks of any two nodes
}

// enough is which share of the rate that is asked for has to be carried.
const enough = 0.98

func newCheck(env remote.Env) *cli.Command {
	return &cli.Command{
		Name: "check", Usage: "judge whether a cluster and its machines carry a load",
		Description: "Asks at a fixed rate, and says PASS or FAIL of each of: nodes that answer, " +
			"throughput, latency, the disks under the logs, clocks. The exit code is 5 if one fails.\n\n" +
			"  tidelock bench check --rate 2000 --duration 30s\n" +
			"  tidelock bench check --max-p99 20ms --max-sync 5ms",
		Flags: append(loadFlags(),
			&cli.IntSliceFlag{Name: "clients", Value: cli.NewIntSlice(256),
				Usage: "`NUMBER` of requests that may be open"},
			&cli.IntFlag{Name: "in-flight", Value: 1, Hidden: true},
			&cli.IntFlag{Name: "rate", Value: 1000, Usage: "`NUMBER` of writes a second"},
			&cli.DurationFlag{Name: "max-p99", Value: 50 * time.Millisecond,
				Usage: "`TIME` that 99 of 100 writes take at most"},
			&cli.DurationFlag{Name: "max-sync", Value: 20 * time.Millisecond,
				Usage: "`TIME` that a node's write to its log takes at most, on average"},
			&cli.DurationFlag{Name: "max-skew", Value: 250 * time.Millisecond,
				Usage: "`TIME` that the clocks of two nodes are apart at most"},
		),
		Action: func(c *cli.Context) error {
			o, err := parse(env, c)
			if err == nil {
				err = o.check()
			}
			if err == nil && (len(o.Clients) != 1 || o.Rate == 0) {
				err = exit.Usagef("--clients and --rate: one number each, from 1 on")
			}
			if err != nil {
				return err
			}
			return judge(c.Context, o, Limits{
				P99: c.Duration("max-p99"), Sync: c.Duration("max-sync"), Skew: c.Duration("max-skew"),
			})
		},
	}
}

// Verdict is what is said of one thing that was looked at.
type Verdict struct {
	Name string `json:"name"`
	Pass bool   `json:"pass"`
	Text string `json:"text"`
}

// judge puts the cluster under load and prints verdicts.
func judge(ctx context.Context, o Options, limits Limits) error {
	connections, err := o.connect()
	if err != nil {
		return o.Report(err, 0)
	}
	defer closeAll(connections)
	answered, skew := clocks(ctx, o, connections[0])
	before := survey(ctx, o, connections[0])
	r := newLoad(o, connections, o.Clients[0]).run(ctx)
	if err := ctx.Err(); err != nil {
		return o.Report(err, 0)
	}
	r.Nodes = stages(before, survey(ctx, o, connections[0]))
	verdicts := verdictsOn(r, limits, answered, len(o.Endpoints), skew)
	failed := 0
	for _, v := range verdicts {
		word := "PASS"
		if !v.Pass {
			word = "FAIL"
			failed++
		}
		if !o.JSON {
			if _, err := fmt.Fprintf(o.Out, "%s  %-10s  %s\n", word, v.Name, v.Text); err != nil {
				return err
			}
		}
	}
	if o.JSON {
		err = remote.PrintJSON(o.Out, struct {
			Pass     bool      `json:"pass"`
			Verdicts []Verdict `json:"verdicts"`
			Run      Result    `json:"run"`
		}{failed == 0, verdicts, r})
	}
	if failed > 0 {
		err = errors.Join(err, exit.Mark(fmt.Errorf("%d of %d checks failed", failed, len(verdicts)),
			exit.ErrUnhealthy))
	}
	return err
}

func verdictsOn(r Result, limits Limits, answered, asked int, skew time.Duration) []Verdict {
	all := []Verdict{{
		"nodes", answered == asked, fmt.Sprintf("%d of %d answer", answered, asked),
	}, {
		"throughput", r.Rate >= enough*r.Due,
		fmt.Sprintf("%.0f writes/s of %.0f", r.Rate, r.Due),
	}, {
		"errors", r.Errors == 0, fmt.Sprintf("%d", r.Errors),
	}, {
		"latency", r.Requests > 0 && micros(r.P99) <= limits.P99,
		fmt.Sprintf("p99 %v, at most %v; p50 %v, longest %v", micros(r.P99), limits.P99,
			micros(r.P50), micros(r.Max)),
	}}
	if r.Cause != "" {
		all[2].Text += ", the first: " + r.Cause
	}
	for _, s := range r.Nodes {
		took := time.Duration(s.WriteMS * 1e6).Round(time.Microsecond)
		all = append(all, Verdict{"disk", s.Writes > 0 && took <= limits.Sync, fmt.Sprintf(
			"node %d: a synced write of %.1f entries takes %v, at most %v", s.Node, s.EntriesPerWrite,
			took, limits.Sync)})
	}
	return append(all, Verdict{"clocks", answered > 0 && skew <= limits.Skew, fmt.Sprintf(
		"at least %v apart, at most %v", skew.Round(time.Microsecond), limits.Skew)})
}

func micros(us int64) time.Duration { return time.Duration(us) * time.Microsecond }

// clocks asks all nodes for the time, and tells how many answer and how far the clocks of two of
// them are apart at least: when exactly between question and answer a clock was read is not known.
func clocks(ctx context.Context, o Options, c remote.Client) (answered int, skew time.Duration) {
	type offset struct{ least, most int64 } // from this machine's clock
	var all []offset
	for _, e := range o.Endpoints {
		var s core.NodeStatus
		var err error
		asked := time.Now()
		if s, err = c.Status(ctx, e.Address); err != nil {
			continue
		}
		answered++
		heard := time.Now()
		if s.Time != 0 {
			all = append(all, offset{s.Time - heard.UnixNano(), s.Time - asked.UnixNano()})
		}
	}
	for _, a := range all {
		for _, b := range all {
			skew = max(skew, time.Duration(a.least-b.most))
		}
	}
	return answered, skew
}
