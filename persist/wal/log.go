package wal

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/internal/change"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

const lockName = "lock"

// Log is an open log. It is a core.Store.
type Log struct {
	fs     vfs.FS
	dir    string
	config Config
	lock   interface{ Close() error }

	// writing is held by Write and Close, and guards what follows.
	writing sync.Mutex
	plan    change.Plan
	builder builder
	end     end
	cleaner cleaner
	proved  uint64 // the sequence that the proof in the segment in use has
	failed  error

	// mu guards what follows. It is never held over I/O. The index is changed by the holder of
	// writing alone, who therefore may read it without mu.
	mu      sync.RWMutex
	index   index
	closed  bool
	next    *segment   // made, but not in use
	wanted  bool       // a next segment should be made
	mean    int64      // bytes of a frame, lately
	retired []*segment // no longer in the index, oldest first; their files are there yet
	spares  []*segment // given up, to be made into new ones

	// upkeep is held while segments are made and given up.
	upkeep  sync.Mutex
	short   atomic.Bool   // the newest attempt to make a segment found no room
	leaking bool          // guarded by upkeep: nothing is given up any more
	kick    chan struct{} // nil: Config.Inline
	ended   chan struct{}
}

var _ core.RoomStore = (*Log)(nil)

// Open opens the log in a directory, and makes both as needed. The log is locked against other
// processes until Close.
//
// Errors: vfs.ErrLocked; *core.CorruptError for damage, which leaves every file as it is;
// ErrVersion; and those of the file system.
func Open(fsys vfs.FS, dir string, c Config) (*Log, error) {
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	lock, err := fsys.Lock(filepath.Join(dir, lockName))
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	l := &Log{fs: fsys, dir: dir, config: c.withDefaults(), lock: lock}
	if err := l.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open log: %w", err), lock.Close())
	}
	if !l.config.Inline {
		l.kick, l.ended = make(chan struct{}, 1), make(chan struct{})
		go l.maintainAlways() // ended by Close
	}
	l.retire()
	l.kickMaintenance(false)
	return l, nil
}

func (l *Log) open() error {
	list, err := numbers(l.fs, l.dir)
	if err != nil {
		return err
	}
	var r recovery
	if err = r.run(l.fs.OpenReadWrite, l.dir, list); err == nil {
		l.index, l.end, l.next, l.proved = r.index, r.end, r.next, r.proved
		err = l.begin()
	}
	if err != nil {
		closeFiles(append(append(l.index.segments, r.segments...), r.next))
	}
	return err
}

// begin makes the log that was read ready to be written to.
func (l *Log) begin() error {
	if err := l.removeTemporary(); err != nil {
		return err
	}
	if len(l.index.segments) == 0 {
		size := alignUp(max(l.config.SegmentBytes/firstFraction, minSegmentBytes))
		s, err := makeSegment(l.fs, l.dir, l.header(1, size), nil, true)
		if err != nil {
			return err
		}
		l.end.sequence = 1
		return l.activate(s)
	}
	l.report()
	if l.end.kind == 0 {
		s := l.index.segments[0]
		l.index.segments = nil
		return l.activate(s)
	}
	if err := l.active().file.Sync(); err != nil {
		return fmt.Errorf("sync the log: %w", err)
	}
	if l.end.kind != frameSeal {
		return l.prove()
	}
	s := l.next
	l.next = nil
	return l.activate(s)
}

// report logs how the log ended, if it ended in a crash.
func (l *Log) report() {
	s := l.active()
	if l.end.at == firstFrame && l.next != nil {
		s = l.next
	}
	if l.end.torn {
		l.config.Logger.Warn("the log ends in a batch that was not finished; it is dropped",
			"path", s.path, "offset", l.end.at, "cause", l.end.cause)
	} else if l.end.cause != nil {
		l.config.Logger.Info("the log was not closed", "path", s.path, "offset", l.end.at)
	}
}

// removeTemporary removes what was being made or given up when the log was last in use. The names
// that are left may be as new, and are made durable before anything goes into a file of theirs.
func (l *Log) removeTemporary() error {
	names, err := l.fs.List(l.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasSuffix(name, suffix+temporary) {
			if err := l.fs.Remove(filepath.Join(l.dir, name)); err != nil {
				return fmt.Errorf("remove what a crash left: %w", err)
			}
		}
	}
	return l.fs.SyncDir(l.dir)
}

// header is that of a new segment.
func (l *Log) header(number uint64, size int64) header {
	h := header{log: mix(l.config.Salt), salt: mix(l.config.Salt + number), number: number, size: size}
	if len(l.index.segments) > 0 {
		h.log = l.index.segments[0].log
	}
	return h
}

// mix spreads the bits of x over the result (the finalizer of SplitMix64).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (l *Log) active() *segment { return l.index.segments[len(l.index.segments)-1] }

// Short implements core.RoomStore. There was no room for the next segment; in the one in use there
// still is some, or Write says that there is none.
func (l *Log) Short() bool { return l.short.Load() }

// Groups implements core.Store.
func (l *Log) Groups() ([]core.GroupID, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return nil, core.ErrClosed
	}
	return l.index.ids(), nil
}

// State implements core.Store.
func (l *Log) State(g core.GroupID) (core.State, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return core.State{}, core.ErrClosed
	}
	return l.index.State(g)
}

// Term implements core.Store.
func (l *Log) Term(g core.GroupID, i core.Index) (core.Term, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return 0, core.ErrClosed
	}
	return l.index.Term(g, i)
}

// Close implements core.Store. It leaves a proof of the last batch.
func (l *Log) Close() error {
	l.writing.Lock()
	defer l.writing.Unlock()
	if l.closed {
		return core.ErrClosed
	}
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	if l.kick != nil {
		close(l.kick)
		<-l.ended
	}
	var errs []error
	if l.failed == nil {
		errs = append(errs, l.prove())
	}
	for _, list := range [][]*segment{l.index.segments, l.retired, l.spares, {l.next}} {
		for _, s := range list {
			if s != nil {
				errs = append(errs, s.release())
			}
		}
	}
	return errors.Join(append(errs, l.lock.Close())...)
}
