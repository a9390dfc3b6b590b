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

// Add puts m into the box for to.
func (o *Outbox) Add(to core.Addr, m core.Message) {
	for i := range o.boxes[:o.used] {
		if o.boxes[i].To == to {
			o.boxes[i].Messages = append(o.boxes[i].Messages, m)
			return
		}
	}
	if o.used == len(o.boxes) {
		o.boxes = append(o.boxes, Box{})
	}
	o.boxes[o.used].To = to
	o.boxes[o.used].Messages = append(o.boxes[o.used].Messages, m)
	o.used++
}

// Boxes returns the boxes that hold messages.
func (o *Outbox) Boxes() []Box { return o.boxes[:o.used] }

// Move appends everything in o to dst and empties o.
func (o *Outbox) Move(dst *Outbox) {
	for i := range o.boxes[:o.used] {
		for _, m := range o.boxes[i].Messages {
			dst.Add(o.boxes[i].To, m)
		}
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
