package memory

import (
	"sync"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/plugins"
)

// options are what can be set by name; the rest of Config comes from the node.
type options struct {
	Network       string        `help:"name of the network to join, in this process" default:"main"`
	QueueMessages int           `help:"messages waiting for this node" default:"16384"`
	QueueBytes    plugins.Bytes `help:"bytes waiting for this node" default:"64MiB"`
}

// networksRegistry holds the networks that nodes of this process have joined by name.
var networksRegistry sync.Map

// Named returns the network of that name in this process, and makes it when first asked for.
func Named(name string) *Network {
	network, _ := networksRegistry.LoadOrStore(name, NewNetwork())
	return network.(*Network)
}

func init() {
	plugins.RegisterTransport("memory", func(e plugins.Env, o options) (core.Transport, error) {
		return Named(o.Network).Join(Config{
			Node: e.Node, Cluster: e.Cluster, Addr: e.Listen,
			QueueMessages: o.QueueMessages, QueueBytes: int(o.QueueBytes),
		}, e.Inbox)
	})
}
