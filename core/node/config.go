package node

import (
	"cmp"
	"errors"
	"log/slog"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/engine"
)

// Config says what a node is made of. Zero numbers mean their defaults.
type Config struct {
	// Engine configures the groups; Engine.Node is this node's id and required.
	Engine engine.Config

	// Cluster and Version are shown by Status.
	Cluster core.ClusterID
	Version string

	// Groups are the groups that the node carries beside those that its store holds already.
	Groups []Group

	// Store keeps the logs; the node closes it. Required.
	Store core.Store

	// Snapshots keeps the bodies of snapshots. Required, unless Store is a core.SnapshotStore.
	Snapshots core.Snapshots

	// Machine makes an empty machine for a group; the node closes it. Required.
	Machine func(core.GroupID) (core.StateMachine, error)

	// Clock tells the time. Required by NewHandler; New uses the system's by default.
	Clock core.Clock

	// Log is told of role changes, snapshots and troubles. Default: nobody.
	Log *slog.Logger

	// MaxRequests bounds the requests that wait for the handler, and the queries that wait for a
	// machine; more are answered core.ErrBusy. Default 65,536.
	MaxRequests int

	// MaxRequestBytes bounds the data of either. Default 256 MiB.
	MaxRequestBytes int

	// MaxMessages and MaxMessageBytes bound the peers' messages that wait for the handler; more are
	// refused to the transport. Defaults: 65,536 and 256 MiB.
	MaxMessages     int
	MaxMessageBytes int

	// ChunkBytes is the largest piece of a snapshot in one message. Default ChunkBytes.
	ChunkBytes int

	// HungDisk is how long a write may be under way, in nanoseconds, before this node stops to lead
	// until it is over. Default 2 s.
	HungDisk int64

	// QueryLanes is how many queries may run beside each other and beside Apply, for machines that
	// are a core.Reader. Default 2, or for New the number of processors if that is more.
	QueryLanes int
}

// Group is one group to be carried from its very beginning.
type Group struct {
	ID core.GroupID
	// Members is the configuration that the group begins with, the same on every node that begins
	// it. A store that holds the group already knows better, and Members is not looked at.
	Members core.Membership
}

// ErrConfig is returned for a Config that lacks a required part.
var ErrConfig = errors.New("node: incomplete configuration")

func (c Config) withDefaults() (Config, error) {
	if store, ok := c.Store.(core.SnapshotStore); ok && c.Snapshots == nil {
		c.Snapshots = store
	}
	if c.Engine.Node == 0 || c.Store == nil || c.Snapshots == nil || c.Machine == nil {
		return c, ErrConfig
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.MaxRequests = cmp.Or(c.MaxRequests, 65_536)
	c.MaxMessages = cmp.Or(c.MaxMessages, 65_536)
	c.MaxRequestBytes = cmp.Or(c.MaxRequestBytes, 256<<20)
	c.MaxMessageBytes = cmp.Or(c.MaxMessageBytes, 256<<20)
	c.ChunkBytes = cmp.Or(c.ChunkBytes, ChunkBytes)
	c.HungDisk = cmp.Or(c.HungDisk, 2e9)
	c.QueryLanes = cmp.Or(c.QueryLanes, 2)
	return c, nil
}
