// Package vfs is the seam between what is kept and where: a file system with no more than a log
// and a snapshot need, in three makes.
//
//   - OS is the disk.
//   - Memory is a model of one. It knows which writes were synced, and can cut the power: what was
//     not synced then survives in part, out of order and torn, as on a disk, drawn from a seed.
//   - Faulty shows every operation to a hook that may make it fail, lie or rot.
//
// What a store may rely on after a power cut, on each of them: bytes that File.Sync covered, names
// that FS.SyncDir covered, and that a write changes no byte outside its own range. It may rely on
// nothing else: an unsynced write may be there in full, in part, or not at all, whatever became of
// the writes before and after it.
package vfs

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
)

// Modes of what is created: nobody but the owner reads a log.
const (
	fileMode = 0o600
	dirMode  = 0o700
)

var (
	// ErrCrashed is returned by everything that was opened before a power cut.
	ErrCrashed = errors.New("vfs: the machine has crashed")
	// ErrLocked is returned by FS.Lock when somebody else holds the lock.
	ErrLocked = errors.New("vfs: locked by another process")
)

// FS is a file system. Its methods may be called from several goroutines. Errors are those of
// package os: a missing file is fs.ErrNotExist, a full disk is syscall.ENOSPC.
type FS interface {
	// Create makes an empty file for reading and writing; one of that name is replaced. The name is
	// durable once SyncDir of its directory has returned.
	Create(path string) (File, error)

	// Open opens a file for reading.
	Open(path string) (File, error)

	// OpenReadWrite opens an existing file for reading and writing.
	OpenReadWrite(path string) (File, error)

	// Remove removes a file; it is gone for good once SyncDir of its directory has returned. Open
	// handles stay usable.
	Remove(path string) error

	// Rename gives a file another name in the same directory, replacing what had that name. It is
	// atomic, and durable once SyncDir of the directory has returned.
	Rename(from, to string) error

	// List returns the names of the files in a directory, ascending, without subdirectories.
	List(dir string) ([]string, error)

	// MkdirAll makes a directory and those above it. They are durable when it returns.
	MkdirAll(dir string) error

	// SyncDir makes the creations, renames and removals in a directory durable.
	SyncDir(dir string) error

	// Size returns the length of a file in bytes.
	Size(path string) (int64, error)

	// Lock takes an exclusive lock, which ends with Close or with the process. The file is created
	// as needed and stays. Errors: ErrLocked.
	Lock(path string) (io.Closer, error)
}

// File is an open file. Reads and writes of different ranges may overlap in time.
type File interface {
	io.ReaderAt // at the end of the file: io.EOF, as io.ReaderAt says
	io.WriterAt // grows the file as needed; a gap reads as zeros
	io.Closer

	// Sync makes the content and the length durable. After an error nobody knows what is on the
	// disk, and calling Sync again does not help.
	Sync() error

	// Preallocate reserves room for n bytes from off on, and extends the file over them. What is new
	// reads as zeros. Errors: syscall.ENOSPC.
	Preallocate(off, n int64) error

	// Size returns the length of the file in bytes.
	Size() (int64, error)
}

// ReadFile returns the content of a file of at most limit bytes.
func ReadFile(fsys FS, path string, limit int64) ([]byte, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > limit {
		return nil, fmt.Errorf("read %s: %d bytes, limit %d", path, size, limit)
	}
	buf := make([]byte, size)
	if n, err := f.ReadAt(buf, 0); int64(n) < size {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return buf, nil
}

// WriteFile gives a file this content, all or nothing whatever happens, and durably: content first,
// then the name, then the directory.
func WriteFile(fsys FS, path string, content []byte) error {
	temporary := path + ".tmp"
	err := writeSynced(fsys, temporary, content)
	if err == nil {
		err = fsys.Rename(temporary, path)
	}
	if err != nil {
		_ = fsys.Remove(temporary) // of no use to anybody, and replaced the next time
		return fmt.Errorf("write %s: %w", path, err)
	}
	return fsys.SyncDir(filepath.Dir(path))
}

func writeSynced(fsys FS, path string, content []byte) error {
	f, err := fsys.Create(path)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(content, 0)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// extendWithZeros is Preallocate where the system has nothing better. Like it, it leaves alone what
// the file already holds.
func extendWithZeros(f File, off, n int64) error {
	size, err := f.Size()
	if err != nil {
		return err
	}
	zeros := make([]byte, min(n, 1<<20))
	for end := off + n; size < end; {
		piece := zeros[:min(end-size, int64(len(zeros)))]
		if _, err := f.WriteAt(piece, size); err != nil {
			return err
		}
		size += int64(len(piece))
	}
	return nil
}
