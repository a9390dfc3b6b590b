package raft

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/tidelock-raft/tidelock/core"
)

// Sizes of chunks. A chunk holds whole batches where it can, so that what was appended together can
// be sent and written together without copying.
const (
	minChunkEntries = 8
	maxChunkEntries = 4096
	chunkBytes      = 1 << 20
)

// journal is the log as this replica sees it: the newest entries in memory, the rest on disk.
//
// Memory that was handed out is never overwritten: chunks are only appended to, and one that is
// truncated is clipped, so that the next append begins a new one.
//
// Invariants:
//  1. Chunks are not empty, follow each other without a gap, and end at last.
//  2. start ≤ last, durable ≤ last, unwritten ≤ last+1, in indexes.
//  3. Entries below unwritten that are not in a chunk are durable.
//  4. bytes is the sum of Entry.Size over the chunks.
type journal struct {
	disk      Log
	start     core.Position // of the entry before the first
	last      core.Position
	durable   core.Index // the log up to here is on disk
	unwritten core.Index // the first entry not handed out to be written
	chunks    []chunk
	bytes     int
	joined    []core.Entry // the last slice that had to be put together from several chunks
}

type chunk struct {
	entries []core.Entry
	bytes   int
}

func (c *chunk) first() core.Index { return c.entries[0].Index }

// cached is the first index whose entry is in memory, last+1 when none is.
func (j *journal) cached() core.Index {
	if len(j.chunks) == 0 {
		return j.last.Index + 1
	}
	return j.chunks[0].first()
}

// chunkOf returns the place of the chunk that holds index i, which is in memory.
func (j *journal) chunkOf(i core.Index) int {
	if n := len(j.chunks) - 1; i >= j.chunks[n].first() {
		return n // nearly always
	}
	n, found := slices.BinarySearchFunc(j.chunks, i, func(c chunk, i core.Index) int {
		return cmp.Compare(c.first(), i)
	})
	if !found {
		n--
	}
	return n
}

// term returns the term of the entry at i, start ≤ i ≤ last. Errors: core.ErrCompacted,
// core.ErrUnavailable and the disk's.
func (j *journal) term(i core.Index) (core.Term, error) {
	switch {
	case i == j.last.Index:
		return j.last.Term, nil
	case i == j.start.Index:
		return j.start.Term, nil
	case i < j.start.Index:
		return 0, core.ErrCompacted
	case i > j.last.Index:
		return 0, core.ErrUnavailable
	case i < j.cached():
		return j.disk.Term(i)
	}
	c := &j.chunks[j.chunkOf(i)]
	return c.entries[i-c.first()].Term, nil
}

// slice returns entries from lo on, below hi, and their size; at least one, and no more than
// maxBytes beyond that. It may stop early where the disk's part ends. start < lo < hi ≤ last+1.
func (j *journal) slice(lo, hi core.Index, maxBytes int) ([]core.Entry, int, error) {
	if lo <= j.start.Index {
		return nil, 0, core.ErrCompacted
	}
	if cached := j.cached(); lo < cached {
		return j.load(lo, min(hi, cached), maxBytes)
	}
	first := j.chunkOf(lo)
	at, bytes := lo, 0
	for n := first; at < hi && n < len(j.chunks); n++ {
		c := &j.chunks[n]
		for k := at - c.first(); k < core.Index(len(c.entries)) && at < hi; k++ {
			size := c.entries[k].Size()
			if at > lo && size > maxBytes-bytes {
				hi = at
				break
			}
			bytes += size
			at++
		}
	}
	c := &j.chunks[first]
	if end := at - c.first(); end <= core.Index(len(c.entries)) {
		return c.entries[lo-c.first() : end : end], bytes, nil
	}
	return j.join(first, lo, at), bytes, nil
}

// load reads entries from the disk and checks that it gave what was asked for.
func (j *journal) load(lo, hi core.Index, maxBytes int) ([]core.Entry, int, error) {
	entries, err := j.disk.Entries(nil, lo, hi, max(0, maxBytes))
	if err != nil {
		return nil, 0, err
	}
	if len(entries) == 0 || entries[0].Index != lo || core.Index(len(entries)) > hi-lo {
		return nil, 0, fmt.Errorf("%w: asked for entries %d to %d, got %d of them",
			core.ErrCorrupt, lo, hi-1, len(entries))
	}
	bytes := 0
	for i := range entries {
		bytes += entries[i].Size()
	}
	return entries, bytes, nil
}

// join copies entries lo … hi-1, which begin in chunk n, into one slice. It remembers the slice,
// because the disk and each follower mostly ask for the same.
func (j *journal) join(n int, lo, hi core.Index) []core.Entry {
	if k := len(j.joined); k == 0 || lo < j.joined[0].Index || hi > j.joined[k-1].Index+1 {
		joined := make([]core.Entry, 0, hi-lo)
		for at := lo; at < hi; n++ {
			c := &j.chunks[n]
			end := min(hi-c.first(), core.Index(len(c.entries)))
			joined = append(joined, c.entries[at-c.first():end]...)
			at = c.first() + end
		}
		j.joined = joined
	}
	base := j.joined[0].Index
	return j.joined[lo-base : hi-base : hi-base]
}

