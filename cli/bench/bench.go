// Package bench is the command that puts a cluster of the default machine under load and says how
// long its users wait.
//
// The load is a closed loop: each client asks, waits for the answer, and asks again.
package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/value"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// Options are what bench is asked for.
type Options struct {
	remote.Options
	Clients  []int
	Duration time.Duration
	WarmUp   time.Duration
	Keys     int
	Size     int // of values, in bytes
	Reads    int // percent of queries among the requests
}

// maxClients bounds --clients, and maxKeys --keys.
const (
	maxClients = 16_384
	maxKeys    = 100_000_000
)

// New makes the command.
func New(env remote.Env) *cli.Command {
	return &cli.Command{
		Name: "bench", Usage: "measure writes and reads of a cluster under load",
		Description: "Lets clients put (and get) random keys, each waiting for its answer before it " +
			"asks again, and prints rates and latencies.\n\n" +
			"  tidelock bench --clients 1,64,256 --duration 10s\n" +
			"  tidelock bench --clients 64 --reads 90 --output json",
		Flags: append(remote.QueryFlags(), remote.SessionFlag(),
			&cli.IntSliceFlag{Name: "clients", Value: cli.NewIntSlice(1, 64, 256),
				Usage: "`NUMBERS` of clients, one run for each"},
			&cli.DurationFlag{Name: "duration", Value: 10 * time.Second, Usage: "`TIME` of each run"},
			&cli.DurationFlag{Name: "warm-up", Value: 2 * time.Second,
				Usage: "`TIME` before each run that does not count"},
			&cli.IntFlag{Name: "keys", Value: 100_000, Usage: "`NUMBER` of different keys"},
			&cli.IntFlag{Name: "size", Value: 128, Usage: "`BYTES` of each value"},
			&cli.IntFlag{Name: "reads", Usage: "`PERCENT` of requests that are queries"},
		),
		Action: func(c *cli.Context) error {
			common, err := remote.Parse(env, c, 0, 0)
			if err != nil {
				return err
			}
			o := Options{
				Options: common, Clients: c.IntSlice("clients"), Duration: c.Duration("duration"),
				WarmUp: c.Duration("warm-up"), Keys: c.Int("keys"), Size: c.Int("size"),
				Reads: c.Int("reads"),
			}
			if err := o.check(); err != nil {
				return err
			}
			return run(c.Context, o)
		},
	}
}

func (o Options) check() error {
	for _, n := range o.Clients {
		if n < 1 || n > maxClients {
			return exit.Usagef("--clients: %d is not between 1 and %d", n, maxClients)
		}
	}
	switch {
	case o.Duration <= 0 || o.WarmUp < 0:
		return exit.Usagef("--duration and --warm-up: %v and %v", o.Duration, o.WarmUp)
	case o.Keys < 1 || o.Keys > maxKeys:
		return exit.Usagef("--keys: %d is not between 1 and %d", o.Keys, maxKeys)
	case o.Size < 0 || o.Size > 1<<20:
		return exit.Usagef("--size: %d is not between 0 and %d", o.Size, 1<<20)
	case o.Reads < 0 || o.Reads > 100:
		return exit.Usagef("--reads: %d is not between 0 and 100", o.Reads)
	}
	return nil
}

// Result is what one run came to. Times are in microseconds.
type Result struct {
	Clients  int     `json:"clients"`
	Requests int     `json:"requests"`
	Errors   int     `json:"errors"`
	Rate     float64 `json:"per_second"`
	P50      int64   `json:"p50_us"`
	P99      int64   `json:"p99_us"`
	P999     int64   `json:"p999_us"`
	Max      int64   `json:"max_us"`
	Cause    string  `json:"first_error,omitempty"`
}

func run(ctx context.Context, o Options) error {
	table := tabwriter.NewWriter(o.Out, 0, 0, 2, ' ', tabwriter.AlignRight)
	if !o.JSON {
		fmt.Fprintln(table, "clients\trequests/s\tp50 ms\tp99 ms\tp99.9 ms\tmax ms\terrors\t")
		if err := table.Flush(); err != nil {
			return err
		}
	}
	failed := false
	for _, n := range o.Clients {
		r, err := load(ctx, o, n)
		if err != nil {
			return o.Report(err, 0)
		}
		if err := r.print(o.Out, table, o.JSON); err != nil {
			return err
		}
		failed = failed || r.Errors > 0
	}
	if failed {
		return exit.Mark(fmt.Errorf("some requests failed"), exit.ErrUnhealthy)
	}
	return nil
}

