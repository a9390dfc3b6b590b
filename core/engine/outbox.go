package engine

import "github.com/tidelock-raft/tidelock/core"

// Outbox gathers messages by peer, in the order in which peers were first written to.
type Outbox struct {
	boxes []Box
	used  int
}

// Box holds the messages for one peer.
type Box struct {
	To       core.Addr
	Messages []core.Message
}

// Add puts messages into the box for to.
func (o *Outbox) Add(to core.Addr, messages ...core.Message) {
	b := o.box(to)
	b.Messages = append(b.Messages, messages...)
}

// box returns the box for to, a new one if need be.
func (o *Outbox) box(to core.Addr) *Box {
	for i := range o.boxes[:o.used] {
		if o.boxes[i].To == to {
			return &o.boxes[i]
		}
	}
	if o.used == len(o.boxes) {
		o.boxes = append(o.boxes, Box{})
	}
	o.used++
	o.boxes[o.used-1].To = to
	return &o.boxes[o.used-1]
}

// Boxes returns the boxes that hold messages.
func (o *Outbox) Boxes() []Box { return o.boxes[:o.used] }

// Move appends everything in o to dst and empties o.
func (o *Outbox) Move(dst *Outbox) {
	for i := range o.boxes[:o.used] {
		dst.Add(o.boxes[i].To, o.boxes[i].Messages...)
	}
	o.Reset()
}

// Reset empties the outbox and keeps its memory.
func (o *Outbox) Reset() {
	for i := range o.boxes[:o.used] {
		clear(o.boxes[i].Messages)
		o.boxes[i].Messages = o.boxes[i].Messages[:0]
	}
	o.used = 0
}
