package sim

import (
	"math"
	"slices"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/codec"
)

// frame is what travels: one message, encoded.
type frame struct {
	link
	kind        core.MessageKind
	bytes       []byte
	incarnation uint32 // of the receiver when it was sent
	change      bool   // it asks for a change, if anything is passed on
	delay       core.Instant
	lost        bool
	repeated    bool
	corrupt     bool
}

func init() {
	register(FaultDelay, class{name: "delay", most: Minute, draw: drawDelay, frame: delay})
	register(FaultLoss, class{name: "loss", most: Minute, draw: rated(0.30), frame: lose})
	register(FaultRepeat, class{name: "repeat", most: Minute, draw: rated(0.20), frame: repeat})
	register(FaultReplay, class{name: "replay", most: Minute, draw: rated(0.05), frame: replay})
	register(FaultReorder, class{name: "reorder", most: Minute, draw: drawReorder, frame: reorder})
	register(FaultCut, class{name: "one-way cut", often: 6, draw: drawCut, frame: lose})
	register(FaultIsolate, class{name: "isolation", often: 8, draw: drawHost, frame: isolate})
	register(FaultSplit, class{name: "partition", often: 4, draw: drawSides, frame: split})
	register(FaultBridge, class{name: "bridge", often: 3, draw: drawBridge, frame: split})
	register(FaultRing, class{name: "ring", often: 2, draw: drawNothing, frame: ring})
	register(FaultClog, class{name: "clog", often: 6, draw: drawCut, frame: clog, end: unclog})
	register(FaultNarrow, class{name: "bandwidth", often: 3, draw: drawNarrow, frame: narrow})
	register(FaultReset, class{name: "snapshot reset", most: Minute, draw: rated(0.5),
		frame: reset})
	register(FaultCorrupt, class{name: "corrupted frame", most: Minute, draw: rated(0.01),
		frame: corrupt})
	register(FaultLate, class{name: "late frame", most: Minute, draw: drawLate, frame: late})
	register(FaultStranger, class{name: "stranger", most: Minute, draw: rated(0.01),
		frame: stranger})
}

// exponential draws from an exponential distribution; one in twenty is ten times as long.
func (n *Network) exponential(mean core.Instant) core.Instant {
	d := -math.Log(1-n.w.network.Float64()) * float64(mean)
	if n.w.network.IntN(20) == 0 {
		d *= 10
	}
	return core.Instant(d)
}

func (n *Network) chance(p float64) bool { return n.w.network.Float64() < p }

func drawDelay(d *drawer, f *Fault) { f.Span = d.span(Millisecond, 100*Millisecond) }

func delay(n *Network, a *active, f *frame) {
	f.delay += n.exponential(a.Span)
	n.w.fired(a.Kind)
}

// lose is loss with a rate, and without one a cut.
func lose(n *Network, a *active, f *frame) {
	if a.on(f.link) && (a.Rate == 0 || n.chance(a.Rate)) {
		f.lost = true
		n.w.fired(a.Kind)
	}
}

func repeat(n *Network, a *active, f *frame) {
	if n.chance(a.Rate) {
		f.repeated = true
		n.w.fired(a.Kind)
	}
}

// replay has one of the frames of long ago arrive once more.
func replay(n *Network, a *active, _ *frame) {
	if len(n.past) > 0 && n.chance(a.Rate) {
		n.carry(n.past[n.w.network.IntN(len(n.past))])
		n.w.fired(a.Kind)
	}
}

func drawReorder(d *drawer, f *Fault) {
	f.Rate, f.Span = d.rate(0.3), d.span(Millisecond, 200*Millisecond)
}

func reorder(n *Network, a *active, f *frame) {
	if n.chance(a.Rate) {
		f.delay += core.Instant(n.w.network.Int64N(int64(a.Span)))
		n.w.fired(a.Kind)
	}
}

func drawCut(d *drawer, f *Fault) { f.Node, f.Peer = d.two() }

// isolate is half of all partitions, and half of those strike the leader.
func isolate(n *Network, a *active, f *frame) {
	if f.from == a.Node || f.to == a.Node {
		f.lost = true
		n.w.fired(a.Kind)
	}
}

