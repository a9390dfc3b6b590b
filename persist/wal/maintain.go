package wal

import (
	"errors"
	"fmt"
	"time"

	"github.com/tidelock-raft/tidelock/core"
)

// proveAfter is how long nothing was written when the last batch gets a proof; it may take twice
// as long. A log that is being written to never pays for it.
const proveAfter = time.Second

// kickMaintenance has segments made and given up, at once or soon, and after wakes, the first batch
// behind a proof, another proof.
func (l *Log) kickMaintenance(wakes bool) {
	if l.kick == nil {
		l.maintain()
		return
	}
	l.mu.RLock()
	idle := !l.wanted && len(l.retired) == 0
	l.mu.RUnlock()
	if idle && !wakes {
		return
	}
	select {
	case l.kick <- struct{}{}:
	default: // it is kicked already
	}
}

func (l *Log) maintainAlways() {
	defer close(l.ended)
	timer := time.NewTimer(proveAfter)
	defer timer.Stop()
	var seen uint64 // sequence at the last look
	for resting := false; ; {
		select {
		case _, open := <-l.kick:
			if !open {
				return
			}
			l.maintain()
			if resting {
				resting = false
				timer.Reset(proveAfter)
			}
		case <-timer.C:
			if seen, resting = l.rest(seen); !resting {
				timer.Reset(proveAfter)
			}
		}
	}
}

// rest proves the last batch if nothing was written since seen was the sequence. A failure is told
// to the next Write, as any failed write is.
func (l *Log) rest(seen uint64) (sequence uint64, resting bool) {
	if !l.writing.TryLock() {
		return seen, false // by a Write, or by a Close that waits for us
	}
	defer l.writing.Unlock()
	if l.end.sequence == seen && l.failed == nil {
		if l.failed = l.prove(); l.failed != nil {
			l.config.Logger.Error("the log cannot be written to any more", "cause", l.failed)
		}
	}
	return l.end.sequence, l.proved == l.end.sequence || l.failed != nil
}

// maintain does what there is to do. A segment that could not be made is made by the Write that
// needs it, or that Write fails. One that could not be given up stays until the next Open, and so
// do those behind it: it is not known what is on the disk.
func (l *Log) maintain() {
	l.upkeep.Lock()
	defer l.upkeep.Unlock()
	for {
		l.mu.RLock()
		wanted, retired := l.wanted && l.next == nil, l.retired
		if l.leaking {
			retired = nil
		}
		size := l.nextSize()
		l.mu.RUnlock()
		var err error
		switch {
		case len(retired) > 0:
			err = l.giveUp(retired[0])
			l.leaking = err != nil
		case wanted:
			err = l.makeNext(size)
		default:
			return
		}
		if err != nil {
			l.config.Logger.Warn("upkeep of the log is put off", "cause", err)
			return
		}
	}
}

// nextSize is the length of the next segment unless a large batch needs more.
func (l *Log) nextSize() int64 {
	return min(l.active().size*growthFactor, l.config.SegmentBytes)
}

// makeNext makes the next segment. The caller holds upkeep.
func (l *Log) makeNext(size int64) error {
	l.mu.Lock()
	l.wanted = false
	zeros := l.mean < largeFrame
	h := l.header(l.active().number+1, alignUp(size))
	var spare *segment
	if n := len(l.spares); n > 0 && l.spares[n-1].size >= size {
		spare, l.spares = l.spares[n-1], l.spares[:n-1]
	}
	l.mu.Unlock()
	if h.number > 1<<32-1 || h.size > maxSegmentBytes*2 {
		return fmt.Errorf("make segment %d of %d bytes: %w", h.number, h.size, core.ErrTooLarge)
	}
	s, err := makeSegment(l.fs, l.dir, h, spare, zeros)
	l.short.Store(errors.Is(err, core.ErrFull))
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.next = s
	l.mu.Unlock()
	return nil
}

// ensureNext sees to it that there is a next segment of at least this size.
func (l *Log) ensureNext(size int64) error {
	l.upkeep.Lock()
	defer l.upkeep.Unlock()
	l.mu.Lock()
	s := l.next
	if s != nil && s.size >= size {
		l.mu.Unlock()
		return nil
	}
	l.next = nil
	size = max(size, l.nextSize())
	l.mu.Unlock()
	if s != nil {
		if err := l.remove(s); err != nil {
			return err
		}
	}
	return l.makeNext(size)
}

// retire takes the segments that hold nothing alive off the front of the index. What they said
// about groups stands in the checkpoint of the segment behind them, and is durable.
func (l *Log) retire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.index.segments) > 1 && l.index.segments[0].live == 0 {
		l.retired = append(l.retired, l.index.segments[0])
		l.index.segments = l.index.segments[1:]
	}
}

// giveUp removes the oldest segment, or keeps its file for another life. The directory is synced
// each time: if a crash could bring back an older segment and not a younger, the log would have a
// gap. The caller holds upkeep.
func (l *Log) giveUp(s *segment) error {
	l.mu.RLock()
	keep := s.size == l.config.SegmentBytes && len(l.spares) < maxSpares
	l.mu.RUnlock()
	if keep = keep && s.refs.Load() == 1; keep { // no read is in progress, and none can begin
		if err := l.fs.Rename(s.path, s.path+temporary); err != nil {
			return fmt.Errorf("give up segment: %w", err)
		}
		s.path += temporary
		if err := l.fs.SyncDir(l.dir); err != nil {
			return fmt.Errorf("give up segment: %w", err)
		}
	} else if err := l.remove(s); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.retired = l.retired[1:]; keep {
		l.spares = append(l.spares, s)
	}
	l.wanted = l.wanted || l.next == nil && l.short.Load()
	return nil
}

func (l *Log) remove(s *segment) error {
	if err := l.fs.Remove(s.path); err != nil {
		return fmt.Errorf("remove segment: %w", err)
	}
	if err := l.fs.SyncDir(l.dir); err != nil {
		return fmt.Errorf("remove segment: %w", err)
	}
	return s.release()
}
