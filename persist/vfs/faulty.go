package vfs

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
)

// OpKind says what an operation does.
type OpKind uint8

// The kinds of operation that a Faulty shows to its hook.
const (
	OpCreate OpKind = iota + 1
	OpOpen
	OpRemove
	OpRename
	OpList
	OpMkdir
	OpSyncDir
	OpLock
	OpRead
	OpWrite
	OpSync
	OpPreallocate
	OpSize
)

var opNames = [...]string{"?", "create", "open", "remove", "rename", "list", "mkdir", "syncdir",
	"lock", "read", "write", "sync", "preallocate", "size"}

// String names the kind.
func (k OpKind) String() string { return opNames[min(int(k), len(opNames)-1)] }

// Changes reports whether operations of the kind change what is or will be on the disk.
func (k OpKind) Changes() bool {
	switch k {
	case OpCreate, OpRemove, OpRename, OpMkdir, OpSyncDir, OpWrite, OpSync, OpPreallocate:
		return true
	}
	return false
}

// Op is an operation that is about to happen.
type Op struct {
	Kind   OpKind
	Path   string // of a file that is open: what it is called by now; of a renaming: the old name
	Offset int64  // of a read, write or preallocation
	Length int64  // of a read, write or preallocation, in bytes
	Number uint64 // counts the operations of this Faulty from 1 on
}

// String prints the operation as in "#12 write wal/1.wal 512+96".
func (o Op) String() string {
	return fmt.Sprintf("#%d %s %s %d+%d", o.Number, o.Kind, o.Path, o.Offset, o.Length)
}

// What a hook may return beside plain errors, which make the operation fail with just that error
// and without effect.
type (
	// Short lets a read or write do only its first Bytes and fail then.
	Short struct {
		Bytes int64
		Err   error // what it fails with; nil: io.ErrShortWrite
	}
	// Flip lets a read succeed, with one bit of what was read changed.
	Flip struct {
		Bit int64 // counted from the start of the read; taken modulo its length
	}
	// Misdirected makes a read or write happen at another offset, and succeed.
	Misdirected struct {
		Offset int64
	}
)

// ErrPretend returned by a hook makes a write, sync, truncation or preallocation succeed without
// happening.
var ErrPretend = errors.New("vfs: pretend that it happened")

// Error says what happened.
func (s *Short) Error() string { return fmt.Sprintf("cut short after %d bytes", s.Bytes) }

// Unwrap returns what the operation fails with.
func (s *Short) Unwrap() error {
	if s.Err == nil {
		return io.ErrShortWrite
	}
	return s.Err
}

// Error says what happened.
func (f *Flip) Error() string { return fmt.Sprintf("bit %d flips", f.Bit) }

// Error says what happened.
func (m *Misdirected) Error() string { return fmt.Sprintf("misdirected to %d", m.Offset) }

// Faulty passes operations on to another file system after it has shown them to a hook.
type Faulty struct {
	FS
	hook  func(Op) error
	mu    sync.Mutex
	count uint64
	files map[*faultyFile]struct{} // that are open
}

// NewFaulty returns a view of fsys that asks the hook before every operation but Close. The hook is
// called by one goroutine at a time.
func NewFaulty(fsys FS, hook func(Op) error) *Faulty {
	return &Faulty{FS: fsys, hook: hook, files: map[*faultyFile]struct{}{}}
}

func (f *Faulty) ask(kind OpKind, path string, off, length int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	return f.hook(Op{Kind: kind, Path: path, Offset: off, Length: length, Number: f.count})
}

func (f *Faulty) open(kind OpKind, path string, open func(string) (File, error)) (File, error) {
	if err := f.ask(kind, path, 0, 0); err != nil {
		return nil, err
	}
	file, err := open(path)
	if err != nil {
		return nil, err
	}
	opened := &faultyFile{File: file, fs: f, path: filepath.Clean(path)}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.files[opened] = struct{}{}
	return opened, nil
}

// Create implements FS.
func (f *Faulty) Create(path string) (File, error) { return f.open(OpCreate, path, f.FS.Create) }

// Open implements FS.
func (f *Faulty) Open(path string) (File, error) { return f.open(OpOpen, path, f.FS.Open) }

// OpenReadWrite implements FS.
func (f *Faulty) OpenReadWrite(path string) (File, error) {
	return f.open(OpOpen, path, f.FS.OpenReadWrite)
}

// Remove implements FS.
func (f *Faulty) Remove(path string) error {
	if err := f.ask(OpRemove, path, 0, 0); err != nil {
		return err
	}
	return f.FS.Remove(path)
}

// Rename implements FS.
func (f *Faulty) Rename(from, to string) error {
	if err := f.ask(OpRename, from, 0, 0); err != nil {
		return err
	}
	if err := f.FS.Rename(from, to); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for file := range f.files {
		if file.path == filepath.Clean(from) {
			file.path = filepath.Clean(to)
		}
	}
	return nil
}

// List implements FS.
func (f *Faulty) List(dir string) ([]string, error) {
	if err := f.ask(OpList, dir, 0, 0); err != nil {
		return nil, err
	}
	return f.FS.List(dir)
}

// MkdirAll implements FS.
func (f *Faulty) MkdirAll(dir string) error {
	if err := f.ask(OpMkdir, dir, 0, 0); err != nil {
		return err
	}
	return f.FS.MkdirAll(dir)
}

// SyncDir implements FS.
func (f *Faulty) SyncDir(dir string) error {
	return pretended(f.ask(OpSyncDir, dir, 0, 0), func() error { return f.FS.SyncDir(dir) })
}

// Size implements FS.
func (f *Faulty) Size(path string) (int64, error) {
	if err := f.ask(OpSize, path, 0, 0); err != nil {
		return 0, err
	}
	return f.FS.Size(path)
}

// Lock implements FS.
func (f *Faulty) Lock(path string) (io.Closer, error) {
	if err := f.ask(OpLock, path, 0, 0); err != nil {
		return nil, err
	}
	return f.FS.Lock(path)
}

// pretended does what it is given unless the hook has said otherwise.
func pretended(fault error, do func() error) error {
	switch {
	case fault == nil:
		return do()
	case errors.Is(fault, ErrPretend):
		return nil
	}
	return fault
}
