package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/tidelock-raft/tidelock/cli/internal/trial"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/engine"
	"github.com/tidelock-raft/tidelock/core/node"
	"github.com/tidelock-raft/tidelock/persist/snapfile"
	"github.com/tidelock-raft/tidelock/persist/vfs"
	"github.com/tidelock-raft/tidelock/persist/wal"
	"github.com/tidelock-raft/tidelock/scripting"
	"github.com/tidelock-raft/tidelock/transport/tcp"
)

const groupClients = 256

// carried is what it takes a node to carry groups, and what they did under load.
type carried struct {
	figures
	idle     float64 // ms of processor time a second
	messages float64 // sent a second, idle
	memory   float64 // bytes, of a group
	lanes    float64 // goroutines
	batch    float64 // entries that share a sync
}

// measureGroups has three nodes in this process carry more and more groups, in turn.
func measureGroups(ctx context.Context, o options) (string, error) {
	t := newTable("groups", "idle: CPU ms a second, each node", "messages a second, each node",
		"KiB of memory a group, each node", "goroutines, each node", "busy: writes/s", "p50 ms",
		"p99 ms",
		"CPU µs a write, everything", "processors busy (ours)", "logs busy", "entries a sync", "limit")
	laps := make([][]carried, len(o.groups))
	for range o.laps {
		for i, n := range o.groups {
			lap, err := groupsLap(ctx, o, n)
			if err != nil {
				return "", fmt.Errorf("%d groups: %w", n, err)
			}
			laps[i] = append(laps[i], lap)
		}
	}
	for i, n := range o.groups {
		l, f := laps[i], make([]figures, o.laps)
		for lap := range f {
			f[lap] = l[lap].figures
		}
		t.row(n, spread("%.1f", l, func(c carried) float64 { return c.idle }),
			spread("%.0f", l, func(c carried) float64 { return c.messages }),
			number("%.0f", median(l, func(c carried) float64 { return c.memory / 1024 })),
			number("%.0f", median(l, func(c carried) float64 { return c.lanes })),
			spread("%.0f", f, rate), spread("%.2f", f, p50), spread("%.2f", f, p99),
			spread("%.0f", f, cpu),
			used(f), share(median(f, disk)),
			number("%.0f", median(l, func(c carried) float64 { return c.batch })), limit(f))
	}
	return fmt.Sprintf("Three nodes and %d clients in one process, groups that each run the default "+
		"machine, one log and one connection between two nodes for all groups. Memory is the heap and "+
		"the stacks after a collection.\n\n%s", groupClients, t), nil
}

func groupsLap(ctx context.Context, o options, n int) (c carried, err error) {
	held := memory()
	var members tenants
	defer func() { err = errors.Join(err, members.close()) }()
	dir, err := os.MkdirTemp(o.dir, "groups")
	if err != nil {
		return c, err
	}
	if err := members.open(dir, n); err != nil {
		return c, err
	}
	leaders := make([]*tenant, n)
	if err := trial.Await(ctx, "a leader of every group", func() bool {
		return members.lead(leaders)
	}); err != nil {
		return c, err
	}
	trial.Wait(ctx, warmUp)
	nodes := float64(len(members))
	sent, w := members.sent(), startWatch()
	trial.Wait(ctx, o.hold)
	s := w.read()
	c.idle = ms(s.all) / s.wall.Seconds() / nodes
	c.messages = float64(members.sent()-sent) / s.wall.Seconds() / nodes
	c.memory = (memory() - held) / nodes / float64(n)
	c.lanes = float64(runtime.NumGoroutine()) / nodes
	ask := members.putTo(leaders)
	if _, err := closed(ctx, groupClients, warmUp, ask); err != nil {
		return c, err
	}
	before := members.work()
	w = startWatch()
	if c.figures, err = closed(ctx, groupClients, o.hold, ask); err != nil {
		return c, err
	}
	s = w.read()
	after := members.work()
	c.busy, c.own, c.cpu = s.busy, s.own, s.all.Seconds()*1e6/(c.rate*s.wall.Seconds())
	c.disk = float64(after.WriteNS-before.WriteNS) / float64(s.wall) / nodes
	c.batch = float64(after.WrittenEntries - before.WrittenEntries)
	c.batch /= float64(after.Writes - before.Writes)
	return c, nil
}

