package pigeon_test

import (
	"testing"

	"example.org/pigeon"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/link"
	"github.com/tidelock-raft/tidelock/transport/transporttest"
)

func TestConformance(t *testing.T) {
	open := func(n transporttest.Node, inbox core.Inbox) (core.Transport, core.Addr, error) {
		c := link.Config{Node: n.ID, Cluster: n.Cluster, Listen: "127.0.0.1:0"}
		if n.Addr != "" {
			c.Listen = string(n.Addr)
		}
		t, err := pigeon.Open(c, inbox)
		if err != nil {
			return nil, "", err
		}
		return t, t.Addr(), nil
	}
	transporttest.Suite{Open: open}.Run(t)
}
