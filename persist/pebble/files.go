package pebble

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/vfs"

	ours "github.com/tidelock-raft/tidelock/persist/vfs"
)

// errCut is returned by all files once cut was called.
var errCut = errors.New("the store was given up")

// files is our file system as pebble wants it. Everything that a store does to a disk passes here,
// so that it can be told that a disk has failed, and stopped from doing more.
type files struct {
	fs ours.FS

	mu    sync.RWMutex // held for reading while something is done
	ended bool
	fault faults
}

// faults keeps the first error of the file system.
type faults struct {
	mu    sync.Mutex
	first error
}

func (f *faults) note(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.first == nil {
		f.first = err
	}
}

func (f *faults) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.first
}

// cut ends everything: what pebble still does in the background comes to nothing from now on.
func (f *files) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
}

// use runs do unless the files were cut off, and notes what went wrong with the disk.
func (f *files) use(do func() error) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.ended {
		return errCut
	}
	err := do()
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, io.EOF) {
		f.fault.note(err)
	}
	return err
}

func (f *files) open(path string, open func(string) (ours.File, error)) (vfs.File, error) {
	opened := &file{files: f, path: path}
	err := f.use(func() (err error) {
		opened.file, err = open(path)
		return err
	})
	if err != nil {
		return nil, err
	}
	return opened, nil
}

// Create implements vfs.FS.
func (f *files) Create(path string) (vfs.File, error) { return f.open(path, f.fs.Create) }

// Open implements vfs.FS.
func (f *files) Open(path string, options ...vfs.OpenOption) (vfs.File, error) {
	file, err := f.open(path, f.fs.Open)
	if err == nil {
		for _, o := range options {
			o.Apply(file)
		}
	}
	return file, err
}

// OpenReadWrite implements vfs.FS.
func (f *files) OpenReadWrite(path string, _ ...vfs.OpenOption) (vfs.File, error) {
	return f.open(path, f.fs.OpenReadWrite)
}

// OpenDir implements vfs.FS.
func (f *files) OpenDir(path string) (vfs.File, error) {
	return &directory{files: f, path: path}, nil
}

// ReuseForWrite implements vfs.FS.
func (f *files) ReuseForWrite(from, to string) (vfs.File, error) {
	if err := f.Rename(from, to); err != nil {
		return nil, err
	}
	return f.OpenReadWrite(to)
}

// Remove implements vfs.FS.
func (f *files) Remove(path string) error {
	return f.use(func() error { return f.fs.Remove(path) })
}

// Rename implements vfs.FS.
func (f *files) Rename(from, to string) error {
	return f.use(func() error { return f.fs.Rename(from, to) })
}

// MkdirAll implements vfs.FS.
func (f *files) MkdirAll(dir string, _ os.FileMode) error {
	return f.use(func() error { return f.fs.MkdirAll(dir) })
}

// Lock implements vfs.FS. The store holds a lock of its own.
func (f *files) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

// List implements vfs.FS.
func (f *files) List(dir string) (names []string, err error) {
	err = f.use(func() error {
		names, err = f.fs.List(dir)
		return err
	})
	return names, err
}

// Stat implements vfs.FS.
func (f *files) Stat(path string) (os.FileInfo, error) {
	i := info{name: filepath.Base(path)}
	err := f.use(func() (err error) {
		i.size, err = f.fs.Size(path)
		return err
	})
	if err != nil {
		return nil, err
	}
	return i, nil
}

// Link implements vfs.FS, for what is not used here.
func (f *files) Link(string, string) error { return errors.ErrUnsupported }

// RemoveAll implements vfs.FS, for what is not used here.
func (f *files) RemoveAll(string) error { return errors.ErrUnsupported }

// GetDiskUsage implements vfs.FS. Without it, pebble takes its time to remove files.
func (f *files) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{}, vfs.ErrUnsupported
}

// PathBase implements vfs.FS.
func (f *files) PathBase(path string) string { return filepath.Base(path) }

// PathJoin implements vfs.FS.
func (f *files) PathJoin(parts ...string) string { return filepath.Join(parts...) }

// PathDir implements vfs.FS.
func (f *files) PathDir(path string) string { return filepath.Dir(path) }

// file is a vfs.File with a place of its own for Read and Write.
type file struct {
	files *files
	file  ours.File
	path  string
	at    int64
}

func (f *file) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, f.at)
	f.at += int64(n)
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

func (f *file) ReadAt(p []byte, off int64) (n int, err error) {
	err = f.files.use(func() error {
		n, err = f.file.ReadAt(p, off)
		return err
	})
	return n, err
}

func (f *file) Write(p []byte) (int, error) {
	n, err := f.WriteAt(p, f.at)
	f.at += int64(n)
	return n, err
}

func (f *file) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.files.use(func() error {
		n, err = f.file.WriteAt(p, off)
		return err
	})
	return n, err
}

func (f *file) Preallocate(off, n int64) error {
	return f.files.use(func() error { return f.file.Preallocate(off, n) })
}

func (f *file) Sync() error { return f.files.use(f.file.Sync) }

func (f *file) SyncData() error { return f.Sync() }

func (f *file) SyncTo(int64) (bool, error) { return true, f.Sync() }

func (f *file) Stat() (os.FileInfo, error) {
	i := info{name: filepath.Base(f.path)}
	err := f.files.use(func() (err error) {
		i.size, err = f.file.Size()
		return err
	})
	return i, err
}

// Close is possible also when all was cut off.
func (f *file) Close() error { return f.file.Close() }

func (f *file) Prefetch(int64, int64) error { return nil }

func (f *file) Fd() uintptr { return vfs.InvalidFd }

// directory is a vfs.File that can but be synced.
type directory struct {
	vfs.File
	files *files
	path  string
}

func (d *directory) Sync() error {
	return d.files.use(func() error { return d.files.fs.SyncDir(d.path) })
}

func (d *directory) Close() error { return nil }

func (d *directory) Fd() uintptr { return vfs.InvalidFd }

// info is an os.FileInfo that knows a name and a size.
type info struct {
	name string
	size int64
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return 0o600 }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return false }
func (i info) Sys() any           { return nil }
