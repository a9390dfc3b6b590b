package tcp_test

import (
	"cmp"
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/tcp"
	"github.com/tidelock-raft/tidelock/transport/transporttest"
)

func TestConformance(t *testing.T) {
	open := func(n transporttest.Node, inbox core.Inbox) (core.Transport, core.Addr, error) {
		c := tcp.Config{
			Node: n.ID, Cluster: n.Cluster, Listen: string(cmp.Or(n.Addr, "127.0.0.1:0")),
		}
		transport, err := tcp.Open(c, inbox)
		// A port that was free a moment ago may be some other program's for a while.
		for deadline := time.Now().Add(30 * time.Second); errors.Is(err, syscall.EADDRINUSE) &&
			time.Now().Before(deadline); transport, err = tcp.Open(c, inbox) {
			<-time.After(20 * time.Millisecond)
		}
		if err != nil {
			return nil, "", err
		}
		return transport, transport.Addr(), nil
	}
	transporttest.Suite{Open: open}.Run(t)
}
