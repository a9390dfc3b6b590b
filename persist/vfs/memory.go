package vfs

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
)

// Memory is a model of a disk: every directory and every file has a durable image, what the
// programs see, and the operations between the two. Crash and Kill end it and return what comes
// after; whatever was opened before then fails with ErrCrashed. Equal seeds and equal operations
// give equal results.
type Memory struct {
	mu    sync.Mutex
	rng   *rand.Rand
	ended bool
	dirs  map[string]*directory
	locks map[string]bool
}

// NewMemory returns an empty model disk whose power cuts are drawn from the seed.
func NewMemory(seed uint64) *Memory {
	m := &Memory{rng: rand.New(rand.NewPCG(seed, 0)), dirs: map[string]*directory{}}
	m.dirs["."], m.dirs["/"] = newDirectory(), newDirectory()
	m.locks = map[string]bool{}
	return m
}

// directory is names; pending leads from durable to names.
type directory struct {
	names   map[string]*node
	durable map[string]*node
	pending []nameChange
}

// nameChange makes a name (no from), removes one (no to), or renames.
type nameChange struct {
	from, to string
	node     *node
}

func newDirectory() *directory {
	return &directory{names: map[string]*node{}, durable: map[string]*node{}}
}

func (d *directory) change(c nameChange) {
	c.do(d.names)
	d.pending = append(d.pending, c)
}

func (c nameChange) do(names map[string]*node) {
	if c.from != "" {
		delete(names, c.from)
	}
	if c.to != "" {
		names[c.to] = c.node
	}
}

// find returns the directory of a path, and the name in it.
func (m *Memory) find(op, path string) (*directory, string, error) {
	if m.ended {
		return nil, "", &fs.PathError{Op: op, Path: path, Err: ErrCrashed}
	}
	path = filepath.Clean(path)
	d := m.dirs[filepath.Dir(path)]
	if d == nil {
		return nil, "", &fs.PathError{Op: op, Path: path, Err: fs.ErrNotExist}
	}
	return d, filepath.Base(path), nil
}

// existing is find for a file that must be there.
func (m *Memory) existing(op, path string) (*directory, string, *node, error) {
	d, name, err := m.find(op, path)
	if err != nil {
		return nil, "", nil, err
	}
	if d.names[name] == nil {
		return nil, "", nil, &fs.PathError{Op: op, Path: path, Err: fs.ErrNotExist}
	}
	return d, name, d.names[name], nil
}

// Create implements FS.
func (m *Memory) Create(path string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, name, err := m.find("create", path)
	if err != nil {
		return nil, err
	}
	n := d.names[name]
	if n == nil {
		n = &node{}
		d.change(nameChange{to: name, node: n})
	} else {
		n.resize(0)
	}
	return &memoryFile{m: m, node: n, path: path, writable: true}, nil
}

// Open implements FS.
func (m *Memory) Open(path string) (File, error) { return m.open(path, false) }

// OpenReadWrite implements FS.
func (m *Memory) OpenReadWrite(path string) (File, error) { return m.open(path, true) }

func (m *Memory) open(path string, writable bool) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, _, n, err := m.existing("open", path)
	if err != nil {
		return nil, err
	}
	return &memoryFile{m: m, node: n, path: path, writable: writable}, nil
}

// Remove implements FS.
func (m *Memory) Remove(path string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, name, n, err := m.existing("remove", path)
	if err == nil {
		d.change(nameChange{from: name, node: n})
	}
	return err
}

// Rename implements FS.
func (m *Memory) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := sameDir(from, to); err != nil {
		return err
	}
	d, name, n, err := m.existing("rename", from)
	if err == nil {
		d.change(nameChange{from: name, to: filepath.Base(to), node: n})
	}
	return err
}

// List implements FS.
func (m *Memory) List(dir string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, _, err := m.find("list", filepath.Join(dir, "x"))
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(d.names)), nil
}

// MkdirAll implements FS.
func (m *Memory) MkdirAll(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended {
		return &fs.PathError{Op: "mkdir", Path: dir, Err: ErrCrashed}
	}
	for dir = filepath.Clean(dir); m.dirs[dir] == nil; dir = filepath.Dir(dir) {
		m.dirs[dir] = newDirectory()
	}
	return nil
}

// SyncDir implements FS.
func (m *Memory) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, _, err := m.find("sync", filepath.Join(dir, "x"))
	if err == nil {
		d.durable, d.pending = maps.Clone(d.names), nil
	}
	return err
}

// Size implements FS.
func (m *Memory) Size(path string) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, _, n, err := m.existing("stat", path)
	if err != nil {
		return 0, err
	}
	return int64(len(n.data)), nil
}

// Lock implements FS.
func (m *Memory) Lock(path string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, name, err := m.find("lock", path)
	if err != nil {
		return nil, err
	}
	if d.names[name] == nil {
		d.change(nameChange{to: name, node: &node{}})
	}
	path = filepath.Clean(path)
	if m.locks[path] {
		return nil, fmt.Errorf("lock %s: %w", path, ErrLocked)
	}
	m.locks[path] = true
	return &memoryLock{m: m, path: path}, nil
}

type memoryLock struct {
	m    *Memory
	path string
}

// Close lets go of the lock, once.
func (l *memoryLock) Close() error {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	if l.path == "" {
		return fs.ErrClosed
	}
	delete(l.m.locks, l.path)
	l.path = ""
	return nil
}
