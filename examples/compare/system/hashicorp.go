package system

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
)

// Hashicorp is hashicorp/raft over raft-wal.
var Hashicorp = System{
	Name: "hashicorp/raft", Machine: "Go",
	Setup: "v1.8.0 over raft-wal v0.4.0: BatchApplyCh, MaxAppendEntries 1024, batching FSM, " +
		"pipelined TCP transport, LogCache of 4096; one VerifyLeader serves all reads that wait",
	Open: openHashicorp, Defaults: true,
}

type hashicorp struct {
	*raft.Raft
	machine   *hashicorpFSM
	transport *raft.NetworkTransport
	log       *wal.WAL
	verifier  verifier
}

func openHashicorp(c Config) (Node, error) {
	quiet := hclog.NewNullLogger()
	dir := filepath.Join(c.Dir, "wal")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	store, err := wal.Open(dir, wal.WithLogger(quiet))
	if err != nil {
		return nil, err
	}
	cache, err := raft.NewLogCache(4096, store)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	address := c.Peers[c.ID-1]
	advertise, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	transport, err := raft.NewTCPTransportWithLogger(address, advertise, 3, 10*time.Second, quiet)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	config := raft.DefaultConfig()
	config.LocalID = raft.ServerID(address)
	config.Logger = quiet
	config.BatchApplyCh, config.MaxAppendEntries = true, 1024
	config.SnapshotThreshold = 1_000_000
	if c.Election > 0 {
		config.HeartbeatTimeout, config.ElectionTimeout = c.Election, c.Election
		config.LeaderLeaseTimeout = c.Election
	}
	var servers []raft.Server
	for _, peer := range c.Peers {
		servers = append(servers, raft.Server{ID: raft.ServerID(peer), Address: raft.ServerAddress(peer)})
	}
	snapshots, err := raft.NewFileSnapshotStoreWithLogger(c.Dir, 2, quiet)
	if err != nil {
		return nil, errors.Join(err, transport.Close(), store.Close())
	}
	err = raft.BootstrapCluster(config, cache, store, snapshots, transport,
		raft.Configuration{Servers: servers})
	if err != nil && !errors.Is(err, raft.ErrCantBootstrap) { // it goes on where it was
		return nil, errors.Join(err, transport.Close(), store.Close())
	}
	h := &hashicorp{machine: new(hashicorpFSM), transport: transport, log: store}
	h.Raft, err = raft.NewRaft(config, h.machine, cache, store, snapshots, transport)
	if err != nil {
		return nil, errors.Join(err, transport.Close(), store.Close())
	}
	h.verifier.verify = func() error { return h.VerifyLeader().Error() }
	return h, nil
}

// Leads implements Node.
func (h *hashicorp) Leads() bool { return h.State() == raft.Leader }

// Put implements Target.
func (h *hashicorp) Put(key string, value []byte) Future {
	return h.PutAll(single(0, key, value))
}

// PutAll implements Target.
func (h *hashicorp) PutAll(b Batch) Future { return applied{h.Apply(b, 0)} }

// applied is a Future of a command.
type applied struct{ raft.ApplyFuture }

// Wait implements Future.
func (a applied) Wait() error {
	if err := a.Error(); err != nil {
		return err
	}
	err, _ := a.Response().(error)
	return err
}

// Get implements Target.
func (h *hashicorp) Get(key string) Future {
	s := newSlot()
	s.read, s.key = &h.machine.KV, key
	h.verifier.add(s)
	return s
}

// Close implements Target.
func (h *hashicorp) Close() error {
	return errors.Join(h.Shutdown().Error(), h.transport.Close(), h.log.Close())
}

// Holds implements Holder.
func (h *hashicorp) Holds(key string) bool { return h.machine.Holds(key) }

// Snapshot implements Snapshotter.
func (h *hashicorp) Snapshot() error { return h.Raft.Snapshot().Error() }

// verifier settles all reads that wait by one proof of leadership, begun after they came.
type verifier struct {
	verify  func() error
	mu      sync.Mutex
	waiting []*slot
	running bool
}

func (v *verifier) add(s *slot) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.waiting = append(v.waiting, s)
	if !v.running {
		v.running = true
		go v.run() // ends when nobody waits
	}
}

func (v *verifier) run() {
	var batch []*slot
	for {
		v.mu.Lock()
		batch, v.waiting = v.waiting, batch[:0]
		v.running = len(batch) > 0
		v.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		err := v.verify()
		for _, s := range batch {
			s.settled <- err
		}
	}
}

// hashicorpFSM is a raft.BatchingFSM.
type hashicorpFSM struct{ KV }

// ApplyBatch implements raft.BatchingFSM.
func (f *hashicorpFSM) ApplyBatch(logs []*raft.Log) []any {
	results := make([]any, len(logs))
	_ = f.Batch(func(put func([]byte) error) error { // errors are results
		for i, log := range logs {
			if log.Type == raft.LogCommand {
				if err := put(log.Data); err != nil {
					results[i] = err
				}
			}
		}
		return nil
	})
	return results
}

// Apply implements raft.FSM.
func (f *hashicorpFSM) Apply(log *raft.Log) any { return f.ApplyBatch([]*raft.Log{log})[0] }

// Snapshot implements raft.FSM.
func (f *hashicorpFSM) Snapshot() (raft.FSMSnapshot, error) { return frozen{f.View()}, nil }

// Restore implements raft.FSM.
func (f *hashicorpFSM) Restore(r io.ReadCloser) error {
	return errors.Join(f.KV.Restore(r), r.Close())
}

// frozen is a snapshot.
type frozen struct{ View }

// Persist implements raft.FSMSnapshot.
func (f frozen) Persist(sink raft.SnapshotSink) error {
	if _, err := f.WriteTo(sink); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	return sink.Close()
}

// Release implements raft.FSMSnapshot.
func (frozen) Release() {}
