//go:build !race

// With the race detector on, a sync.Pool forgets at random.

package client_test

import (
	"context"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/api/native"
	"github.com/tidelock-raft/tidelock/transport/client"
)

func TestDoHardlyAllocates(t *testing.T) {
	n, id := &node{id: 1}, make([]byte, 8)
	id[7] = 9
	n.set(func(r core.Request) *core.Reply {
		if r.Kind == core.RequestSession && isOpening(r) {
			return &core.Reply{Result: core.Result{Value: id}}
		}
		return n.echo(r)
	})
	n.start(t, native.Config{})
	// The value, the server's copy of the data, and what the fake service makes; in a session, the
	// data with a header, too.
	for most, config := range map[float64]client.Config{4: {NoSession: true}, 5: {}} {
		config.Endpoints = []string{n.addr()}
		c := openWithSessions(t, config)
		ctx, r := context.Background(), put(strings.Repeat("v", 128))
		if _, err := c.Do(ctx, r); err != nil {
			t.Fatal(err)
		}
		if got := testing.AllocsPerRun(500, func() { _, _ = c.Do(ctx, r) }); got > most {
			t.Errorf("got %v allocations for a request there and back, want at most %v", got, most)
		}
	}
}
