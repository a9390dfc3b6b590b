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

func TestRequestsHardlyAllocate(t *testing.T) {
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
	for most, config := range map[float64]client.Config{3: {NoSession: true}, 4: {}} {
		config.Endpoints = []string{n.addr()}
		c := openWithSessions(t, config)
		ctx, r := context.Background(), put(strings.Repeat("v", 128))
		if _, err := c.Do(ctx, r); err != nil {
			t.Fatal(err)
		}
		if got := testing.AllocsPerRun(500, func() { _, _ = c.Do(ctx, r) }); got > most {
			t.Errorf("Do: got %v allocations there and back, want at most %v", got, most)
		}
		settled := make(chan struct{}, 1)
		done := func(client.Reply, error) { settled <- struct{}{} }
		ask := func() { c.Go(ctx, r, done); <-settled }
		if got := testing.AllocsPerRun(500, ask); got > most {
			t.Errorf("Go: got %v allocations there and back, want at most %v", got, most)
		}
		const many = 256 // whose values share blocks
		settled = make(chan struct{}, many)
		got := testing.AllocsPerRun(50, func() {
			for range many {
				c.Go(ctx, r, done)
			}
			for range many {
				<-settled
			}
		})
		if got /= many; got > most-1 {
			t.Errorf("%d of Go: got %v allocations for each, want at most %v", many, got, most-1)
		}
	}
}