// drawSides draws one side of a partition; it may be anything but all.
func drawSides(d *drawer, f *Fault) {
	f.Number = 1 + d.rng.Uint64N(max(uint64(1)<<d.options.Nodes-2, 1))
}

func drawBridge(d *drawer, f *Fault) {
	drawSides(d, f)
	f.Peer = d.host()
}

// split cuts between the sides; a host that is the bridge is on both.
func split(n *Network, a *active, f *frame) {
	side := func(id core.NodeID) uint64 { return n.w.bit(a.Number, id) }
	if side(f.from) != side(f.to) && f.from != a.Peer && f.to != a.Peer {
		f.lost = true
		n.w.fired(a.Kind)
	}
}

func ring(n *Network, a *active, f *frame) {
	far := max(f.from, f.to) - min(f.from, f.to)
	if far != 1 && int(far) != len(n.w.Hosts)-1 {
		f.lost = true
		n.w.fired(a.Kind)
	}
}

// clog keeps frames back; unclog lets them go, in any order.
func clog(n *Network, a *active, f *frame) {
	if !a.on(f.link) {
		return
	}
	if !f.lost && len(a.clogged) < maxClogged {
		a.clogged = append(a.clogged, *f)
		n.w.fired(a.Kind)
	}
	f.lost = true
}

func unclog(w *World, a *active) {
	w.network.Shuffle(len(a.clogged), func(i, k int) {
		a.clogged[i], a.clogged[k] = a.clogged[k], a.clogged[i]
	})
	for _, f := range a.clogged {
		w.Net.carry(f)
	}
}

func drawNarrow(d *drawer, f *Fault) { f.Rate = 2000 * math.Pow(500, d.rng.Float64()) }

// narrow sends one byte after the other; what would have to wait for too long is dropped, as by a
// queue that is full.
func narrow(n *Network, a *active, f *frame) {
	if a.free == nil {
		a.free = map[link]core.Instant{}
	}
	start := max(a.free[f.link], n.w.now)
	if start-n.w.now > 2*Second {
		f.lost = true
	} else {
		a.free[f.link] = start + core.Instant(float64(len(f.bytes))/a.Rate*float64(Second))
		f.delay += a.free[f.link] - n.w.now
	}
	n.w.fired(a.Kind)
}

func reset(n *Network, a *active, f *frame) {
	if (f.kind == core.MsgSnapshotChunk || f.kind == core.MsgSnapshotAck) && n.chance(a.Rate) {
		f.lost = true
		n.w.fired(a.Kind)
	}
}

// corrupt flips a bit, after which the frame must not be taken.
func corrupt(n *Network, a *active, f *frame) {
	if !n.chance(a.Rate) {
		return
	}
	f.bytes = slices.Clone(f.bytes)
	bit := n.w.network.IntN(8 * len(f.bytes))
	f.bytes[bit/8] ^= 1 << (bit % 8)
	f.corrupt = true
}

func drawLate(d *drawer, f *Fault) { f.Rate, f.Span = d.rate(0.05), d.span(Second, 20*Second) }

func late(n *Network, a *active, f *frame) {
	if n.chance(a.Rate) {
		f.delay += core.Instant(n.w.network.Int64N(int64(a.Span)))
	}
}

// stranger sends along a message that concerns nobody here: of a group that nobody has or, as one
// that was removed and does not know would send it, a request for a vote.
func stranger(n *Network, a *active, f *frame) {
	if !n.chance(a.Rate) {
		return
	}
	messages, _, err := codec.Limits{}.DecodeFrame(nil, f.bytes)
	if err != nil || len(messages) != 1 {
		return // a bit of it has flipped
	}
	m := &messages[0]
	if m.Kind == core.MsgPreVote || m.Kind == core.MsgVote {
		m.From = core.NodeID(len(n.w.Hosts) + 1 + n.w.network.IntN(3))
		m.Term += core.Term(n.w.network.IntN(3))
	} else {
		m.Group += 98
	}
	other := *f
	if other.bytes, err = (codec.Limits{}).AppendFrame(nil, messages); err == nil {
		n.carry(other)
		n.w.fired(a.Kind)
	}
}
