// Package load asks a system what its clients would, and measures how long they wait.
package load

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidelock-raft/tidelock/cli/bench/histogram"

	"example.org/compare/system"
)

// Workload is what clients do.
type Workload struct {
	Name    string
	Clients int  // goroutines that ask
	Window  int  // requests that each has open: 1 is a closed loop
	Read    bool // linearizable reads in the place of writes
	Batch   int  // puts in a write, which rates count; zero: one
}

// BatchPuts is how many puts a batch has: less than the 128 that etcd allows.
const BatchPuts = 64

// Workloads are all of them, in the order of the tables.
func Workloads() []Workload {
	var all []Workload
	for _, n := range []int{1, 16, 64, 256, 1024} {
		all = append(all, Workload{Name: fmt.Sprintf("%d clients", n), Clients: n, Window: 1})
	}
	return append(all,
		Workload{Name: "8 × 512 in flight", Clients: 8, Window: 512},
		Workload{Name: "8 × 16 in flight, 64 puts each", Clients: 8, Window: 16, Batch: BatchPuts},
		Workload{Name: "reads, 256 clients", Clients: 256, Window: 1, Read: true})
}

// Setting says how long, and with what.
type Setting struct {
	WarmUp, Duration time.Duration
	Keys, ValueBytes int
	CPU              func() time.Duration // spent so far by everything that takes part
}

// Result is what a workload came to. Times are in microseconds.
type Result struct {
	Workload string
	Procs    int     // GOMAXPROCS
	Count    uint64  // of puts, where a write has several
	Rate     float64 // the same, a second
	P50, P99 float64
	P999     float64
	Max      float64
	CPU      float64 // of one request, or put
	Errors   int64
	Cause    string // of the first
}

// Fill writes every key once, in batches.
func Fill(t system.Target, s Setting) error {
	value := payload(s)
	return pipeline((s.Keys+BatchPuts-1)/BatchPuts, 64, func(n int) system.Future {
		var b system.Batch
		for i := n * BatchPuts; i < min(s.Keys, (n+1)*BatchPuts); i++ {
			b = system.AppendPut(b, key(i), value)
		}
		return t.PutAll(b)
	})
}

// Write makes so many writes.
func Write(t system.Target, s Setting, writes int) error {
	value := payload(s)
	return pipeline(writes, 2048, func(n int) system.Future { return t.Put(key(n%s.Keys), value) })
}

// pipeline makes n requests and keeps up to window of them open.
func pipeline(n, window int, ask func(int) system.Future) error {
	ring := make([]system.Future, window)
	for i := range n + window {
		f := &ring[i%window]
		if *f != nil {
			if err := (*f).Wait(); err != nil {
				return err
			}
		}
		if *f = nil; i < n {
			*f = started(ask(i))
		}
	}
	return nil
}

// started is a request that is under way whether anybody waits or not.
func started(f system.Future) system.Future {
	if lazy, ok := f.(system.Lazy); ok {
		return lazy.Start()
	}
	return f
}

func key(i int) string { return fmt.Sprintf("key%08d", i) }

func payload(s Setting) []byte { return []byte(strings.Repeat("v", s.ValueBytes)) }

// run is a workload under way.
type run struct {
	Workload
	Setting
	target     system.Target
	keys       []string
	begin, end time.Time
	shards     []histogram.Histogram
	errors     atomic.Int64
	cause      atomic.Pointer[string]
}

// shards is how many histograms share the counting.
const shards = 16

// Run runs a workload.
func Run(t system.Target, w Workload, s Setting) Result {
	r := &run{
		Workload: w, Setting: s, target: t, shards: make([]histogram.Histogram, shards),
		keys: make([]string, s.Keys),
	}
	for i := range r.keys {
		r.keys[i] = key(i)
	}
	r.begin = time.Now().Add(s.WarmUp)
	r.end = r.begin.Add(s.Duration)
	var group sync.WaitGroup
	for i := range w.Clients {
		group.Go(func() { r.client(i) })
	}
	time.Sleep(time.Until(r.begin))
	before := s.CPU()
	time.Sleep(time.Until(r.end))
	spent := s.CPU() - before
	group.Wait()
	return r.result(spent)
}

// pending is a request that is open.
type pending struct {
	future system.Future
	since  time.Time
}

// client keeps Window requests open until time is up. The oldest is waited for first.
func (r *run) client(number int) {
	random := rand.New(rand.NewPCG(uint64(number), 1))
	value := payload(r.Setting)
	ring := make([]pending, r.Window)
	now := time.Now()
	for n := 0; now.Before(r.end); n++ {
		p := &ring[n%r.Window]
		if p.future != nil {
			now = r.settle(p, number)
		}
		key := func() string { return r.keys[random.IntN(len(r.keys))] }
		switch p.since = now; {
		case r.Read:
			p.future = r.target.Get(key())
		case r.Batch > 0:
			p.future = r.target.PutAll(r.batch(key, value))
		default:
			p.future = r.target.Put(key(), value)
		}
		if r.Window > 1 {
			p.future = started(p.future)
		}
	}
	for i := range ring {
		if ring[i].future != nil {
			r.settle(&ring[i], number)
		}
	}
}

func (r *run) batch(key func() string, value []byte) system.Batch {
	b := make(system.Batch, 0, r.Batch*(len(value)+len(r.keys[0])+8))
	for range r.Batch {
		b = system.AppendPut(b, key(), value)
	}
	return b
}

// settle waits for an outcome, and counts it if it falls into the time that counts.
func (r *run) settle(p *pending, number int) time.Time {
	err := p.future.Wait()
	now := time.Now()
	switch {
	case err != nil:
		r.errors.Add(1)
		text := err.Error()
		r.cause.CompareAndSwap(nil, &text)
	case !now.Before(r.begin) && now.Before(r.end):
		r.shards[number%shards].Add(now.Sub(p.since))
	}
	return now
}

func (r *run) result(spent time.Duration) Result {
	h := &r.shards[0]
	for i := range r.shards[1:] {
		h.Merge(&r.shards[i+1])
	}
	micros := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
	count := h.Count() * uint64(max(r.Batch, 1))
	result := Result{
		Workload: r.Name, Count: count, Rate: float64(count) / r.Duration.Seconds(),
		P50: micros(h.Quantile(0.5)), P99: micros(h.Quantile(0.99)),
		P999: micros(h.Quantile(0.999)), Max: micros(h.Max()), Errors: r.errors.Load(),
	}
	if count > 0 {
		result.CPU = micros(spent) / float64(count)
	}
	if cause := r.cause.Load(); cause != nil {
		result.Cause = *cause
	}
	return result
}
