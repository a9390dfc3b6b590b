package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidelock-raft/tidelock/cli/bench/histogram"
	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// histograms is how many of them share the counting.
const histograms = 16

// maxKinds bounds the kinds of errors that are told apart.
const maxKinds = 32

// load is one run.
type load struct {
	Options
	clients     int
	connections []remote.Client
	payload     string
	start       time.Time // of the warm-up
	begin, end  time.Time // of what counts
	next        atomic.Int64
	measured    [histograms]histogram.Histogram

	mu     sync.Mutex
	errors int
	kinds  map[string]int
	cause  string // of the first error
}

func newLoad(o Options, connections []remote.Client, clients int) *load {
	return &load{
		Options: o, clients: clients, connections: connections,
		payload: strings.Repeat("v", o.Size), kinds: make(map[string]int),
	}
}

// run lets the clients work until time is up.
func (l *load) run(ctx context.Context) Result {
	l.start = time.Now()
	l.begin = l.start.Add(l.WarmUp)
	l.end = l.begin.Add(l.Duration)
	var group sync.WaitGroup
	for i := range l.clients * l.InFlight {
		w := worker{
			load: l, client: l.connections[i%len(l.connections)],
			measured: &l.measured[i%histograms], random: rand.New(rand.NewPCG(uint64(i), 1)),
		}
		group.Go(func() { w.work(ctx) })
	}
	group.Wait()
	return l.result()
}

// due is when the n-th request of an open loop begins.
func (l *load) due(n int64) time.Time {
	seconds, rest := n/int64(l.Rate), n%int64(l.Rate)
	return l.start.Add(time.Duration(seconds)*time.Second +
		time.Duration(rest)*time.Second/time.Duration(l.Rate))
}

// total is how many requests of an open loop are due in all.
func (l *load) total() int64 {
	nanos := int64(l.WarmUp + l.Duration)
	second := int64(time.Second)
	return nanos/second*int64(l.Rate) + (nanos%second*int64(l.Rate)+second-1)/second
}

// worker has one request open at a time.
type worker struct {
	*load
	client   remote.Client
	random   *rand.Rand
	measured *histogram.Histogram
	data     []byte
}

func (w *worker) work(ctx context.Context) {
	for now := time.Now(); ctx.Err() == nil; {
		since := now
		if w.Rate > 0 {
			since = w.due(w.next.Add(1) - 1)
		}
		if !since.Before(w.end) {
			return
		}
		if !sleep(ctx, since.Sub(now)) {
			return
		}
		if w.Rate > 0 && now.After(w.end) {
			total := w.total()
			w.failed(errNotBegun, 1+max(int(total-w.next.Swap(total)), 0))
			return
		}
		_, err := w.client.Do(ctx, w.request())
		now = time.Now()
		switch {
		case now.Before(w.begin) || ctx.Err() != nil:
		case err != nil:
			w.failed(err, 1)
		default:
			w.measured.Add(now.Sub(since))
		}
	}
}

// errNotBegun is what became of requests that were due while all clients waited.
var errNotBegun = fmt.Errorf("due, and not begun in time: all clients waited: %w", core.ErrBusy)

// sleep waits, and reports whether the context has not ended.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// request draws the next request. The client keeps its data until the outcome is told.
func (w *worker) request() client.Request {
	words := &w.words[0]
	if w.random.IntN(100) < w.Reads {
		words = &w.words[1]
	}
	key := fmt.Sprintf("key%08d", w.random.IntN(w.Keys))
	w.data = words.appendTo(w.data[:0], key, w.payload)
	r := client.Request{Kind: words.kind, Data: w.data, Target: w.Target}
	if r.Kind == core.RequestQuery {
		r.Level, r.MaxStale, r.AtLeast = w.Level, w.MaxStale, w.AtLeast
	}
	return r
}

// failed counts n requests that came to the same error, by its kind.
func (l *load) failed(err error, n int) {
	kind := exit.BodyOf(err).Error
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.errors += n; l.cause == "" {
		l.cause = err.Error()
	}
	if _, known := l.kinds[kind]; !known && len(l.kinds) >= maxKinds {
		kind = "others"
	}
	l.kinds[kind] += n
}

// Result is what one run came to. Times are in microseconds.
type Result struct {
	Clients  int            `json:"clients"`
	InFlight int            `json:"in_flight"`      // of each client
	Due      float64        `json:"rate,omitempty"` // of an open loop, a second
	Requests int            `json:"requests"`
	Errors   int            `json:"errors"`
	Rate     float64        `json:"per_second"`
	P50      int64          `json:"p50_us"`
	P90      int64          `json:"p90_us"`
	P99      int64          `json:"p99_us"`
	P999     int64          `json:"p999_us"`
	Max      int64          `json:"max_us"`
	Kinds    map[string]int `json:"errors_by_kind,omitempty"`
	Cause    string         `json:"first_error,omitempty"`
	Nodes    []Stage        `json:"nodes,omitempty"` // those that tell
}

func (l *load) result() Result {
	h := &l.measured[0]
	for i := range l.measured[1:] {
		h.Merge(&l.measured[i+1])
	}
	at := func(q float64) int64 { return h.Quantile(q).Microseconds() }
	n := int(h.Count())
	return Result{
		Clients: l.clients, InFlight: l.InFlight, Due: float64(l.Rate), Requests: n, Errors: l.errors,
		Rate: float64(n) / l.Duration.Seconds(),
		P50:  at(0.5), P90: at(0.9), P99: at(0.99), P999: at(0.999), Max: h.Max().Microseconds(),
		Kinds: l.kinds, Cause: l.cause,
	}
}
