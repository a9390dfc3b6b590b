package system

import (
	"cmp"
	"context"
	"errors"
	"io"
	"time"

	"github.com/lni/dragonboat/v4"
	"github.com/lni/dragonboat/v4/client"
	"github.com/lni/dragonboat/v4/config"
	"github.com/lni/dragonboat/v4/logger"
	"github.com/lni/dragonboat/v4/plugin/tan"
	"github.com/lni/dragonboat/v4/statemachine"
)

// Dragonboat is lni/dragonboat over its log tan.
var Dragonboat = System{
	Name: "dragonboat", Machine: "Go",
	Setup: "v4 of 2024-06-18 over its log tan: one shard, concurrent state machine with batches, " +
		"no-op session, CheckQuorum and PreVote",
	Open: openDragonboat,
}

const (
	dragonboatShard   = 1
	dragonboatTimeout = 10 * time.Second
	dragonboatPause   = 50 * time.Microsecond // before what met a full queue is proposed again
)

type boat struct {
	*dragonboat.NodeHost
	machine *boatMachine
	session *client.Session
	id      uint64
}

func openDragonboat(c Config) (Node, error) {
	for _, name := range []string{
		"dragonboat", "raft", "rsm", "logdb", "transport", "grpc", "config", "tan", "registry",
		"util", "raftpb", "settings", "order", "server",
	} {
		logger.GetLogger(name).SetLevel(logger.CRITICAL)
	}
	expert := config.GetDefaultExpertConfig()
	expert.LogDBFactory = tan.Factory
	const electionTicks = 15
	tick := max(cmp.Or(c.Election, defaultElection)/electionTicks, time.Millisecond)
	host, err := dragonboat.NewNodeHost(config.NodeHostConfig{
		NodeHostDir: c.Dir, RTTMillisecond: uint64(tick.Milliseconds()),
		RaftAddress: c.Peers[c.ID-1], Expert: expert,
	})
	if err != nil {
		return nil, err
	}
	members := map[uint64]dragonboat.Target{}
	for i, address := range c.Peers {
		members[uint64(i+1)] = address
	}
	b := &boat{NodeHost: host, machine: new(boatMachine), id: uint64(c.ID)}
	b.session = host.GetNoOPSession(dragonboatShard)
	err = host.StartConcurrentReplica(members, false,
		func(uint64, uint64) statemachine.IConcurrentStateMachine { return b.machine },
		config.Config{
			ReplicaID: b.id, ShardID: dragonboatShard, ElectionRTT: electionTicks,
			HeartbeatRTT: electionTicks / 3,
			CheckQuorum:  true, PreVote: true, SnapshotEntries: 1_000_000, CompactionOverhead: 10_000,
		})
	if err != nil {
		host.Close()
		return nil, err
	}
	return b, nil
}

// Leads implements Node.
func (b *boat) Leads() bool {
	leader, _, known, err := b.GetLeaderID(dragonboatShard)
	return err == nil && known && leader == b.id
}

// Put implements Target.
func (b *boat) Put(key string, value []byte) Future {
	return b.PutAll(single(0, key, value))
}

// PutAll implements Target.
func (b *boat) PutAll(batch Batch) Future {
	for {
		state, err := b.Propose(b.session, batch, dragonboatTimeout)
		switch {
		case err == nil:
			return boatFuture{state: state}
		case !errors.Is(err, dragonboat.ErrSystemBusy):
			return failed{err}
		}
		time.Sleep(dragonboatPause)
	}
}

// Get implements Target.
func (b *boat) Get(key string) Future {
	state, err := b.ReadIndex(dragonboatShard, dragonboatTimeout)
	if err != nil {
		return failed{err}
	}
	return boatFuture{state: state, boat: b, key: key}
}

type boatFuture struct {
	state *dragonboat.RequestState
	boat  *boat // to read from when the index has come; nil: nothing to read
	key   string
}

// Wait implements Future.
func (f boatFuture) Wait() error {
	_, err := f.Value()
	return err
}

// Value implements Read.
func (f boatFuture) Value() ([]byte, error) {
	result := <-f.state.ResultC()
	defer f.state.Release()
	if !result.Completed() {
		return nil, errDropped
	}
	if f.boat == nil {
		return nil, nil
	}
	found, err := f.boat.ReadLocalNode(f.state, f.key)
	v, _ := found.([]byte)
	return v, err
}

// Close implements Target.
func (b *boat) Close() error {
	b.NodeHost.Close()
	return nil
}

// Holds implements Holder.
func (b *boat) Holds(key string) bool { return b.machine.Holds(key) }

// Snapshot implements Snapshotter.
func (b *boat) Snapshot() error {
	ctx, cancel := context.WithTimeout(context.Background(), snapshotPatience)
	defer cancel()
	_, err := b.SyncRequestSnapshot(ctx, dragonboatShard, dragonboat.SnapshotOption{})
	return err
}

// boatMachine is a statemachine.IConcurrentStateMachine.
type boatMachine struct{ KV }

// Update implements statemachine.IConcurrentStateMachine.
func (m *boatMachine) Update(entries []statemachine.Entry) ([]statemachine.Entry, error) {
	return entries, m.Batch(func(put func([]byte) error) error {
		for i := range entries {
			if err := put(entries[i].Cmd); err != nil {
				return err
			}
		}
		return nil
	})
}

// Lookup implements statemachine.IConcurrentStateMachine.
func (m *boatMachine) Lookup(key any) (any, error) {
	text, ok := key.(string)
	if !ok {
		return nil, errCommand
	}
	return m.Get(text)
}

// PrepareSnapshot implements statemachine.IConcurrentStateMachine.
func (m *boatMachine) PrepareSnapshot() (any, error) { return m.View(), nil }

// SaveSnapshot implements statemachine.IConcurrentStateMachine.
func (m *boatMachine) SaveSnapshot(
	data any, w io.Writer, _ statemachine.ISnapshotFileCollection, _ <-chan struct{},
) error {
	view, ok := data.(View)
	if !ok {
		return errCommand
	}
	_, err := view.WriteTo(w)
	return err
}

// RecoverFromSnapshot implements statemachine.IConcurrentStateMachine.
func (m *boatMachine) RecoverFromSnapshot(
	r io.Reader, _ []statemachine.SnapshotFile, _ <-chan struct{},
) error {
	return m.Restore(r)
}

// Close implements statemachine.IConcurrentStateMachine.
func (m *boatMachine) Close() error { return nil }
