package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
)

// Spans of virtual time.
const (
	Millisecond core.Instant = 1e6
	Second                   = 1000 * Millisecond
	Minute                   = 60 * Second
	Hour                     = 60 * Minute
)

// World is a cluster, its surroundings and its future. One goroutine uses it.
type World struct {
	Options Options
	Hosts   []*Host // by id, from 1 on
	Net     *Network
	Clients []*Client
	History History
	Report  Report
	// Coverage is what was reached; Run counts states, faults are always counted.
	Coverage Coverage

	active     []*active           // faults that last
	doors      map[core.Addr]*Host // who is found at an address
	errands    int                 // changes that were asked for and may yet be made
	closing    core.Instant        // nobody asks for changes from then on; zero: always
	broken     core.Instant        // since when clocks do not keep to their bound; zero: they do
	shadow     *shadow             // what the disks hold, if that is watched
	supervised bool                // a host that stops by itself is started again
	now        core.Instant
	queue      queue
	observers  []Observer
	violation  *Violation
	trace      uint64
	source     scripting.Source

	// Streams of chance, each for itself.
	schedule, workload, network, disk *rand.Rand
}

// Report counts what happened in a run.
type Report struct {
	Events   uint64       // taken from the queue
	Virtual  core.Instant // time that passed in the world
	Messages uint64       // handed to the network
	Elected  uint64       // leaders
	Acked    uint64       // operations that were answered
	Unknown  uint64       // operations whose outcome nobody knows
	Refused  uint64       // operations that were certainly not carried out
}

// Violation says that something happened that may never happen.
type Violation struct {
	Rule string       // the checker's name
	What string       // what was seen
	At   core.Instant // when
}

// Error says what was violated, and when.
func (v *Violation) Error() string {
	return fmt.Sprintf("%s violated at %.3f s: %s", v.Rule, float64(v.At)/1e9, v.What)
}

// ErrStuck is returned by Run when the awaited state did not come about in time.
var ErrStuck = errors.New("sim: no progress")

// maxStanding bounds the events of one instant.
const maxStanding = 100_000

// Streams that the seed starts.
const (
	streamSchedule = iota + 1
	streamWorkload
	streamNetwork
	streamDisk
	streamOptions
	streamFaults
)

// New makes a world whose hosts have empty disks, and starts them.
func New(o Options, observers ...Observer) (*World, error) {
	o = o.withDefaults()
	w := build(o)
	w.observers = observers
	if err := w.boot(); err != nil {
		return nil, err
	}
	return w, nil
}

// build makes a world in which nothing has happened yet.
func build(o Options) *World {
	w := &World{Options: o, now: 1, source: o.source(), doors: map[core.Addr]*Host{}}
	stream := func(n uint64) *rand.Rand { return rand.New(rand.NewPCG(o.Seed, n)) }
	w.schedule, w.workload = stream(streamSchedule), stream(streamWorkload)
	w.network, w.disk = stream(streamNetwork), stream(streamDisk)
	w.Net = newNetwork(w)
	for id := range core.NodeID(o.Nodes) {
		h := newHost(w, id+1)
		h.begins = o.members()
		w.Hosts = append(w.Hosts, h)
		w.doors[h.addr] = h
	}
	return w
}

// boot starts every host.
func (w *World) boot() error {
	for _, h := range w.Hosts {
		if err := h.Start(); err != nil {
			return err
		}
	}
	return nil
}

// Now returns the virtual time.
func (w *World) Now() core.Instant { return w.now }

// Trace returns the hash of everything that has happened.
func (w *World) Trace() uint64 { return w.trace }

// Host returns the host with an id.
func (w *World) Host(id core.NodeID) *Host { return w.Hosts[id-1] }

// Fail tells that a rule is violated. The first violation of a run counts.
func (w *World) Fail(rule, format string, args ...any) {
	if w.violation == nil {
		w.violation = &Violation{Rule: rule, What: fmt.Sprintf(format, args...), At: w.now}
	}
}

// Err returns the violation, if there was one.
func (w *World) Err() error {
	if w.violation == nil {
		return nil
	}
	return w.violation
}

// After has run happen when some time has passed.
func (w *World) After(delay core.Instant, run func()) { w.queue.push(w.now+delay, run) }

// Until lets time pass until ok is true. Errors: a *Violation, and ErrStuck when limit has passed.
func (w *World) Until(limit core.Instant, what string, ok func() bool) error {
	end, standing := w.now+limit, 0
	for !ok() {
		if w.violation != nil {
			return w.violation
		}
		at, any := w.queue.next()
		if !any || at > end {
			w.now = end
			return fmt.Errorf("%w: no %s within %.3f s", ErrStuck, what, float64(limit)/1e9)
		}
		e := w.queue.pop()
		w.Report.Events++
		w.Report.Virtual = e.at
		if standing++; e.at > w.now {
			standing = 0
		}
		if w.now = e.at; standing > maxStanding {
			return fmt.Errorf("%w: %d events at one instant", ErrStuck, standing)
		}
		e.run()
	}
	return w.Err()
}

// Run lets some time pass.
func (w *World) Run(span core.Instant) error {
	over := false
	w.After(span, func() { over = true })
	return w.Until(span, "end of the span", func() bool { return over })
}

// Leader returns the host that leads in the highest term, or nil.
func (w *World) Leader() *Host {
	var leader *Host
	var term core.Term
	for _, h := range w.Hosts {
		if !h.Up() {
			continue
		}
		if s := h.Status(); s.Role == "leader" && s.Term > term {
			leader, term = h, s.Term
		}
	}
	return leader
}

// tell calls every observer.
func (w *World) tell(f func(Observer)) {
	for _, o := range w.observers {
		f(o)
	}
}

// Kinds of what goes into the trace.
const (
	traceStep = iota + 1
	traceMessage
	traceWrite
	traceApply
	traceStop
	traceStart
	traceOperation
	traceFault
)

// record mixes something that has happened into the hash of the trace.
func (w *World) record(kind uint64, id core.NodeID, value uint64) {
	const prime = 0x9e3779b97f4a7c15
	for _, x := range [...]uint64{uint64(w.now), kind<<32 | uint64(id), value} {
		w.trace = (w.trace ^ x) * prime
		w.trace ^= w.trace >> 29
	}
}
