// Package bbolt is a core.Store in one bbolt file: a B+tree of pages, copied on write.
//
// A Write is one transaction, whatever the number of groups and entries in it: changed pages are
// written beside the old ones and synced, then a page that points to them is written and synced.
// That is two syncs and whole pages where persist/wal has one sync and the bare bytes; in return
// there is one file, in a format that many tools read. The file never shrinks: what was forgotten
// makes room for what comes.
//
// What the keys and values are is drawn in persist/keyed, and a value's checksum with it.
// Pages have none, and bbolt trusts them with pointers into mapped memory. So Open first reads the
// file by itself, page by page (check.go), and faults of the mapping become errors.
//
// The list of free pages is not kept in the file: it would be written with every transaction, and
// nothing could tell a damaged list, by which pages in use are overwritten. It is made anew when
// the file is opened, from the pages in use, which are read then anyway.
//
// Limits of what can be known. A transaction whose last page is damaged looks like one that a power
// cut interrupted, and is dropped; Close writes that page twice, so that nothing is dropped after a
// Close. And a system that has reported a failed sync may go on to show what it never wrote: after
// ErrPoisoned, trust a disk no further than its log says.
package bbolt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/keyed"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

const (
	fileName  = "log.bbolt"
	temporary = ".tmp"
	lockName  = "lock"
	fileMode  = 0o600
	pageBytes = 4096 // the same everywhere, so that a file can move to another machine
	// fill is how full a page is made before it is split: entries arrive in order.
	fill = 0.9
	// lockWait bounds the wait for bbolt's own lock, which our lock makes free.
	lockWait = time.Second
	// defaultMapBytes of address space are reserved at first: beyond them, a Write that makes the
	// file outgrow the mapping waits for readers.
	defaultMapBytes = 256 << 20
)

// bucketName is that of the one bucket.
var bucketName = []byte("tidelock")

// Config is how a store is kept. The zero value is good for a server.
type Config struct {
	// MaxRecordBytes bounds the Data of an entry. Default 64 MiB, at most 256 MiB.
	MaxRecordBytes int
	// MapBytes is how much of the file is mapped at first. Default 256 MiB.
	MapBytes int

	openFile func(string, int, os.FileMode) (*os.File, error) // nil: os.OpenFile
}

// Open opens the store in a directory, and makes both as needed. The store is locked against other
// processes until Close. Errors: vfs.ErrLocked; *core.CorruptError for damage and for files of
// others, which are left as they are; those of the file system.
func Open(dir string, c Config) (core.Store, error) {
	store, err := open(dir, c)
	if err != nil {
		return nil, fmt.Errorf("open bbolt store: %w", err)
	}
	return store, nil
}

func open(dir string, c Config) (core.Store, error) {
	fsys := vfs.OS()
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, err
	}
	lock, err := fsys.Lock(filepath.Join(dir, lockName))
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, fileName)
	t, err := openTree(fsys, path, c)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	t.lock = lock
	store, err := keyed.Open(t, path, c.MaxRecordBytes)
	if err == nil {
		err = t.Commit(nothing) // what is shown from now on is durable
	}
	if err != nil {
		return nil, errors.Join(err, t.release())
	}
	return store, nil
}

// openTree makes the file if there is none, under another name until it is whole, and opens it.
func openTree(fsys vfs.FS, path string, c Config) (*tree, error) {
	_, err := fsys.Size(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = create(fsys, path)
	} else if err == nil {
		err = check(path)
	}
	if err != nil {
		return nil, err
	}
	if c.openFile == nil {
		c.openFile = os.OpenFile
	}
	t := &tree{path: path}
	o := c.options()
	o.OpenFile = func(path string, flag int, mode os.FileMode) (_ *os.File, err error) {
		t.file, err = c.openFile(path, flag, mode)
		return t.file, err
	}
	err = t.guard(func() (err error) {
		t.db, err = bolt.Open(path, fileMode, o)
		return err
	})
	if err != nil {
		t.letGo()
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return t, nil
}

func (c Config) options() *bolt.Options {
	if c.MapBytes == 0 {
		c.MapBytes = defaultMapBytes
	}
	return &bolt.Options{
		Timeout: lockWait, NoFreelistSync: true, FreelistType: bolt.FreelistMapType,
		PageSize: pageBytes, InitialMmapSize: c.MapBytes, NoStatistics: true,
	}
}

func create(fsys vfs.FS, path string) error {
	unfinished := path + temporary
	if err := fsys.Remove(unfinished); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove what a crash left: %w", err)
	}
	db, err := bolt.Open(unfinished, fileMode, Config{}.options())
	if err != nil {
		return fmt.Errorf("make %s: %w", path, err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket(bucketName)
		return err
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("make %s: %w", path, err)
	}
	if err := fsys.Rename(unfinished, path); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(path))
}

