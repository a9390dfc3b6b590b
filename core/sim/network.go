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
	held []held

	// Delay draws how long a frame travels; Loss and Repeat are chances.
	Delay  func() core.Instant
	Loss   float64
	Repeat float64
	// Hold, if set, keeps back the messages for which it is true until Release.
	Hold func(m *core.Message) bool
}

// link is one direction between two hosts.
type link struct{ from, to core.NodeID }

type held struct {
	to    core.NodeID
	frame []byte
}

var frameLimits = codec.Limits{MaxFrameBytes: codec.DefaultFrameBytes}

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
	for _, h := range n.held {
		n.carry(h.to, h.frame)
	}
	n.held = nil
}

// send takes messages of one host for another: each is a frame of its own, so that faults can take
// one and leave the next.
func (n *Network) send(from *Host, messages []core.Message) {
	for i := range messages {
		m := &messages[i]
		n.w.Report.Messages++
		n.w.tell(func(o Observer) { o.Sent(from, m) })
		frame, err := frameLimits.AppendFrame(nil, messages[i:i+1])
		if err != nil {
			n.w.Fail("wire", "host %d: encode %v to %d: %v", from.ID, m.Kind, m.To, err)
			return
		}
		n.w.record(traceMessage, from.ID, uint64(crc32.ChecksumIEEE(frame)))
		switch {
		case n.Hold != nil && n.Hold(m):
			n.held = append(n.held, held{m.To, frame})
		case n.cut[link{from.ID, m.To}] || n.w.network.Float64() < n.Loss:
		default:
			n.carry(m.To, frame)
			if n.w.network.Float64() < n.Repeat {
				n.carry(m.To, frame)
			}
		}
	}
}

func (n *Network) carry(to core.NodeID, frame []byte) {
	if to == 0 || int(to) > len(n.w.Hosts) {
		return
	}
	n.w.After(n.Delay(), func() {
		h := n.w.Host(to)
		messages, _, err := frameLimits.DecodeFrame(nil, frame)
		if err != nil {
			n.w.Fail("wire", "host %d: decode: %v", to, err)
			return
		}
		h.deliver(messages)
	})
}
