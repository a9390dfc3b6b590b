package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/raft"
)

// drawer draws options and faults.
type drawer struct {
	rng     *rand.Rand
	options Options
}

// Draw returns options of which everything that base leaves zero is drawn from the seed: how large
// the cluster is, how it is configured, for how long it runs. So no value of an option goes without
// being tried, and each run is unlike the others.
func Draw(seed uint64, base Options) Options {
	o := base
	o.Seed = seed
	d := &drawer{rng: rand.New(rand.NewPCG(seed, streamOptions))}
	pick(&o.Nodes, d.one(1, 2, 3, 3, 3, 3, 3, 4, 5, 5))
	pick(&o.Clients, 1+d.rng.IntN(8))
	pick(&o.Wait, d.span(10*Millisecond, 300*Millisecond))
	pick(&o.Span, d.span(4*Second, 30*Second))
	pick(&o.SegmentBytes, 4<<10<<d.rng.IntN(5))
	pick(&o.ChunkBytes, d.one(200, 1<<10, 256<<10))
	e := &o.Engine
	pick(&e.TailEntries, d.one(-1, 1, 5, 20, 100))
	pick(&e.SnapshotEntries, d.one(5, 20, 50, 100, 200, 500))
	pick(&e.SnapshotBytes, 1<<30)
	pick(&e.ForwardTicks, d.one(50, 200, 500))
	pick(&e.DigestEvery, d.one(4, 16, 64))
	pick(&e.DigestTicks, d.one(10, 20, 100))
	pick(&e.ClockDriftPPM, d.one(0, 1_000, 50_000, 50_000))
	election := d.one(10, 20, 50)
	drawn := raft.Config{
		ElectionTicks: election, HeartbeatTicks: max(election/d.one(3, 5, 10), 1),
		MaxMessageBytes: d.one(4<<10, 64<<10, 1<<20), MaxInflight: d.one(1, 4, 256),
		MaxUncommittedBytes: d.one(8<<10, 64<<20), MaxApplyBytes: d.one(500, 2000, 64<<20),
		CacheBytes: d.one(1000, 16<<20),
	}
	if e.Raft == (raft.Config{}) {
		e.Raft = drawn
	}
	return o
}

// pick sets an option unless it has been set.
func pick[T comparable](option *T, drawn T) {
	var zero T
	if *option == zero {
		*option = drawn
	}
}

// String prints everything that makes a run what it is, but for script and schedule.
func (o Options) String() string {
	r, e := &o.Engine.Raft, &o.Engine
	return fmt.Sprintf("seed=%d nodes=%d clients=%d wait=%.3fs span=%.3fs segment=%d chunk=%d "+
		"election=%d heartbeat=%d snapshot=%d tail=%d forward=%d digest=%d/%d message=%d "+
		"inflight=%d uncommitted=%d apply=%d cache=%d drift=%d",
		o.Seed, o.Nodes, o.Clients, seconds(o.Wait), seconds(o.Span), o.SegmentBytes, o.ChunkBytes,
		r.ElectionTicks, r.HeartbeatTicks, e.SnapshotEntries, e.TailEntries, e.ForwardTicks,
		e.DigestEvery, e.DigestTicks, r.MaxMessageBytes, r.MaxInflight, r.MaxUncommittedBytes,
		r.MaxApplyBytes, r.CacheBytes, e.ClockDriftPPM)
}

// Schedule is the faults of a run, in order of their beginning.
type Schedule []Fault

// String prints one fault a line.
func (s Schedule) String() string {
	var b strings.Builder
	for _, f := range s {
		b.WriteString(f.String())
		b.WriteByte('\n')
	}
	return b.String()
}

// DrawSchedule draws the faults of a run: each kind is there with a chance of about one half, as
// often as its class says at most, and so the runs are as different as can be. Few kinds in one run
// reach what many would drown.
func DrawSchedule(o Options) Schedule {
	o = o.withDefaults()
	d := &drawer{rng: rand.New(rand.NewPCG(o.Seed, streamFaults)), options: o}
	density := d.rng.Float64()
	var s Schedule
	for k := FaultKind(1); k < faultKinds; k++ {
		if d.rng.IntN(2) == 0 || classes[k].name == "" {
			continue
		}
		c := &classes[k]
		count := 1
		if c.often > 0 {
			most := c.often * density * float64(o.Span) / float64(Minute)
			count = int(d.rng.Float64()*most + d.rng.Float64())
		}
		for range min(count, maxFaults) {
			s = append(s, d.fault(k))
		}
	}
	slices.SortStableFunc(s, func(a, b Fault) int { return int(min(max(a.At-b.At, -1), 1)) })
	return s
}

// maxFaults bounds the faults of one kind in a run.
const maxFaults = 1000

func (d *drawer) fault(k FaultKind) Fault {
	c := &classes[k]
	f := Fault{Kind: k}
	span := d.options.Span
	least, most := max(c.least, Second/10), c.most
	if most == 0 {
		most = 10 * Second
	}
	if c.often > 0 || d.rng.IntN(2) == 0 {
		f.At = core.Instant(d.rng.Int64N(int64(span)))
	}
	switch {
	case c.often == 0:
		f.Until = f.At + core.Instant(d.rng.Int64N(int64(span-f.At)+1))
	default:
		f.Until = f.At + d.span(min(c.least, most), most)
		if c.least == 0 {
			f.Until = f.At + d.span(least, most)
		}
	}
	if c.often == 0 && d.rng.IntN(2) == 0 {
		f.At, f.Until = 0, span
	}
	if c.draw == nil {
		drawHost(d, &f)
	} else {
		c.draw(d, &f)
	}
	return f
}

func (d *drawer) one(values ...int) int { return values[d.rng.IntN(len(values))] }

// span draws a span from lo to hi, in which short ones are as likely as long ones: the logarithm is
// even.
func (d *drawer) span(lo, hi core.Instant) core.Instant {
	ratio := float64(hi) / float64(lo)
	return core.Instant(float64(lo) * math.Pow(ratio, d.rng.Float64()))
}

func (d *drawer) rate(most float64) float64 { return most * d.rng.Float64() }

func rated(most float64) func(d *drawer, f *Fault) {
	return func(d *drawer, f *Fault) { f.Rate = d.rate(most) }
}

// host draws who is struck: beyond the hosts that there are at first, those that have joined.
func (d *drawer) host() core.NodeID {
	return core.NodeID(1 + d.rng.IntN(d.options.Nodes+2))
}

// two draws the ends of a link.
func (d *drawer) two() (core.NodeID, core.NodeID) {
	a := d.host()
	b := core.NodeID(1 + (int(a)+d.rng.IntN(max(d.options.Nodes-1, 1)))%d.options.Nodes)
	return a, b
}

// drawOnly draws a few faults of one kind.
func drawOnly(o Options, k FaultKind, count int) Schedule {
	d := &drawer{rng: rand.New(rand.NewPCG(o.Seed, streamFaults)), options: o.withDefaults()}
	var s Schedule
	for range count {
		s = append(s, d.fault(k))
	}
	return s
}
