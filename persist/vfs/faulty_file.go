package vfs

import "errors"

type faultyFile struct {
	File
	fs   *Faulty
	path string // guarded by fs.mu
}

func (f *faultyFile) ask(kind OpKind, off, length int64) error {
	f.fs.mu.Lock()
	path := f.path
	f.fs.mu.Unlock()
	return f.fs.ask(kind, path, off, length)
}

func (f *faultyFile) Close() error {
	f.fs.mu.Lock()
	delete(f.fs.files, f)
	f.fs.mu.Unlock()
	return f.File.Close()
}

func (f *faultyFile) ReadAt(p []byte, off int64) (int, error) {
	fault := f.ask(OpRead, off, int64(len(p)))
	if flip, ok := errors.AsType[*Flip](fault); ok {
		n, err := f.File.ReadAt(p, off)
		if n > 0 {
			bit := flip.Bit % int64(8*n)
			p[bit/8] ^= 1 << (bit % 8)
		}
		return n, err
	}
	return transfer(f.File.ReadAt, fault, p, off)
}

func (f *faultyFile) WriteAt(p []byte, off int64) (int, error) {
	fault := f.ask(OpWrite, off, int64(len(p)))
	if errors.Is(fault, ErrPretend) {
		return len(p), nil
	}
	return transfer(f.File.WriteAt, fault, p, off)
}

// transfer reads or writes, as far as the fault allows.
func transfer(do func([]byte, int64) (int, error), fault error, p []byte, off int64) (int, error) {
	if fault == nil {
		return do(p, off)
	}
	if elsewhere, ok := errors.AsType[*Misdirected](fault); ok {
		return do(p, elsewhere.Offset)
	}
	if short, ok := errors.AsType[*Short](fault); ok {
		n, err := do(p[:min(short.Bytes, int64(len(p)))], off)
		return n, errors.Join(fault, err)
	}
	return 0, fault
}

func (f *faultyFile) Sync() error {
	return pretended(f.ask(OpSync, 0, 0), f.File.Sync)
}

func (f *faultyFile) Preallocate(off, n int64) error {
	fault := f.ask(OpPreallocate, off, n)
	return pretended(fault, func() error { return f.File.Preallocate(off, n) })
}

func (f *faultyFile) Size() (int64, error) {
	if err := f.ask(OpSize, 0, 0); err != nil {
		return 0, err
	}
	return f.File.Size()
}
