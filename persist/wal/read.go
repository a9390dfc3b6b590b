package wal

import (
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/internal/change"
)

// maxGap is how many bytes of no interest are read along to save a read of its own.
const maxGap = 512

// run is slots of successive entries that are read together.
type run struct {
	s     *segment // referenced
	first core.Index
	slots []slot
}

// Entries implements core.Store. Entries that lie together are read with one read, into memory of
// their own that their Data points to.
func (l *Log) Entries(dst []core.Entry, g core.GroupID, lo, hi core.Index, maxBytes int,
) ([]core.Entry, error) {
	runs, err := l.locate(g, lo, hi, maxBytes)
	entries := dst
	for _, r := range runs {
		if err == nil {
			entries, err = r.read(entries, g)
		}
		r.s.release() // closing a file that was given up meanwhile; an error changes nothing
	}
	if err != nil {
		return dst, err
	}
	return entries, nil
}

// locate says where the entries are, as many of them as maxBytes allows.
func (l *Log) locate(id core.GroupID, lo, hi core.Index, maxBytes int) ([]run, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return nil, core.ErrClosed
	}
	g, err := l.index.find(id)
	if err != nil {
		return nil, err
	}
	if err := change.Range(&g.State, lo, hi); err != nil {
		return nil, fmt.Errorf("group %d: %w", id, err)
	}
	slots := g.slots(lo, hi, maxBytes)
	var runs []run
	for n := 0; n < len(slots); {
		length := together(slots[n:])
		s := l.index.segment(slots[n].segment)
		s.refs.Add(1)
		runs = append(runs, run{s: s, first: lo + core.Index(n), slots: slots[n : n+length]})
		n += length
	}
	return runs, nil
}

// slots returns the slots from lo on, as many as weigh no more than maxBytes, at least one.
func (g *group) slots(lo, hi core.Index, maxBytes int) []slot {
	var slots []slot
	for i, size := lo, 0; i < hi; i++ {
		s := g.table.at(i)
		if size += int(s.length) - entryFixed + core.EntryOverhead; size > maxBytes && i > lo {
			break
		}
		if slots == nil {
			slots = make([]slot, 0, max(1, min(int(hi-lo), 1+maxBytes/size)))
		}
		slots = append(slots, s)
	}
	return slots
}

// together counts the slots at the beginning that are worth one read.
func together(slots []slot) int {
	for n := 1; n < len(slots); n++ {
		end := slots[n-1].offset + slots[n-1].length
		if slots[n].segment != slots[0].segment || slots[n].offset < end ||
			slots[n].offset-end > maxGap {
			return n
		}
	}
	return len(slots)
}

// read reads the entries of a run, each of which must be what the index says.
func (r run) read(dst []core.Entry, g core.GroupID) ([]core.Entry, error) {
	last := r.slots[len(r.slots)-1]
	base := r.slots[0].offset - sumBytes
	buf := make([]byte, last.offset+last.length-base)
	if err := readFull(r.s.file, buf, int64(base)); err != nil {
		return nil, r.s.fault(int64(base), err)
	}
	for i, at := range r.slots {
		from := at.offset - base
		e, err := at.decode(buf[from-sumBytes:from+at.length], g, r.first+core.Index(i))
		if err != nil {
			return nil, r.s.corrupt(int64(at.offset), err)
		}
		dst = append(dst, e)
	}
	return dst, nil
}

// decode reads the record of an entry, which the chain precedes.
func (s slot) decode(buf []byte, g core.GroupID, i core.Index) (core.Entry, error) {
	r, _, err := checkedRecord(buf[sumBytes:], little.Uint32(buf))
	if err == nil {
		err = r.check()
	}
	if err != nil {
		return core.Entry{}, err
	}
	if r.kind != recordEntry && r.kind != recordMoved {
		return core.Entry{}, fmt.Errorf("%w: got a record of kind %v", errRecord, r.kind)
	}
	if e := r.entry(); r.place.sum == s.sum && r.group == g && e.Index == i && e.Term == s.term {
		return e, nil
	}
	return core.Entry{}, fmt.Errorf("%w: got another record, sum %08x, want %08x",
		errRecord, r.place.sum, s.sum)
}
