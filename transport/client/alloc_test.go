//go:build !race

// With the race detector on, a sync.Pool forgets at random.

package client_test

import (
	"context"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/transport/api/native"
	"github.com/tidelock-raft/tidelock/transport/client"
)

func TestDoHardlyAllocates(t *testing.T) {
	n := &node{id: 1}
	n.set(n.echo)
	n.start(t, native.Config{})
	c := open(t, client.Config{Endpoints: []string{n.addr()}})
	ctx, r := context.Background(), put(strings.Repeat("v", 128))
	if _, err := c.Do(ctx, r); err != nil {
		t.Fatal(err)
	}
	// The value, the server's copy of the data, and what the fake service makes.
	if got := testing.AllocsPerRun(500, func() { _, _ = c.Do(ctx, r) }); got > 4 {
		t.Errorf("got %v allocations for a request there and back, want at most 4", got)
	}
}
