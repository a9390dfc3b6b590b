package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/engine"
	"github.com/tidelock-raft/tidelock/core/node"
	"github.com/tidelock-raft/tidelock/core/raft"
	"github.com/tidelock-raft/tidelock/persist/vfs"
	"github.com/tidelock-raft/tidelock/transport/api/native"
)

// start connects the parts and runs the node until ctx ends or the node stops by itself. It closes
// everything that is open.
func start(ctx context.Context, p *parts) error {
	if err := errors.Join(p.checkMembers(), p.recall()); err != nil {
		return closeAll(err, p.store)
	}
	incarnation, err := incarnate(vfs.OS(), p.Dir, time.Now())
	if err != nil {
		return closeAll(err, p.store)
	}
	n, err := node.New(p.nodeConfig(incarnation))
	if err != nil {
		return closeAll(fmt.Errorf("open node: %w", err), p.store)
	}
	transport, err := p.transport(n)
	if err != nil {
		return closeAll(err, n)
	}
	n.Start(transport)
	p.keepers.start(n, p.Clock)
	defer p.keepers.stop()
	backups := newBackups(described{gate{n, p.made}, p}, n.Freeze)
	service := &logs{Service: backups, store: p.store, snapshots: p.snapshots}
	api, err := native.Serve(native.Config{
		Listen: p.APIListen, APIAddr: p.apiAddr, Logger: p.Log,
		MaxConns: p.APIConnections, MaxRequestBytes: engine.MaxCommandBytes,
	}, service)
	if err != nil {
		return closeAll(err, n)
	}
	defer p.install(ctx, n)()
	p.Log.Info("node is running", "cluster", p.Cluster, "peers", p.peersAt(), "clients", api.Addr(),
		"data", p.Dir, "seed", p.Seed, "version", p.Version)
	select {
	case <-ctx.Done():
		p.Log.Info("node is stopping")
		p.handOver(n)
	case <-n.Done():
		p.Log.Error("node has stopped", "err", n.Err())
	}
	return closeAll(nil, api, service, backups, n)
}

// nodeConfig says what the node is made of.
func (p *parts) nodeConfig(incarnation uint32) node.Config {
	return node.Config{
		Engine: engine.Config{
			Node: p.ID, Incarnation: incarnation, Tick: p.Tick.Nanoseconds(),
			Raft: raft.Config{
				ElectionTicks:  int(p.Election / p.Tick),
				HeartbeatTicks: int(p.Heartbeat / p.Tick),
				Seed:           p.Seed,
				Priority:       p.Priority,
			},
			ClockDriftPPM:   p.ClockDrift,
			Admit:           p.admit,
			SnapshotEntries: p.SnapshotEntries, SnapshotBytes: p.SnapshotBytes,
		},
		Cluster: ClusterID(p.Cluster), Version: p.Version,
		Groups:    []node.Group{{ID: core.DefaultGroup, Members: p.membership()}},
		Store:     p.store,
		Snapshots: p.snapshots, Machine: p.machine, Log: p.Log, Clock: p.Clock,
	}
}

// apiAddr tells clients where to find a node.
func (p *parts) apiAddr(id core.NodeID) string {
	if id == p.ID {
		if hostOf(p.APIListen) == "" {
			return ""
		}
		return p.APIListen
	}
	for _, peer := range p.Peers {
		if peer.ID == id {
			return peer.API
		}
	}
	return ""
}
