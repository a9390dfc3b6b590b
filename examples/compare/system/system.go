// Package system has the systems that are compared, each set up as somebody who knows it well would:
// three replicas, a key-value machine, and every acknowledged write synced by a majority.
//
// Those that are libraries get a machine in Go (KV) and, where clients are in another process, the
// server of package front. Tidelock runs its Lua machine, and its own server and client.
package system

import (
	"errors"
	"sync"
	"time"
)

// Future is the outcome of a request. Wait may be called once.
type Future interface{ Wait() error }

// Read is a Future of a read. Value is Wait that returns what was found, which must not be changed.
type Read interface {
	Future
	Value() ([]byte, error)
}

// Target takes requests from any number of goroutines.
type Target interface {
	Put(key string, value []byte) Future
	PutAll(b Batch) Future // in one command
	Get(key string) Future // linearizable
	Close() error
}

// Node is one of three replicas, in this process.
type Node interface {
	Target
	Leads() bool
}

// Holder is a Node that can be started again where it was killed: it tells what it holds itself,
// whatever the others hold.
type Holder interface{ Holds(key string) bool }

// Snapshotter takes a snapshot of its state, and returns when it is kept: the log may be cut.
type Snapshotter interface{ Snapshot() error }

// Config says which of them.
type Config struct {
	ID    int      // 1 to 3
	Peers []string // addresses of all, by id from 1 on
	Dir   string   // empty, or what the same replica has left there

	// Beside is how many other replicas this process has.
	Beside int

	// Election is the least time without a leader before an election, three times that between a
	// leader's signs of life, where there is a choice; zero: the system's default or, without one,
	// 500 ms.
	Election time.Duration
	// SnapshotEntries is after how many entries a system that cannot be told to takes a snapshot;
	// zero: its default.
	SnapshotEntries int
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
	// Probe prepares single attempts at a write that any of the addresses may take, for a time in
	// which none does; nil: dial and write.
	Probe func(addresses []string) (func() error, error)
	// Forgets says that it takes no snapshots and cannot go on where it was.
	Forgets bool
	// Defaults says that it has times of its own for elections.
	Defaults bool
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

const (
	// defaultElection is for those that have no default.
	defaultElection = 500 * time.Millisecond
	// snapshotPatience bounds how long a snapshot may take.
	snapshotPatience = 60 * time.Second
)

// Errors of commands.
var (
	ErrNotFound = errors.New("system: no such key")
	errCommand  = errors.New("system: not a command")
	errDropped  = errors.New("system: dropped: the leader has changed")
)

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
	_, err := s.Value()
	return err
}

// Value implements Read.
func (s *slot) Value() (v []byte, err error) {
	err = <-s.settled
	if err == nil && s.read != nil {
		v, err = s.read.Get(s.key)
	}
	s.read, s.key, s.data = nil, "", nil
	slots.Put(s)
	return v, err
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
