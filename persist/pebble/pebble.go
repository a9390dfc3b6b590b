// Package pebble is a core.Store in a pebble database: a log of what is written, and sorted tables
// that it is moved to in the background.
//
// A Write is one batch of pebble's, written with one write and one sync, whatever the number of
// groups and entries in it. What the keys and values are is drawn in persist/keyed.
//
// Pebble reads its own log up to the first place that does not verify, and takes what follows for
// never written. That is right for the end of a log that a power cut has torn, and loses
// acknowledged writes silently where a disk has rotted. scan.go tells the two apart before pebble
// looks.
//
// Pebble ends the process when its disk fails. Here it ends the goroutine, the store is poisoned,
// and Close cuts its files off before it gives up the lock: nothing that still runs in the
// background touches a disk that another store may have opened by then.
//
// Limits of what can be known. A last Write that is damaged before anything was written behind it
// looks like one that a power cut has torn, and is dropped; Close writes behind it. And pebble does
// not notice when the newest of its logs is removed as a whole.
package pebble

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"sync"

	db "github.com/cockroachdb/pebble"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/keyed"
	ours "github.com/tidelock-raft/tidelock/persist/vfs"
)

const (
	lockName = "lock"
	// formatVersion pins the format of pebble's files.
	formatVersion = db.FormatVirtualSSTables
	// defaultCacheBytes is little: entries are read once, if at all.
	defaultCacheBytes    = 8 << 20
	defaultMemtableBytes = 16 << 20
)

// Config is how a store is kept. The zero value is good for a server.
type Config struct {
	// MaxRecordBytes bounds the Data of an entry. Default 64 MiB, at most 256 MiB.
	MaxRecordBytes int
	// CacheBytes is memory for blocks of tables. Default 8 MiB.
	CacheBytes int64
	// MemtableBytes is what is kept in memory before it goes to a table. Default 16 MiB.
	MemtableBytes int
}

// Open opens the store in a directory, and makes both as needed. The store is locked against other
// processes until Close. Errors: vfs.ErrLocked; *core.CorruptError for damage and for databases of
// others; those of the file system.
func Open(fsys ours.FS, dir string, c Config) (core.Store, error) {
	store, err := open(fsys, dir, c)
	if err != nil {
		return nil, fmt.Errorf("open pebble store: %w", err)
	}
	return store, nil
}

func open(fsys ours.FS, dir string, c Config) (core.Store, error) {
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, err
	}
	lock, err := fsys.Lock(filepath.Join(dir, lockName))
	if err != nil {
		return nil, err
	}
	t := &tree{files: &files{fs: fsys}, dir: dir, lock: lock, broken: make(chan struct{})}
	if err := t.open(c); err != nil {
		return nil, errors.Join(err, t.abandon())
	}
	store, err := keyed.Open(t, dir, c.MaxRecordBytes)
	if err == nil {
		err = t.finish()
	}
	if err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return store, nil
}

// tree is a keyed.Tree.
type tree struct {
	db    *db.DB
	files *files
	dir   string
	lock  io.Closer
	made  bool

	mu      sync.Mutex
	failure error         // the first one: nothing is written any more
	broken  chan struct{} // closed with it
}

func (t *tree) open(c Config) error {
	if c.CacheBytes == 0 {
		c.CacheBytes = defaultCacheBytes
	}
	if c.MemtableBytes == 0 {
		c.MemtableBytes = defaultMemtableBytes
	}
	exists, err := t.prepare()
	if err != nil {
		return err
	}
	cache := db.NewCache(c.CacheBytes)
	defer cache.Unref()
	var opened *db.DB
	err = t.run(func() (err error) {
		opened, err = db.Open(t.dir, &db.Options{
			FS: t.files, Cache: cache, MemTableSize: uint64(c.MemtableBytes), Logger: logger{t},
			EventListener:      &db.EventListener{BackgroundError: t.end},
			FormatMajorVersion: formatVersion, ErrorIfNotExists: exists,
		})
		return err
	})
	if err != nil {
		return t.explain(err)
	}
	t.db = opened
	return nil
}

// run runs do in a goroutine of its own, that pebble may end, and that may wait for ever for
// another that pebble has ended: it is left alone then.
func (t *tree) run(do func() error) error {
	done := make(chan error, 1)
	go func() { // ended by do, or within it by end
		defer func() {
			if r := recover(); r != nil {
				_ = t.fail(fmt.Errorf("pebble: %v", r))
			}
		}()
		done <- do()
	}()
	select {
	case err := <-done:
		return err
	case <-t.broken:
		return t.failed()
	}
}

// logger is pebble's. What it says to people is of no use to them here.
type logger struct{ t *tree }

// Infof implements pebble's Logger.
func (logger) Infof(string, ...any) {}

// Fatalf implements pebble's Logger; it does not return.
func (l logger) Fatalf(format string, args ...any) { l.t.end(fmt.Errorf(format, args...)) }

// end ends the goroutine that cannot go on.
func (t *tree) end(err error) {
	_ = t.fail(err)
	runtime.Goexit()
}

// fail notes an error after which nothing is written any more, and returns the first.
func (t *tree) fail(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failure == nil {
		t.failure = err
		close(t.broken)
	}
	return t.failure
}

func (t *tree) failed() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failure
}

// View implements keyed.Tree.
func (t *tree) View(do func(keyed.View) error) error {
	i, err := t.db.NewIter(nil)
	if err != nil {
		return t.explain(err)
	}
	v := &view{i: i}
	err = do(v)
	if closing := i.Close(); closing != nil { // or else the error of the iterator
		return t.explain(closing)
	}
	return err
}

// Commit implements keyed.Tree.
func (t *tree) Commit(do func(keyed.Batch) error) error {
	if err := t.failed(); err != nil {
		return err
	}
	b := t.db.NewBatch()
	err := do(batch{b})
	if err == nil {
		err = t.run(func() error { return t.db.Apply(b, db.Sync) })
	}
	if err == nil {
		err = t.failed() // in the background, before this batch was safe or after
	}
	if err != nil {
		return t.explain(t.fail(err))
	}
	return b.Close()
}

// Close implements keyed.Tree.
func (t *tree) Close() error {
	if t.failed() != nil {
		return t.abandon()
	}
	err := t.run(t.db.Close)
	return errors.Join(err, t.abandon())
}

// abandon cuts the files off. What of pebble still runs is left to itself.
func (t *tree) abandon() error {
	t.files.cut()
	return t.lock.Close()
}

// view is one iterator, which sees the database as it was when it was made.
type view struct{ i *db.Iterator }

// Get implements keyed.View.
func (v *view) Get(key []byte) ([]byte, error) {
	if !v.i.SeekGE(key) || !bytes.Equal(v.i.Key(), key) {
		return nil, v.i.Error()
	}
	return v.i.Value(), nil
}

// Scan implements keyed.View.
func (v *view) Scan(lo, hi []byte, do func(key, value []byte) (bool, error)) error {
	for ok := v.i.SeekGE(lo); ok; ok = v.i.Next() {
		if hi != nil && bytes.Compare(v.i.Key(), hi) >= 0 {
			return nil
		}
		if more, err := do(v.i.Key(), v.i.Value()); err != nil || !more {
			return err
		}
	}
	return v.i.Error()
}

type batch struct{ b *db.Batch }

// Put implements keyed.Batch.
func (b batch) Put(key, value []byte) error { return b.b.Set(key, value, nil) }

// DeleteRange implements keyed.Batch.
func (b batch) DeleteRange(lo, hi []byte) error { return b.b.DeleteRange(lo, hi, nil) }
