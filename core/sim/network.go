package sim

import (
	"hash/crc32"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/codec"
)

// Network carries frames between hosts. What it does to them is set by its fields at any time.
type Network struct {
	w    *World
	cut  map[link]bool
	held []frame
	past []frame // some that were sent, for replays

	// Delay draws how long a frame travels; Loss and Repeat are chances.
	Delay  func() core.Instant
	Loss   float64
	Repeat float64
	// Hold, if set, keeps back the messages for which it is true until Release.
	Hold func(m *core.Message) bool
}

// link is one direction between two hosts.
type link struct{ from, to core.NodeID }

const (
	maxClogged = 10_000 // frames that wait on one link
	maxPast    = 64     // frames that are kept to be replayed
)

func newNetwork(w *World) *Network {
	n := &Network{w: w, cut: map[link]bool{}}
	n.Delay = func() core.Instant { return 100_000 + core.Instant(w.network.Int64N(900_000)) }
	return n
}

// Cut stops what goes from one host to another.
func (n *Network) Cut(from, to core.NodeID) { n.cut[link{from, to}] = true }

// Join undoes Cut.
func (n *Network) Join(from, to core.NodeID) { delete(n.cut, link{from, to}) }

// Isolate cuts a host off from all others, both ways.
func (n *Network) Isolate(id core.NodeID) {
	for _, h := range n.w.Hosts {
		if h.ID != id {
			n.Cut(h.ID, id)
			n.Cut(id, h.ID)
		}
	}
}

// Partition lets only hosts of the same side speak. Hosts that are on no side are alone.
func (n *Network) Partition(sides ...[]core.NodeID) {
	n.Heal()
	side := map[core.NodeID]int{}
	for i, ids := range sides {
		for _, id := range ids {
			side[id] = i + 1
		}
	}
	for _, a := range n.w.Hosts {
		for _, b := range n.w.Hosts {
			if a != b && (side[a.ID] == 0 || side[a.ID] != side[b.ID]) {
				n.Cut(a.ID, b.ID)
			}
		}
	}
}

// Heal undoes every cut.
func (n *Network) Heal() { clear(n.cut) }

// Release sends on what was held back, in order, and holds nothing any more.
func (n *Network) Release() {
	n.Hold = nil
	for _, f := range n.held {
		n.carry(f)
	}
	n.held = nil
}

// send takes messages of one host for whoever is found at an address: each is a frame of its own,
// so that faults can take one and leave the next.
func (n *Network) send(from *Host, to core.Addr, messages []core.Message) {
	door := n.w.doors[to]
	for i := range messages {
		m := &messages[i]
		n.w.Report.Messages++
		n.w.tell(func(o Observer) { o.Sent(from, m) })
		data, err := codec.Limits{}.AppendFrame(nil, messages[i:i+1])
		if err != nil {
			n.w.Fail("wire", "host %d: encode %v to %d: %v", from.ID, m.Kind, m.To, err)
			return
		}
		n.w.record(traceMessage, from.ID, uint64(crc32.ChecksumIEEE(data)))
		if door == nil {
			continue
		}
		f := frame{link: link{from.ID, door.ID}, kind: m.Kind, bytes: data,
			incarnation: door.incarnation, change: core.RequestKind(m.Round) == core.RequestChange}
		if n.Hold != nil && n.Hold(m) {
			n.held = append(n.held, f)
			continue
		}
		n.dispatch(f)
	}
}

// dispatch lets faults decide what becomes of a frame.
func (n *Network) dispatch(f frame) {
	for _, a := range n.w.active {
		if change := classes[a.Kind].frame; change != nil {
			change(n, a, &f)
		}
	}
	if f.lost && f.kind == core.MsgForward {
		n.w.reached(StateForwardLost)
	}
	if f.lost || n.cut[f.link] || n.w.network.Float64() < n.Loss {
		return
	}
	if !f.corrupt {
		n.remember(f)
	}
	n.carry(f)
	if f.repeated || n.w.network.Float64() < n.Repeat {
		n.carry(f)
	}
}

// remember keeps a frame for a replay in the place of another.
func (n *Network) remember(f frame) {
	f.repeated, f.delay = false, 0
	if len(n.past) < maxPast {
		n.past = append(n.past, f)
	} else if n.w.network.IntN(16) == 0 {
		n.past[n.w.network.IntN(maxPast)] = f
	}
}

func (n *Network) carry(f frame) {
	n.w.After(n.Delay()+f.delay, func() { n.arrive(f) })
}

func (n *Network) arrive(f frame) {
	h := n.w.Host(f.to)
	late := n.w.closing != 0 && n.w.now > n.w.closing
	if f.incarnation < h.born || late && f.change && f.kind == core.MsgForward {
		return
	}
	messages, _, err := codec.Limits{}.DecodeFrame(nil, f.bytes)
	switch {
	case f.corrupt && err != nil:
		n.w.fired(FaultCorrupt)
		return
	case f.corrupt:
		n.w.Fail("wire", "host %d took a frame of which a bit had flipped: %v", f.to, messages)
		return
	case err != nil:
		n.w.Fail("wire", "host %d: decode: %v", f.to, err)
		return
	}
	if h.incarnation != f.incarnation && h.Up() {
		n.w.fired(FaultLate)
	}
	h.deliver(messages)
}