// tree is a keyed.Tree.
type tree struct {
	db     *bolt.DB
	file   *os.File // of db
	path   string
	lock   io.Closer
	failed bool
}

// guard runs what touches the mapped file: where the file is damaged or its disk fails, the fault
// of the mapping, or bbolt's panic, becomes a *core.CorruptError.
func (t *tree) guard(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = &core.CorruptError{Path: t.path, Offset: -1, Err: fmt.Errorf("bbolt: %v", r)}
		}
	}()
	return do()
}

func bucket(tx *bolt.Tx) (*bolt.Bucket, error) {
	b := tx.Bucket(bucketName)
	if b == nil {
		return nil, fmt.Errorf("no bucket %q: %w", bucketName, keyed.ErrForeign)
	}
	return b, nil
}

// View implements keyed.Tree.
func (t *tree) View(do func(keyed.View) error) error {
	return t.guard(func() error {
		return t.db.View(func(tx *bolt.Tx) error {
			b, err := bucket(tx)
			if err != nil {
				return &core.CorruptError{Path: t.path, Offset: -1, Err: err}
			}
			return do(view{b})
		})
	})
}

// Commit implements keyed.Tree.
func (t *tree) Commit(do func(keyed.Batch) error) error {
	err := t.guard(func() error {
		return t.db.Update(func(tx *bolt.Tx) error {
			b, err := bucket(tx)
			if err != nil {
				return &core.CorruptError{Path: t.path, Offset: -1, Err: err}
			}
			b.FillPercent = fill
			return do(batch{b})
		})
	})
	t.failed = t.failed || err != nil
	return err
}

// nothing is a transaction that writes but the page that begins it all.
func nothing(keyed.Batch) error { return nil }

// Close implements keyed.Tree. It leaves two pages that both say what there is.
func (t *tree) Close() error {
	if t.failed {
		return t.release()
	}
	return errors.Join(t.Commit(nothing), t.release())
}

func (t *tree) release() error {
	err := t.guard(t.db.Close)
	t.letGo()
	return errors.Join(err, t.lock.Close())
}

// letGo closes the file, which a panic of bbolt's may have left open. What is mapped of it would
// keep bbolt's lock.
func (t *tree) letGo() {
	_ = syscall.Flock(int(t.file.Fd()), syscall.LOCK_UN)
	_ = t.file.Close() // an error says that there is nothing left to do
}

type view struct{ b *bolt.Bucket }

// Get implements keyed.View.
func (v view) Get(key []byte) ([]byte, error) { return v.b.Get(key), nil }

// Scan implements keyed.View.
func (v view) Scan(lo, hi []byte, do func(key, value []byte) (bool, error)) error {
	c := v.b.Cursor()
	for key, value := c.Seek(lo); key != nil; key, value = c.Next() {
		if hi != nil && bytes.Compare(key, hi) >= 0 {
			return nil
		}
		if more, err := do(key, value); err != nil || !more {
			return err
		}
	}
	return nil
}

type batch struct{ b *bolt.Bucket }

// Put implements keyed.Batch.
func (b batch) Put(key, value []byte) error { return b.b.Put(key, value) }

// DeleteRange implements keyed.Batch. A cursor is lost when its key is deleted, so it seeks anew.
func (b batch) DeleteRange(lo, hi []byte) error {
	c := b.b.Cursor()
	for key, _ := c.Seek(lo); key != nil && bytes.Compare(key, hi) < 0; key, _ = c.Seek(lo) {
		if err := c.Delete(); err != nil {
			return err
		}
	}
	return nil
}
