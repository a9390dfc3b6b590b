package vfs

import (
	"io"
	"io/fs"
	"slices"
)

// node is a file's content; pending leads from durable to data.
type node struct {
	data    []byte
	durable []byte
	pending []contentChange
}

// contentChange is a write, or with no data a change of length.
type contentChange struct {
	off  int64
	data []byte
	size int64
}

func (n *node) change(c contentChange) {
	n.data = c.do(n.data)
	n.pending = append(n.pending, c)
}

func (n *node) resize(size int64) { n.change(contentChange{size: size}) }

func (c contentChange) do(data []byte) []byte {
	if c.data == nil {
		return resized(data, c.size)
	}
	if end := c.off + int64(len(c.data)); end > int64(len(data)) {
		data = resized(data, end)
	}
	copy(data[c.off:], c.data)
	return data
}

// resized returns data with another length; what is new is zero, also where data was longer before.
func resized(data []byte, size int64) []byte {
	if size <= int64(len(data)) {
		return data[:size]
	}
	old := len(data)
	data = slices.Grow(data, int(size)-old)[:size]
	clear(data[old:])
	return data
}

func (n *node) sync() {
	for _, c := range n.pending {
		n.durable = c.do(n.durable)
	}
	n.pending = nil
}

// memoryFile is an open node.
type memoryFile struct {
	m        *Memory
	node     *node
	path     string
	writable bool
	closed   bool
}

// use runs do if the handle may still be used, and for writing only if it was opened for that.
func (f *memoryFile) use(op string, write bool, do func() error) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	var err error
	switch {
	case f.m.ended:
		err = ErrCrashed
	case f.closed:
		err = fs.ErrClosed
	case write && !f.writable:
		err = fs.ErrPermission
	default:
		return do()
	}
	return &fs.PathError{Op: op, Path: f.path, Err: err}
}

func (f *memoryFile) ReadAt(p []byte, off int64) (n int, err error) {
	err = f.use("read", false, func() error {
		if off < 0 {
			return fs.ErrInvalid
		}
		n = copy(p, f.node.data[min(off, int64(len(f.node.data))):])
		if n < len(p) {
			return io.EOF
		}
		return nil
	})
	return n, err
}

func (f *memoryFile) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.use("write", true, func() error {
		if off < 0 {
			return fs.ErrInvalid
		}
		if n = len(p); n > 0 {
			f.node.change(contentChange{off: off, data: slices.Clone(p)})
		}
		return nil
	})
	return n, err
}

func (f *memoryFile) Sync() error {
	return f.use("sync", false, func() error {
		f.node.sync()
		return nil
	})
}

func (f *memoryFile) Preallocate(off, n int64) error {
	return f.use("preallocate", true, func() error {
		if end := off + n; end > int64(len(f.node.data)) {
			f.node.resize(end)
		}
		return nil
	})
}

func (f *memoryFile) Size() (size int64, err error) {
	err = f.use("stat", false, func() error {
		size = int64(len(f.node.data))
		return nil
	})
	return size, err
}

// Close of a handle from before a crash is allowed: programs clean up behind themselves.
func (f *memoryFile) Close() error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if f.closed {
		return &fs.PathError{Op: "close", Path: f.path, Err: fs.ErrClosed}
	}
	f.closed = true
	return nil
}
