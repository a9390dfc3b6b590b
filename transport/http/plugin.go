package http

import (
	"github.com/tidelock-raft/tidelock/plugins"
	"github.com/tidelock-raft/tidelock/transport/link"
)

func init() { plugins.RegisterTransport("http", link.Plugin(Open)) }
