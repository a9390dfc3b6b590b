package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidelock-raft/tidelock/cli/internal/trial"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// Fate is what a client knows of its operation.
type Fate string

// The fates of an operation.
const (
	Acked   Fate = "acknowledged"
	Refused Fate = "refused" // certainly not carried out
	Unknown Fate = "unknown" // it may be carried out once, at any time from its call on
)

// operation is what a client asked, and what it saw. Times count from the start of the run.
type operation struct {
	Client  int
	Session bool
	Kind    string         // a command or query of machine.lua
	Level   core.ReadLevel // of a query
	Key     string
	Target  string `json:",omitempty"` // of a query: the one node that is asked
	Arg     string `json:",omitempty"` // the value or element that is written
	Old     string `json:",omitempty"` // of cas
	Call    time.Duration
	Return  time.Duration
	Fate    Fate
	Told    string `json:",omitempty"` // the answer, elements with commas between; conflict
	Error   string `json:",omitempty"`
}

func (o *operation) isQuery() bool { return o.Level != 0 }

// writes reports whether the operation may have left its Arg.
func (o *operation) writes() bool { return o.Arg != "" }

// conflict is what a cas is told that found another value.
const conflict = "conflict"

// workload is the clients and what they saw.
type workload struct {
	cluster *cluster
	options options
	start   time.Time
	used    [len(kinds)][slots]atomic.Int64 // how often
	lastAck atomic.Int64                    // when a write was acknowledged

	mu   sync.Mutex
	seen []operation
}

// Keys come and go, so that each has a history that can be searched. At any time there are some of
// each kind, that all clients use at once.
const (
	slots   = 3
	keyLife = 120 // operations
)

var kinds = [...]string{"register", "counter", "list"}

// The clients' times. They are slow enough for a small machine to have time for faults.
const (
	operationTime = 5 * time.Second
	targetTime    = time.Second           // of a query to one node, which may not be there
	thinkingTime  = 80 * time.Millisecond // at most
)

func newWorkload(c *cluster, o options) *workload {
	return &workload{cluster: c, options: o, start: time.Now()}
}

func (w *workload) now() time.Duration { return time.Since(w.start) }

// wrote is when a write was last acknowledged.
func (w *workload) wrote() time.Duration { return time.Duration(w.lastAck.Load()) }

// history is what all clients saw, by the time of the call.
func (w *workload) history() []operation {
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.SortFunc(w.seen, func(a, b operation) int { return int(a.Call - b.Call) })
	return w.seen
}

// client is one client. It asks until ctx ends.
func (w *workload) client(ctx context.Context, number int) {
	config := w.cluster.config()
	config.NoSession = number%4 == 3
	config.Seed = w.options.seed + uint64(number) + 1
	c, err := client.New(config)
	if err != nil {
		w.cluster.finding(err)
		return
	}
	defer c.Close()
	r := rand.New(rand.NewPCG(w.options.seed, uint64(1000+number)))
	known := map[string]string{} // the values of registers, as last seen
	for n := 0; trial.Wait(ctx, between(r, 0, thinkingTime)); n++ {
		o := w.draw(r, known, fmt.Sprintf("%d.%d", number, n))
		o.Client, o.Session = number, !config.NoSession
		w.do(context.WithoutCancel(ctx), c, &o)
		if o.Fate == Acked && o.Kind == "get" {
			known[o.Key] = o.Told
		}
		if o.Fate == Acked && !o.isQuery() {
			w.lastAck.Store(int64(o.Return))
		}
		w.mu.Lock()
		w.seen = append(w.seen, o)
		w.mu.Unlock()
	}
}

// draw draws an operation that writes this value, if it writes one.
func (w *workload) draw(r *rand.Rand, known map[string]string, value string) operation {
	kind, slot := r.IntN(len(kinds)), r.IntN(slots)
	o := operation{Key: fmt.Sprintf("%s%d.%d", kinds[kind], slot,
		w.used[kind][slot].Add(1)/keyLife)}
	isRead := r.IntN(2) == 0
	if isRead {
		o.Level = []core.ReadLevel{
			core.Linearizable, core.Linearizable, core.Lease, core.Stale,
		}[r.IntN(4)]
		if r.IntN(2) == 0 { // whoever that is, one that thinks that it leads among them
			members := w.cluster.members()
			o.Target = members[r.IntN(len(members))].api
		}
	}
	switch {
	case isRead:
		o.Kind = reads[kinds[kind]]
	case kinds[kind] == "counter":
		o.Kind = "incr"
	case kinds[kind] == "list":
		o.Kind, o.Arg = "append", value
	case known[o.Key] != "" && r.IntN(2) == 0:
		o.Kind, o.Old, o.Arg = "cas", known[o.Key], value
	default:
		o.Kind, o.Arg = "put", value
	}
	return o
}

// reads are the queries that show the whole of a key.
var reads = map[string]string{"register": "get", "counter": "count", "list": "elements"}

// do asks once. What the client's session repeats is part of that.
func (w *workload) do(ctx context.Context, c *client.Client, o *operation) {
	args := []any{o.Key}
	for _, arg := range []string{o.Old, o.Arg} {
		if arg != "" {
			args = append(args, arg)
		}
	}
	data, err := scripting.EncodeCall(o.Kind, args...)
	if err != nil {
		panic(err) // a call of three words
	}
	request := client.Request{Kind: core.RequestCommand, Data: data}
	if o.isQuery() {
		request.Kind, request.Level, request.Target = core.RequestQuery, o.Level, o.Target
	}
	limit := operationTime
	if o.Target != "" {
		limit = targetTime
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	o.Call = w.now()
	reply, err := c.Do(ctx, request)
	o.Return = w.now()
	var value any
	if err == nil {
		value, err = scripting.DecodeValue(reply.Value)
	}
	o.Fate, o.Told = fate(value, err)
	if o.Fate != Acked {
		o.Error = err.Error()
	}
}

// fate is what an answer comes to.
func fate(value any, err error) (Fate, string) {
	var failure *core.Failure
	switch {
	case err == nil:
		return Acked, text(value)
	case errors.As(err, &failure) && failure.Code == conflict:
		return Acked, conflict
	case errors.Is(err, core.ErrUnknownOutcome):
		return Unknown, ""
	}
	return Refused, ""
}

// text is what a value reads as.
func text(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case []any:
		words := make([]string, len(v))
		for i := range v {
			words[i] = text(v[i])
		}
		return strings.Join(words, ",")
	}
	return fmt.Sprint(value)
}

// readAll reads every key of a history, and appends the reads to it.
func (w *workload) readAll(ctx context.Context, history []operation) ([]operation, error) {
	c, err := client.New(w.cluster.config())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	done := map[string]bool{}
	var finals []operation
	for i := range history {
		key := history[i].Key
		if done[key] {
			continue
		}
		done[key] = true
		o := operation{
			Client: w.options.clients, Kind: reads[strings.TrimRight(key, "0123456789.")], Key: key,
			Level: core.Linearizable,
		}
		if w.do(ctx, c, &o); o.Fate != Acked {
			return finals, fmt.Errorf("read %s: %s", key, o.Error)
		}
		finals = append(finals, o)
	}
	return finals, nil
}
