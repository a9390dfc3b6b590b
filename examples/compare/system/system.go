// Package system has the systems that are compared, each set up as somebody who knows it well would:
// three replicas, a key-value machine, and every acknowledged write synced by a majority.
//
// Those that are libraries get a machine in Go (KV) and, where clients are in another process, the
// server of package front. Tidelock runs its Lua machine, and its own server and client.
package system

import (
	"encoding/binary"
	"errors"
	"sync"
)

// Future is the outcome of a request. Wait may be called once.
type Future interface{ Wait() error }

// Target takes requests from any number of goroutines.
type Target interface {
	Put(key string, value []byte) Future
	Get(key string) Future // linearizable
	Close() error
}

// Node is one of three replicas, in this process.
type Node interface {
	Target
	Leads() bool
}

// Config says which of them.
type Config struct {
	ID    int      // 1 to 3
	Peers []string // addresses of all, by id from 1 on
	Dir   string   // empty
}

// System is one of those that are compared.
type System struct {
	Name    string
	Machine string // language of the state machine
	Setup   string // how it is set up
	Open    func(Config) (Node, error)
	// Serve and Dial connect clients in other processes; nil: by package front.
	Serve func(n Node, listen string) (Server, error)
	Dial  func(addresses []string) (Target, error)
	// OwnCluster starts processes that are another program, in the place of all the above, and
	// returns their ids.
	OwnCluster func(dir string) (Target, []int, error)
}

// Server answers clients in other processes.
type Server interface {
	Addr() string
	Close() error
}

// All are the systems, in the order of the tables.
var All = []System{Tidelock, EtcdRaft, Dragonboat, Hashicorp, Etcd, Redis}

// Find returns the system of a name.
func Find(name string) (System, bool) {
	for _, s := range All {
		if s.Name == name {
			return s, true
		}
	}
	return System{}, false
}

// Errors of commands.
var (
	ErrNotFound = errors.New("system: no such key")
	errCommand  = errors.New("system: not a command")
	errDropped  = errors.New("system: dropped: the leader has changed")
)

// KV is the machine of all systems but Tidelock and Redis. The zero value is empty.
type KV struct {
	mu    sync.RWMutex
	items map[string]*[]byte
}

// AppendPut appends a command: key's length (1) | key | value.
func AppendPut(dst []byte, key string, value []byte) []byte {
	dst = append(dst, byte(len(key)))
	return append(append(dst, key...), value...)
}

// Batch lets apply carry out commands; the lock is taken once for all of them.
func (s *KV) Batch(apply func(put func(command []byte) error) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return apply(s.put)
}

// put keeps the command, which must not be changed any more.
func (s *KV) put(command []byte) error {
	if len(command) == 0 || int(command[0]) >= len(command) {
		return errCommand
	}
	key, value := command[1:1+command[0]], command[1+command[0]:]
	if slot, ok := s.items[string(key)]; ok {
		*slot = value
		return nil
	}
	if s.items == nil {
		s.items = make(map[string]*[]byte)
	}
	s.items[string(key)] = &value
	return nil
}

// Get returns the value of a key, which must not be changed.
func (s *KV) Get(key string) ([]byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if slot, ok := s.items[key]; ok {
		return *slot, nil
	}
	return nil, ErrNotFound
}

// Encode writes all items, for a snapshot.
func (s *KV) Encode() []byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var dst []byte
	for key, slot := range s.items {
		dst = binary.AppendUvarint(dst, uint64(1+len(key)+len(*slot)))
		dst = AppendPut(dst, key, *slot)
	}
	return dst
}

// Decode replaces all items.
func (s *KV) Decode(data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.items = nil
	for len(data) > 0 {
		n, size := binary.Uvarint(data)
		if size <= 0 || n > uint64(len(data)-size) {
			return errCommand
		}
		if err := s.put(data[size : size+int(n)]); err != nil {
			return err
		}
		data = data[size+int(n):]
	}
	return nil
}

// slot is a Future that somebody settles. Slots are used again.
type slot struct {
	settled chan error
	read    *KV // look up key when settled; nil: nothing to read
	key     string
	id      uint64
	data    []byte
}

var slots = sync.Pool{New: func() any { return &slot{settled: make(chan error, 1)} }}

func newSlot() *slot { return slots.Get().(*slot) }

// Wait implements Future.
func (s *slot) Wait() error {
	err := <-s.settled
	if err == nil && s.read != nil {
		_, err = s.read.Get(s.key)
	}
	s.read, s.key, s.data = nil, "", nil
	slots.Put(s)
	return err
}

// failed is a Future that has failed.
type failed struct{ error }

// Wait implements Future.
func (f failed) Wait() error { return f.error }

// Lazy is a Future of a call that takes a goroutine: that of who waits or, if there is none yet, one
// that Start makes.
type Lazy func() error

// Wait implements Future.
func (l Lazy) Wait() error { return l() }

// Start makes the call beside the caller.
func (l Lazy) Start() Future {
	s := newSlot()
	go func() { s.settled <- l() }() // ends with the call
	return s
}
