package grpc_test

import (
	"testing"

	"github.com/tidelock-raft/tidelock/transport/grpc"
	"github.com/tidelock-raft/tidelock/transport/link/linktest"
)

func TestConformance(t *testing.T) { linktest.Run(t, grpc.Open) }
