package vfs

import (
	"errors"
	"os"
	"syscall"
)

// Sync is fdatasync: it writes what is needed to read the content back, the length included, and
// leaves out the time stamps, which would cost a journal commit on every call.
func (f osFile) Sync() error {
	err := syscall.Fdatasync(int(f.Fd()))
	for errors.Is(err, syscall.EINTR) {
		err = syscall.Fdatasync(int(f.Fd()))
	}
	if err != nil {
		return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
	}
	return nil
}

// Preallocate is fallocate, or writes zeros where the file system has no such thing.
func (f osFile) Preallocate(off, n int64) error {
	err := syscall.Fallocate(int(f.Fd()), 0, off, n)
	for errors.Is(err, syscall.EINTR) {
		err = syscall.Fallocate(int(f.Fd()), 0, off, n)
	}
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		return extendWithZeros(f, off, n)
	}
	if err != nil {
		return &os.PathError{Op: "fallocate", Path: f.Name(), Err: err}
	}
	return nil
}
