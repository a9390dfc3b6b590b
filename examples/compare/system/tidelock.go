package system

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"sync"
	"time"

	"github.com/tidelock-raft/tidelock/cli/garbage"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/engine"
	"github.com/tidelock-raft/tidelock/core/node"
	"github.com/tidelock-raft/tidelock/persist/snapfile"
	"github.com/tidelock-raft/tidelock/persist/vfs"
	"github.com/tidelock-raft/tidelock/persist/wal"
	"github.com/tidelock-raft/tidelock/scripting"
	"github.com/tidelock-raft/tidelock/scripting/value"
	"github.com/tidelock-raft/tidelock/transport/api/native"
	"github.com/tidelock-raft/tidelock/transport/client"
	"github.com/tidelock-raft/tidelock/transport/tcp"
)

// Tidelock is this project, put together as raft-node does it.
var Tidelock = System{
	Name: "tidelock", Machine: "Lua",
	Setup: "defaults: transport tcp, store wal, the Lua machine kv with its sandbox on, snapshots " +
		"and digests as ever, and raft-node's setting of the collector for each node, where the others " +
		"have Go's own; over the network its own client on one connection, without sessions, " +
		"which no other system has",
	Open: openTidelock,
	Serve: func(n Node, listen string) (Server, error) {
		return native.Serve(native.Config{Listen: listen, MaxInFlight: 4096}, n.(tidelock).Node)
	},
	Dial: func(addresses []string) (Target, error) {
		c, err := client.New(client.Config{Endpoints: addresses, NoSession: true})
		return tidelockClient{c}, err
	},
	Defaults: true,
}

type tidelock struct {
	*node.Node
	stop func()
}

// Close implements Node.
func (t tidelock) Close() error {
	defer t.stop()
	return t.Node.Close()
}

func openTidelock(c Config) (Node, error) {
	store, err := wal.Open(vfs.OS(), filepath.Join(c.Dir, "wal"), wal.Config{
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	snapshots, err := snapfile.Open(vfs.OS(), filepath.Join(c.Dir, "snapshots"))
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	var members core.Membership
	for i, address := range c.Peers {
		members.Members = append(members.Members, core.Member{
			ID: core.NodeID(i + 1), Role: core.Voter, Addr: core.Addr(address),
		})
	}
	id := core.NodeID(c.ID)
	config := node.Config{
		Engine: tune(engine.Config{
			Node: id, Incarnation: node.Incarnation(time.Now()),
		}, c), Cluster: 1, Store: store, Snapshots: snapshots,
		Groups: []node.Group{{ID: core.DefaultGroup, Members: members}},
		Machine: func(core.GroupID) (core.StateMachine, error) {
			return scripting.New(scripting.Default(), scripting.Config{})
		},
	}
	config.Engine.Raft.Seed = uint64(id)
	n, err := node.New(config)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	transport, err := tcp.Open(tcp.Config{
		Node: id, Cluster: 1, Listen: c.Peers[id-1],
	}, n)
	if err != nil {
		return nil, errors.Join(err, n.Close())
	}
	n.Start(transport)
	return tidelock{n, garbage.Tend(c.Beside + 1)}, nil
}

// betweenSnapshots is how many entries there are from one replica's first snapshot to the next one's.
const betweenSnapshots = 4000

// tune does as the flags --tick, --heartbeat, --election and --snapshot-entries of raft-node do.
func tune(e engine.Config, c Config) engine.Config {
	if c.Election > 0 {
		e.Tick, e.Raft.ElectionTicks, e.Raft.HeartbeatTicks = c.Election.Nanoseconds()/15, 15, 5
	}
	if c.SnapshotEntries > 0 { // replicas take turns: the first is due after id/n of the distance
		at := c.SnapshotEntries + (c.ID-1)*betweenSnapshots
		e.SnapshotEntries, e.SnapshotBytes = at*len(c.Peers)/c.ID, math.MaxInt64
	}
	return e
}

// Leads implements Node.
func (t tidelock) Leads() bool {
	groups := t.Status().Groups
	return len(groups) > 0 && groups[0].Role == "leader"
}

// newCall begins a call of the Lua machine that so many more bytes follow.
func newCall(name, key string, arguments, more int) []byte {
	const heads = 1 + 3*5 // of the array and of three strings, at most
	return appendCall(make([]byte, 0, heads+len(name)+len(key)+more), name, key, arguments)
}

func appendCall(dst []byte, name, key string, arguments int) []byte {
	dst = value.AppendString(value.AppendArray(dst, 1+arguments), name)
	return value.AppendString(dst, key)
}

func putCall(key string, v []byte) []byte {
	return value.AppendString(newCall("put", key, 2, len(v)), v)
}

// putsCall calls put_all with a table of the pairs of a batch, in its canonical form.
func putsCall(b Batch) ([]byte, error) {
	pairs := make([]value.Pair, 0, 64)
	for rest, ok := b, true; len(rest) > 0; {
		var p value.Pair
		if p.Key, p.Value, rest, ok = rest.Next(); !ok {
			return nil, errCommand
		}
		pairs = append(pairs, p)
	}
	const heads = 32 // of the call and of the table
	data := value.AppendString(value.AppendArray(make([]byte, 0, heads+len(b)), 2), "put_all")
	return value.AppendPairs(data, pairs), nil
}

// Put implements Target.
func (t tidelock) Put(key string, v []byte) Future {
	return t.submit(core.Request{Kind: core.RequestCommand, Data: putCall(key, v)})
}

// PutAll implements Target.
func (t tidelock) PutAll(b Batch) Future {
	data, err := putsCall(b)
	if err != nil {
		return failed{err}
	}
	return t.submit(core.Request{Kind: core.RequestCommand, Data: data})
}

// Holds implements Holder.
func (t tidelock) Holds(key string) bool {
	return t.submit(core.Request{
		Kind: core.RequestQuery, Level: core.Stale, Data: newCall("get", key, 1, 0),
	}).Wait() == nil
}

// Snapshot implements Snapshotter: it waits for the first, which comes by itself.
func (t tidelock) Snapshot() error {
	until := time.Now().Add(snapshotPatience)
	for ; t.Status().Groups[0].SnapshotIndex == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			return errors.New("tidelock: no snapshot came")
		}
	}
	return nil
}

