package wal

import "github.com/tidelock-raft/tidelock/core"

// slot says where an entry is. A slot of length zero says that it is not known where.
type slot struct {
	term    core.Term
	segment uint32 // number
	offset  uint32 // of the record, in the segment
	length  uint32 // of the record
	sum     uint32 // of the record, with the chain before it
}

// chunkSlots is how many slots are allocated at a time, 12 KiB of them.
const chunkSlots = 512

type chunk [chunkSlots]slot

// table is the slots of a group's entries, by index: 24 bytes an entry. Growing never copies them,
// and chunks in which nothing is known are nil.
type table struct {
	low    core.Index // the first index of chunks[0], a multiple of chunkSlots
	chunks []*chunk
}

// at returns the slot of i; the zero slot if there is none.
func (t *table) at(i core.Index) slot {
	if i < t.low || (i-t.low)/chunkSlots >= core.Index(len(t.chunks)) {
		return slot{}
	}
	if c := t.chunks[(i-t.low)/chunkSlots]; c != nil {
		return c[i%chunkSlots]
	}
	return slot{}
}

// put sets the slot of i, which is not below low unless the table is empty.
func (t *table) put(i core.Index, s slot) {
	if len(t.chunks) == 0 {
		t.low = i - i%chunkSlots
	}
	n := int((i - t.low) / chunkSlots)
	for n >= len(t.chunks) {
		t.chunks = append(t.chunks, nil)
	}
	if t.chunks[n] == nil {
		t.chunks[n] = new(chunk)
	}
	t.chunks[n][i%chunkSlots] = s
}

// forget empties the slots lo … hi-1 and tells dropped of each that was not empty.
func (t *table) forget(lo, hi core.Index, dropped func(slot)) {
	lo, hi = max(lo, t.low), min(hi, t.low+core.Index(len(t.chunks))*chunkSlots)
	for i := lo; i < hi; i++ {
		c := t.chunks[(i-t.low)/chunkSlots]
		if c == nil {
			i += chunkSlots - 1 - i%chunkSlots
		} else if s := &c[i%chunkSlots]; s.length > 0 {
			dropped(*s)
			*s = slot{}
		}
	}
}

// trim gives up the chunks that lie outside of lo … hi-1.
func (t *table) trim(lo, hi core.Index) {
	for len(t.chunks) > 0 && t.low+chunkSlots <= lo {
		t.chunks[0] = nil
		t.chunks, t.low = t.chunks[1:], t.low+chunkSlots
	}
	for n := len(t.chunks); n > 0 && t.low+core.Index(n-1)*chunkSlots >= hi; n-- {
		t.chunks[n-1] = nil
		t.chunks = t.chunks[:n-1]
	}
}
