// Package bench is the command that puts a cluster under load and says how long its users wait and
// what its nodes do meanwhile.
//
// The load is a closed loop, in which each client asks, waits for the answer, and asks again; or,
// at a fixed rate, an open one, in which requests begin when they are due whether or not others are
// answered. There a latency counts from when its request was due, so that a cluster that stands
// still is not spared the requests that would have come meanwhile.
package bench

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/core"
)

// Options are what bench is asked for.
type Options struct {
	remote.Options
	Clients     []int
	InFlight    int // requests that each client has open
	Connections int // that the clients share
	Rate        int // of requests a second, all together; 0: a closed loop
	Duration    time.Duration
	WarmUp      time.Duration
	Keys        int
	Size        int // of values, in bytes
	Reads       int // percent of queries among the requests
	words       []template
}

// Limits of the flags.
const (
	maxRequests    = 65_536 // clients times in-flight
	maxConnections = 1_024
	maxRate        = 10_000_000
	maxKeys        = 100_000_000
	maxSize        = 1 << 20
)

// New makes the command.
func New(env remote.Env) *cli.Command {
	return &cli.Command{
		Name: "bench", Usage: "measure writes and reads of a cluster under load",
		Description: "Lets clients put (and get) random keys, each waiting for its answer before it " +
			"asks again, and prints rates and latencies, and what the nodes did meanwhile. With --rate, " +
			"requests begin when they are due, and a latency counts from then.\n\n" +
			"  tidelock bench --clients 1,64,256 --duration 10s\n" +
			"  tidelock bench --clients 64 --reads 90 --output json\n" +
			"  tidelock bench --rate 5000 --clients 256\n" +
			"  tidelock bench --call 'incr {key} 1' --query 'range {key} null 10' --reads 20",
		Flags: append(loadFlags(),
			&cli.IntSliceFlag{Name: "clients", Value: cli.NewIntSlice(1, 64, 256),
				Usage: "`NUMBERS` of clients, one run for each"},
			&cli.IntFlag{Name: "in-flight", Value: 1,
				Usage: "`NUMBER` of requests that each client has open"},
			&cli.IntFlag{Name: "rate", DefaultText: "as fast as answers come",
				Usage: "`NUMBER` of requests a second, in an open loop"},
			&cli.IntFlag{Name: "reads", DefaultText: "0, or 100 with --query and without --call",
				Usage: "`PERCENT` of requests that are queries"},
			&cli.StringFlag{Name: "call", DefaultText: "put {key} {value}",
				Usage: "`WORDS` of the command: name and arguments, as of raft-client call; {key} is a " +
					"random key and {value} the value"},
			&cli.StringFlag{Name: "query", DefaultText: "get {key}", Usage: "`WORDS` of the query"},
		),
		Action: func(c *cli.Context) error {
			o, err := parse(env, c)
			if err == nil {
				err = o.check()
			}
			if err != nil {
				return err
			}
			return run(c.Context, o)
		},
		Subcommands: []*cli.Command{newCheck(env)},
	}
}

// loadFlags are the flags of every load.
func loadFlags() []cli.Flag {
	return append(remote.QueryFlags(), remote.SessionFlag(),
		&cli.IntFlag{Name: "connections", Value: 1,
			Usage: "`NUMBER` of connections to a node that the clients share"},
		&cli.DurationFlag{Name: "duration", Value: 10 * time.Second, Usage: "`TIME` of each run"},
		&cli.DurationFlag{Name: "warm-up", Value: 2 * time.Second,
			Usage: "`TIME` before each run that does not count"},
		&cli.IntFlag{Name: "keys", Value: 100_000, Usage: "`NUMBER` of different keys"},
		&cli.IntFlag{Name: "size", Value: 128, Usage: "`BYTES` of each value"},
		&cli.BoolFlag{Name: "json", Usage: "the same as --output json"},
	)
}

func parse(env remote.Env, c *cli.Context) (Options, error) {
	common, err := remote.Parse(env, c, 0, 0)
	common.JSON = common.JSON || c.Bool("json")
	o := Options{
		Options: common, Clients: c.IntSlice("clients"), InFlight: max(c.Int("in-flight"), 0),
		Connections: c.Int("connections"), Rate: c.Int("rate"), Duration: c.Duration("duration"),
		WarmUp: c.Duration("warm-up"), Keys: c.Int("keys"), Size: c.Int("size"),
		Reads: c.Int("reads"),
	}
	if err != nil {
		return o, err
	}
	if c.IsSet("query") && !c.IsSet("call") && !c.IsSet("reads") {
		o.Reads = 100
	}
	o.words = []template{
		newTemplate(core.RequestCommand, cmp.Or(c.String("call"), "put {key} {value}")),
		newTemplate(core.RequestQuery, cmp.Or(c.String("query"), "get {key}")),
	}
	for _, t := range o.words {
		if t.err != nil {
			return o, exit.Mark(t.err, exit.ErrUsage)
		}
	}
	return o, nil
}

func (o Options) check() error {
	for _, n := range o.Clients {
		if n < 1 || o.InFlight < 1 || n > maxRequests/o.InFlight {
			return exit.Usagef("--clients and --in-flight: %d times %d is not between 1 and %d", n,
				o.InFlight, maxRequests)
		}
	}
	switch {
	case o.Connections < 1 || o.Connections > maxConnections:
		return exit.Usagef("--connections: %d is not between 1 and %d", o.Connections, maxConnections)
	case o.Rate < 0 || o.Rate > maxRate:
		return exit.Usagef("--rate: %d is not between 0 and %d", o.Rate, maxRate)
	case o.Duration <= 0 || o.WarmUp < 0:
		return exit.Usagef("--duration and --warm-up: %v and %v", o.Duration, o.WarmUp)
	case o.Keys < 1 || o.Keys > maxKeys:
		return exit.Usagef("--keys: %d is not between 1 and %d", o.Keys, maxKeys)
	case o.Size < 0 || o.Size > maxSize:
		return exit.Usagef("--size: %d is not between 0 and %d", o.Size, maxSize)
	case o.Reads < 0 || o.Reads > 100:
		return exit.Usagef("--reads: %d is not between 0 and 100", o.Reads)
	}
	return nil
}

func run(ctx context.Context, o Options) error {
	connections, err := o.connect()
	if err != nil {
		return o.Report(err, 0)
	}
	defer closeAll(connections)
	printer := newPrinter(o.Out, o.JSON)
	failed := false
	for _, n := range o.Clients {
		before := survey(ctx, o, connections[0])
		r := newLoad(o, connections, n).run(ctx)
		if err := ctx.Err(); err != nil {
			return o.Report(err, 0)
		}
		r.Nodes = stages(before, survey(ctx, o, connections[0]))
		if err := printer.print(r); err != nil {
			return err
		}
		failed = failed || r.Errors > 0
	}
	if failed {
		return exit.Mark(fmt.Errorf("some requests failed"), exit.ErrUnhealthy)
	}
	return nil
}

// connect makes the connections that the clients share.
func (o Options) connect() ([]remote.Client, error) {
	var all []remote.Client
	for range o.Connections {
		one, err := o.OpenClient()
		if err != nil {
			closeAll(all)
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func closeAll(connections []remote.Client) {
	for _, c := range connections {
		_ = c.Close() // what was measured was measured
	}
}
