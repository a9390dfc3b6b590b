package tcp

import (
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/plugins"
)

// options are what can be set by name; the rest of Config comes from the node.
type options struct {
	QueueMessages    int           `help:"messages waiting for a peer, each queue" default:"16384"`
	QueueBytes       plugins.Bytes `help:"bytes waiting for a peer, each queue" default:"32MiB"`
	MaxInbound       int           `help:"connections accepted" default:"1024"`
	HandshakeTimeout time.Duration `help:"to connect and be accepted" default:"5s"`
	WriteTimeout     time.Duration `help:"for one batch to leave" default:"10s"`
	IdleTimeout      time.Duration `help:"without a sign of life from a peer" default:"15s"`
	RetryMin         time.Duration `help:"first pause after a failed connection" default:"20ms"`
	RetryMax         time.Duration `help:"longest pause between connections" default:"1s"`
}

func init() {
	plugins.RegisterTransport("tcp", func(e plugins.Env, o options) (core.Transport, error) {
		return Open(Config{
			Node: e.Node, Cluster: e.Cluster, Listen: string(e.Listen), Seed: e.Seed, Logger: e.Log,
			QueueMessages: o.QueueMessages, QueueBytes: int(o.QueueBytes), MaxInbound: o.MaxInbound,
			HandshakeTimeout: o.HandshakeTimeout, WriteTimeout: o.WriteTimeout,
			IdleTimeout: o.IdleTimeout, RetryMin: o.RetryMin, RetryMax: o.RetryMax,
		}, e.Inbox)
	})
}
