package tcp_test

import (
	"testing"

	"github.com/tidelock-raft/tidelock/transport/link/linktest"
	"github.com/tidelock-raft/tidelock/transport/tcp"
)

func TestConformance(t *testing.T) { linktest.Run(t, tcp.Open) }
