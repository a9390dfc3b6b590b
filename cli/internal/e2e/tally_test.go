package e2e

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// tally adds numbers to a cluster that runs testdata/tally.lua, each at most once as far as the
// client knows, and remembers what was acknowledged.
type tally struct {
	cluster *Cluster
	client  *client.Client
	next    atomic.Int64
	mu      sync.Mutex
	acked   map[int64]bool
	unknown map[int64]bool
	last    time.Time     // when one was acknowledged
	stall   time.Duration // the longest time without one, since it was last set to zero
}

func newTally(t *testing.T, c *Cluster) *tally {
	t.Helper()
	config := client.Config{Timeout: 2 * time.Second}
	for _, n := range c.Nodes() {
		config.Endpoints = append(config.Endpoints, n.API)
	}
	connected, err := client.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connected.Close() })
	return &tally{
		cluster: c, client: connected, acked: map[int64]bool{}, unknown: map[int64]bool{},
		last: time.Now(),
	}
}

// add adds the next number, and repeats that only while it certainly has no effect.
func (y *tally) add(ctx context.Context, t *testing.T) {
	n := y.next.Add(1)
	data, err := scripting.EncodeCall("add", n)
	if err != nil {
		t.Error(err)
		return
	}
	for {
		_, err = y.client.Do(ctx, client.Request{Data: data})
		if !errors.Is(err, client.ErrUnavailable) || ctx.Err() != nil {
			break
		}
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	switch {
	case err == nil:
		y.acked[n] = true
		y.stall, y.last = max(y.stall, time.Since(y.last)), time.Now()
	case errors.Is(err, core.ErrUnknownOutcome):
		y.unknown[n] = true
	case ctx.Err() == nil:
		t.Errorf("add %d: %v", n, err)
	}
}

// load runs workers until stop is called.
func (y *tally) load(t *testing.T, workers int) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for ctx.Err() == nil {
				y.add(context.WithoutCancel(ctx), t)
			}
		})
	}
	return func() {
		cancel()
		group.Wait()
	}
}

func (y *tally) acknowledged() int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return len(y.acked)
}

// pageSize is how many numbers are read at a time.
const pageSize = 5000

// check reads the state of one node and compares it with what was acknowledged.
func (y *tally) check(t *testing.T, n *Node) {
	t.Helper()
	times := map[int64]int64{}
	for lo := int64(0); ; {
		page := y.page(t, n, lo)
		for _, pair := range page {
			row := pair.([]any)
			times[integer(row[0])] = integer(row[1])
			lo = integer(row[0]) + 1
		}
		if len(page) < pageSize {
			break
		}
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	for number, count := range times {
		if count != 1 || !y.acked[number] && !y.unknown[number] {
			t.Errorf("node %d: %d was applied %d times, acknowledged %v, unknown %v",
				n.ID, number, count, y.acked[number], y.unknown[number])
		}
	}
	for number := range y.acked {
		if times[number] == 0 {
			t.Errorf("node %d: %d was acknowledged and is lost", n.ID, number)
		}
	}
}

func (y *tally) page(t *testing.T, n *Node, lo int64) []any {
	t.Helper()
	data, err := scripting.EncodeCall("page", lo, pageSize)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	reply, err := y.client.Do(ctx, client.Request{
		Kind: core.RequestQuery, Level: core.Stale, Data: data, Target: n.API, Local: true,
	})
	if err != nil {
		t.Fatalf("read node %d: %v", n.ID, err)
	}
	value, err := scripting.DecodeValue(reply.Value)
	if err != nil {
		t.Fatal(err)
	}
	page, ok := value.([]any)
	if !ok && value != nil {
		if m, isMap := value.(map[string]any); !isMap || len(m) > 0 {
			t.Fatalf("page is %T", value)
		}
	}
	return page
}

// integer reads a number as DecodeValue gives it.
func integer(v any) int64 {
	switch n := v.(type) {
	case int64:
		return n
	case float64:
		return int64(n)
	}
	panic(fmt.Sprintf("number is %T", v))
}
