//go:build unix

package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// OS returns the file system of the machine.
func OS() FS { return osFS{} }

type osFS struct{}

func (osFS) Create(path string) (File, error) {
	return openFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
}

func (osFS) Open(path string) (File, error) { return openFile(path, os.O_RDONLY) }

func (osFS) OpenReadWrite(path string) (File, error) { return openFile(path, os.O_RDWR) }

func (osFS) Remove(path string) error { return os.Remove(path) }

func (osFS) Rename(from, to string) error {
	if err := sameDir(from, to); err != nil {
		return err
	}
	return os.Rename(from, to)
}

func (osFS) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// MkdirAll syncs the directory above each new one, so that the path as a whole survives, and above
// one that is there: who made it may have been killed before the sync. One that may not be read, or
// that cannot be synced as on a file system for reading only, has not been written to by us.
func (o osFS) MkdirAll(dir string) error {
	above := filepath.Dir(filepath.Clean(dir))
	_, err := os.Stat(dir)
	if err == nil {
		err = o.SyncDir(above)
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EINVAL) ||
			errors.Is(err, errors.ErrUnsupported) {
			err = nil
		}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := o.MkdirAll(above); err != nil {
		return err
	}
	if err := os.Mkdir(dir, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return o.SyncDir(above)
}

func (osFS) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (osFS) Size(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Lock holds a flock on the file; the kernel lets go of it when the process ends, however it ends.
func (osFS) Lock(path string) (io.Closer, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrLocked
	}
	return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
}

type osFile struct{ *os.File }

func openFile(path string, flags int) (File, error) {
	f, err := os.OpenFile(path, flags, fileMode)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func sameDir(from, to string) error {
	if filepath.Dir(from) != filepath.Dir(to) {
		return fmt.Errorf("rename %s to %s: not in one directory: %w", from, to, fs.ErrInvalid)
	}
	return nil
}