// memory is what this process holds in heap and stacks.
func memory() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}

// tenant is a node of this process.
type tenant struct {
	*node.Node
	transport *tcp.Transport
}

type tenants []*tenant

// open starts three nodes that carry so many groups.
func (all *tenants) open(dir string, groups int) error {
	net := subnet()
	var members core.Membership
	for id := core.NodeID(1); id <= 3; id++ {
		members.Members = append(members.Members, core.Member{
			ID: id, Role: core.Voter, Addr: core.Addr(fmt.Sprintf("%s%d:9000", net, id)),
		})
	}
	var carried []node.Group
	for g := range groups {
		carried = append(carried, node.Group{ID: core.GroupID(g + 1), Members: members})
	}
	for _, m := range members.Members {
		one, err := openTenant(filepath.Join(dir, fmt.Sprint("node", m.ID)), m, carried)
		if err != nil {
			return err
		}
		*all = append(*all, one)
	}
	return nil
}

func openTenant(dir string, m core.Member, groups []node.Group) (*tenant, error) {
	store, err := wal.Open(vfs.OS(), filepath.Join(dir, "wal"), wal.Config{
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	snapshots, err := snapfile.Open(vfs.OS(), filepath.Join(dir, "snapshots"))
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	config := node.Config{
		Engine: engine.Config{Node: m.ID}, Cluster: 1, Groups: groups, Store: store,
		Snapshots: snapshots, Machine: func(core.GroupID) (core.StateMachine, error) {
			return scripting.New(scripting.Default(), scripting.Config{})
		},
	}
	config.Engine.Raft.Seed = uint64(m.ID)
	n, err := node.New(config)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	transport, err := tcp.Open(tcp.Config{Node: m.ID, Cluster: 1, Listen: string(m.Addr)}, n)
	if err != nil {
		return nil, errors.Join(err, n.Close())
	}
	n.Start(transport)
	return &tenant{n, transport}, nil
}

func (all tenants) close() (err error) {
	for _, one := range all {
		err = errors.Join(err, one.Close())
	}
	return err
}

// lead finds out who leads each group, and reports whether somebody does and all nodes have the
// beginning of its log.
func (all tenants) lead(leaders []*tenant) bool {
	clear(leaders)
	ready := 0
	for _, one := range all {
		for i, g := range one.Status().Groups {
			if g.Role == "leader" {
				leaders[i] = one
			}
			if g.AppliedIndex > 0 && g.Leader != 0 {
				ready++
			}
		}
	}
	return ready == len(leaders)*len(all)
}

// sent is how many messages the nodes have sent.
func (all tenants) sent() (n uint64) {
	for _, one := range all {
		n += one.transport.Stats().Sent
	}
	return n
}

// work is what all nodes have done.
func (all tenants) work() (sum core.WorkStatus) {
	for _, one := range all {
		w := one.Status().Work
		sum.Writes, sum.WrittenEntries = sum.Writes+w.Writes, sum.WrittenEntries+w.WrittenEntries
		sum.WriteNS += w.WriteNS
	}
	return sum
}

// answered is the core.Caller of one client.
type answered chan core.Reply

// Replied implements core.Caller.
func (a answered) Replied(_ uint64, r core.Reply) { a <- r }

// putTo has each client write to one group, at its leader; a write that is refused is repeated.
func (all tenants) putTo(leaders []*tenant) ask {
	value := strings.Repeat("v", fewBytes)
	callers := make([]answered, groupClients)
	for i := range callers {
		callers[i] = make(answered, 1)
	}
	return func(i int, random *rand.Rand) error {
		data, err := scripting.EncodeCall("put", fmt.Sprintf(keyFormat, random.IntN(fewKeys)), value)
		if err != nil {
			return err
		}
		g := i % len(leaders)
		leader := leaders[g]
		for began := time.Now(); ; {
			leader.Submit([]core.Request{{
				Group: core.GroupID(g + 1), Kind: core.RequestCommand, Data: data, Caller: callers[i],
			}})
			r := <-callers[i]
			switch {
			case r.Result.Failure != nil:
				return r.Result.Failure
			case r.Err == nil || time.Since(began) > patience:
				return r.Err
			case r.Leader != 0:
				leader = all[r.Leader-1]
			}
			trial.Wait(context.Background(), time.Millisecond)
		}
	}
}