func (r Result) print(w io.Writer, table *tabwriter.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	ms := func(us int64) string { return fmt.Sprintf("%.2f", float64(us)/1000) }
	fmt.Fprintf(table, "%d\t%.0f\t%s\t%s\t%s\t%s\t%d\t\n", r.Clients, r.Rate,
		ms(r.P50), ms(r.P99), ms(r.P999), ms(r.Max), r.Errors)
	if r.Cause != "" {
		fmt.Fprintf(table, "first error: %s\n", r.Cause)
	}
	return table.Flush()
}

// worker is one client of a closed loop.
type worker struct {
	options  Options
	client   remote.Client
	random   *rand.Rand
	payload  string
	measured []time.Duration
	errors   int
	cause    error
}

// load runs n workers over one connection to each endpoint they need.
func load(ctx context.Context, o Options, n int) (Result, error) {
	c := client.Config{Timeout: o.Timeout, NoSession: o.NoSession}
	for _, e := range o.Endpoints {
		c.Endpoints = append(c.Endpoints, e.Address)
	}
	shared, err := o.Connect(c)
	if err != nil {
		return Result{}, err
	}
	defer shared.Close()
	begin := time.Now().Add(o.WarmUp)
	end := begin.Add(o.Duration)
	workers := make([]worker, n)
	var group sync.WaitGroup
	for i := range workers {
		workers[i] = worker{
			options: o, client: shared, payload: strings.Repeat("v", o.Size),
			random: rand.New(rand.NewPCG(uint64(i), 1)),
		}
		group.Go(func() { workers[i].work(ctx, begin, end) })
	}
	group.Wait()
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	return summarize(workers, o.Duration), nil
}

func (w *worker) work(ctx context.Context, begin, end time.Time) {
	var data []byte
	for now := time.Now(); now.Before(end) && ctx.Err() == nil; {
		request := w.request(&data)
		_, err := w.client.Do(ctx, request)
		after := time.Now()
		switch {
		case now.Before(begin):
		case err != nil:
			w.errors++
			w.cause = err
		default:
			w.measured = append(w.measured, after.Sub(now))
		}
		now = after
	}
}

// request draws the next request. The client keeps data until the outcome is told.
func (w *worker) request(data *[]byte) client.Request {
	key := fmt.Sprintf("key%08d", w.random.IntN(w.options.Keys))
	if w.random.IntN(100) < w.options.Reads {
		*data = value.AppendArray((*data)[:0], 2)
		*data = value.AppendString(value.AppendString(*data, "get"), key)
		return client.Request{
			Kind: core.RequestQuery, Level: w.options.Level, Data: *data, Target: w.options.Target,
		}
	}
	*data = value.AppendArray((*data)[:0], 3)
	*data = value.AppendString(value.AppendString(*data, "put"), key)
	*data = value.AppendString(*data, w.payload)
	return client.Request{Kind: core.RequestCommand, Data: *data, Target: w.options.Target}
}

func summarize(workers []worker, d time.Duration) Result {
	r := Result{Clients: len(workers)}
	var all []time.Duration
	for i := range workers {
		all = append(all, workers[i].measured...)
		r.Errors += workers[i].errors
		if r.Cause == "" && workers[i].cause != nil {
			r.Cause = workers[i].cause.Error()
		}
	}
	slices.Sort(all)
	r.Requests = len(all)
	r.Rate = float64(len(all)) / d.Seconds()
	if len(all) == 0 {
		return r
	}
	at := func(q float64) int64 {
		return all[min(len(all)-1, int(q*float64(len(all))))].Microseconds()
	}
	r.P50, r.P99, r.P999, r.Max = at(0.5), at(0.99), at(0.999), all[len(all)-1].Microseconds()
	return r
}