// append adds entries, the first of which is last+1.
func (j *journal) append(entries []core.Entry) {
	for len(entries) > 0 {
		n, bytes := fit(entries)
		c := j.tail(n, bytes)
		c.entries = append(c.entries, entries[:n]...)
		c.bytes += bytes
		j.bytes += bytes
		j.last = entries[n-1].Position
		entries = entries[n:]
	}
}

// fit returns how many of the entries go together into one chunk, and their size.
func fit(entries []core.Entry) (n, bytes int) {
	for n < len(entries) && n < maxChunkEntries {
		size := entries[n].Size()
		if n > 0 && bytes+size > chunkBytes {
			break
		}
		bytes += size
		n++
	}
	return n, bytes
}

// tail returns a chunk with room for n more entries: the last one, or a new one. That is twice as
// large, unless the last one was full by its bytes: so a group that is hardly used stays small, and
// with many writers few ranges that are sent or written have to be joined from several chunks.
func (j *journal) tail(n, bytes int) *chunk {
	size := minChunkEntries
	if k := len(j.chunks); k > 0 {
		c := &j.chunks[k-1]
		if len(c.entries)+n <= cap(c.entries) && c.bytes+bytes <= chunkBytes {
			return c
		}
		size = max(size, len(c.entries)+n)
		if c.bytes+bytes <= chunkBytes {
			size = max(size, 2*cap(c.entries))
		}
		size = min(maxChunkEntries, size)
	}
	j.chunks = append(j.chunks, chunk{entries: make([]core.Entry, 0, max(n, size))})
	return &j.chunks[len(j.chunks)-1]
}

// truncate cuts off the entries from index from on. before is the position that becomes last.
func (j *journal) truncate(before core.Position) {
	from := before.Index + 1
	for len(j.chunks) > 0 {
		n := len(j.chunks) - 1
		c := &j.chunks[n]
		keep := 0
		if from > c.first() {
			keep = int(min(from-c.first(), core.Index(len(c.entries))))
		}
		for i := range c.entries[keep:] {
			size := c.entries[keep+i].Size()
			c.bytes -= size
			j.bytes -= size
		}
		if keep > 0 {
			c.entries = c.entries[:keep:keep]
			break
		}
		j.chunks = slices.Delete(j.chunks, n, n+1)
	}
	j.joined = nil
	j.last = before
	j.durable = min(j.durable, before.Index)
	j.unwritten = min(j.unwritten, from)
}

// reset makes the log empty, to begin after at; nothing of it is on disk yet.
func (j *journal) reset(at core.Position) {
	*j = journal{disk: j.disk, start: at, last: at, unwritten: at.Index + 1}
}

// compact forgets the entries up to and including at.
func (j *journal) compact(at core.Position) {
	j.start = at
	j.drop(func(c *chunk) bool { return c.entries[len(c.entries)-1].Index <= at.Index })
}

// trim lets go of the oldest chunks up to index done while more than limit bytes are in memory.
func (j *journal) trim(limit int, done core.Index) {
	if j.bytes <= limit {
		return
	}
	j.drop(func(c *chunk) bool {
		return j.bytes-c.bytes >= limit && c.entries[len(c.entries)-1].Index <= done
	})
}

// drop takes out chunks from the front while old says so.
func (j *journal) drop(old func(*chunk) bool) {
	n := 0
	for n < len(j.chunks) && old(&j.chunks[n]) {
		j.bytes -= j.chunks[n].bytes
		n++
	}
	if n > 0 {
		j.chunks = slices.Delete(j.chunks, 0, n)
		j.joined = nil
	}
}

// atMost returns the last position in [lo, hi] whose term is no higher than t, lo ≥ start; when
// there is none, that at lo. Terms never fall along a log, so it searches by halves.
func (j *journal) atMost(t core.Term, lo, hi core.Index) (core.Position, error) {
	for lo < hi {
		middle := lo + (hi-lo+1)/2
		at, err := j.term(middle)
		if err != nil {
			return core.Position{}, err
		}
		if at <= t {
			lo = middle
		} else {
			hi = middle - 1
		}
	}
	at, err := j.term(lo)
	return core.Position{Term: at, Index: lo}, err
}

// entry returns the entry at i, start < i ≤ last.
func (j *journal) entry(i core.Index) (core.Entry, error) {
	entries, _, err := j.slice(i, i+1, 0)
	if err != nil {
		return core.Entry{}, err
	}
	return entries[0], nil
}

var errEntries = errors.New("raft: entries do not follow each other")

// checkEntries returns an error unless entries may stand after prev in a log of a node in term.
func checkEntries(prev core.Position, entries []core.Entry, term core.Term) error {
	for i := range entries {
		e := &entries[i]
		switch {
		case e.Index != prev.Index+1 || e.Term < prev.Term || e.Term == 0 || e.Term > term:
			return fmt.Errorf("%w: %v after %v in term %d", errEntries, e.Position, prev, term)
		case !e.Kind.Valid():
			return fmt.Errorf("%w: entry %d is of %v", errEntries, e.Index, e.Kind)
		case e.Kind == core.EntryMembership:
			if _, err := membershipOf(e); err != nil {
				return err
			}
		}
		prev = e.Position
	}
	return nil
}