// Get implements Target.
func (t tidelock) Get(key string) Future {
	return t.submit(core.Request{
		Kind: core.RequestQuery, Level: core.Linearizable, Data: newCall("get", key, 1, 0),
	})
}

// asked is a Future of a request, and the slice that it is submitted in.
type asked struct {
	settled  chan error
	requests [1]core.Request
}

var askeds = sync.Pool{New: func() any { return &asked{settled: make(chan error, 1)} }}

func (t tidelock) submit(r core.Request) Future {
	a := askeds.Get().(*asked)
	r.Group, r.Caller = core.DefaultGroup, a
	a.requests[0] = r
	t.Submit(a.requests[:])
	return a
}

// Replied implements core.Caller.
func (a *asked) Replied(_ uint64, r core.Reply) { a.settled <- outcome(r) }

func outcome(r core.Reply) error {
	switch {
	case r.Err != nil:
		return r.Err
	case r.Result.Failure != nil:
		return r.Result.Failure
	case len(r.Result.Value) <= 1: // nil is one byte
		return fmt.Errorf("%w: %x", ErrNotFound, r.Result.Value)
	}
	return nil
}

// Wait implements Future.
func (a *asked) Wait() error {
	err := <-a.settled
	a.requests[0] = core.Request{}
	askeds.Put(a)
	return err
}

// tidelockClient is a client of another process.
type tidelockClient struct{ *client.Client }

// told is a Future of a request to another process, with what the request is made in. Both are used
// again once the outcome is told.
type told struct {
	settled chan error
	data    []byte
	done    func(client.Reply, error)
}

var tolds = sync.Pool{New: func() any {
	t := &told{settled: make(chan error, 1)}
	t.done = func(reply client.Reply, err error) {
		t.settled <- outcome(core.Reply{Result: core.Result{Value: reply.Value}, Err: err})
	}
	return t
}}

// Wait implements Future.
func (t *told) Wait() error {
	err := <-t.settled
	tolds.Put(t)
	return err
}

// Put implements Target.
func (c tidelockClient) Put(key string, v []byte) Future {
	t := tolds.Get().(*told)
	t.data = value.AppendString(appendCall(t.data[:0], "put", key, 2), v)
	return c.ask(t, client.Request{Data: t.data})
}

// PutAll implements Target.
func (c tidelockClient) PutAll(b Batch) Future {
	data, err := putsCall(b)
	if err != nil {
		return failed{err}
	}
	return c.ask(tolds.Get().(*told), client.Request{Data: data})
}

// Get implements Target.
func (c tidelockClient) Get(key string) Future {
	t := tolds.Get().(*told)
	t.data = appendCall(t.data[:0], "get", key, 1)
	return c.ask(t, client.Request{Kind: core.RequestQuery, Data: t.data})
}

func (c tidelockClient) ask(t *told, r client.Request) Future {
	c.Go(context.Background(), r, t.done)
	return t
}
