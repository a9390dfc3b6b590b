package wal

import "github.com/tidelock-raft/tidelock/core"

// A group that stands still pins the segments that hold its entries, be they ever so few. When more
// than half of the log is dead, each Write therefore takes along some of what is alive in the
// oldest segment, about as much as it writes itself, until nothing is. So the log stays below three
// times what is alive and a few segments, and no Write waits for much more than its own share.
const (
	cleanSlack = 4        // segments that may be dead before it is worth anything
	cleanBytes = 16 << 10 // the least that a Write takes along
)

// cleaner is how far the cleaning of the oldest segment has come.
type cleaner struct {
	scan  *scanner
	end   end
	body  []byte // records of the frame that was read last that are not seen to yet
	at    int64  // of the first of them
	need  int64  // length of the next record to be moved, if there was no room for it
	stuck uint64 // number of a segment that cannot be read
}

// dirty reports whether more than half of the log is dead.
func (l *Log) dirty() bool {
	segments := l.index.segments
	if len(segments) <= cleanSlack || segments[0].number == l.cleaner.stuck {
		return false
	}
	var size, live int64
	for _, s := range segments {
		size, live = size+s.size, live+s.live
	}
	return size > 2*live+cleanSlack*l.config.SegmentBytes
}

// clean adds entries of the oldest segment to the frame that is being built: at most room bytes of
// them, and not many more than length. An entry that found no room is in cleaner.need, and the next
// Write sees to it that there is enough.
func (l *Log) clean(room, length int64) {
	if !l.dirty() {
		return
	}
	c, victim := &l.cleaner, l.index.segments[0]
	if c.scan == nil || c.scan.s != victim {
		scan, err := newScanner(victim)
		if err != nil {
			l.stuck(victim, err)
			return
		}
		*c = cleaner{scan: scan}
	}
	budget := max(length, cleanBytes)
	room += int64(len(l.builder.buf))
	for seen := int64(0); seen < 4*budget && victim.live > 0; {
		if len(c.body) == 0 {
			c.at = c.scan.at + frameHeader
			f, body, err := c.scan.next(c.end)
			if err != nil {
				l.stuck(victim, err)
				return
			}
			c.body, c.end = body, end{sequence: f.sequence + 1, chain: f.head}
			seen += frameRoom(int64(f.length))
		}
		if !l.move(victim, budget, room) {
			return
		}
	}
}

// move adds the entries of the frame in hand that are alive to the builder; all is false if it
// stopped because the budget was spent or the room was.
func (l *Log) move(victim *segment, budget, room int64) (all bool) {
	c := &l.cleaner
	for len(c.body) > 0 {
		r, rest, err := parseRecord(c.body)
		if err != nil || r.check() != nil {
			c.body = nil // cannot be: the frame was verified, and applied once
			return true
		}
		length := int64(r.place.length)
		if l.alive(victim, c.at, &r) {
			written := int64(len(l.builder.buf))
			if c.need = length; written > budget || written+length > room {
				return false
			}
			e := r.entry()
			l.builder.entry(recordMoved, r.group, &e)
			c.need = 0
		}
		c.at, c.body = c.at+length, rest
	}
	return true
}

// alive reports whether the index points to the record at off.
func (l *Log) alive(s *segment, off int64, r *record) bool {
	if r.kind != recordEntry && r.kind != recordMoved {
		return false
	}
	g := l.index.groups[r.group]
	if g == nil {
		return false
	}
	at := g.table.at(core.Index(r.word(0)))
	return at.length > 0 && uint64(at.segment) == s.number && int64(at.offset) == off
}

// stuck leaves a segment alone that cannot be read: what is alive in it stays there, to be reported
// by whoever reads it.
func (l *Log) stuck(s *segment, err error) {
	l.cleaner = cleaner{stuck: s.number}
	l.config.Logger.Error("a segment cannot be cleaned and stays", "path", s.path, "cause", err)
}
