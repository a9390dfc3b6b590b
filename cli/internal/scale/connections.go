package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidelock-raft/tidelock/cli/bench/histogram"
	"github.com/tidelock-raft/tidelock/cli/internal/trial"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/client"
)

const (
	busyClients = 64   // each with a connection of its own
	dialers     = 128  // clients that connect at the same time
	spareFiles  = 1000 // beside connections
	slowPeriod  = time.Second
)

// measureConnections connects many clients with one server, the leader of three nodes.
func measureConnections(ctx context.Context, o options) (string, error) {
	n, note := min(o.connections, maxFiles()-maxFiles()/4-spareFiles), ""
	if n < o.connections {
		note = fmt.Sprintf("Of %d clients, %d may be connected: the system lets a process have %d "+
			"files open.\n\n", o.connections, n, maxFiles())
	}
	c, err := newCluster(ctx, o, 3, "--api-connections", fmt.Sprint(n+spareFiles/2))
	if err != nil {
		return "", err
	}
	crowd, text, err := crowded(ctx, c, n)
	for _, one := range crowd {
		if one != nil {
			_ = one.Close() // what was measured was measured
		}
	}
	if err = errors.Join(err, c.close()); err != nil {
		return "", err
	}
	return note + text, nil
}

// crowded measures a cluster without clients but a few busy ones, and then with many more.
func crowded(ctx context.Context, c *cluster, n int) (
	crowd []*client.Client, text string, err error,
) {
	leader, err := c.leader()
	if err != nil {
		return nil, "", err
	}
	few, _, err := connect(leader.api, busyClients)
	if crowd = few; err != nil {
		return crowd, "", err
	}
	ask := func(i int, random *rand.Rand) error { return write(few[i], random.IntN(fewKeys), "v") }
	if _, err = c.measure(ctx, busyClients, warmUp, ask); err != nil {
		return crowd, "", err
	}
	alone, err := c.measure(ctx, busyClients, c.hold, ask)
	if err != nil {
		return crowd, "", err
	}
	memory := resident(leader.Process.Pid)
	many, took, err := connect(leader.api, n)
	if crowd = append(crowd, many...); err != nil {
		return crowd, "", err
	}
	memory = (resident(leader.Process.Pid) - memory) / float64(n)
	w := startWatch(leader.Process.Pid)
	trial.Wait(ctx, c.hold)
	idle := w.read()
	s := slowly(ctx, many)
	trial.Wait(ctx, time.Until(s.began))
	beside, err := c.measure(ctx, busyClients, c.hold, ask)
	if err = errors.Join(err, s.end()); err != nil {
		return crowd, "", err
	}
	t := newTable("clients", "busy ones' writes/s", "p50 ms", "p99 ms", "slow ones' writes/s",
		"p50 ms", "p99 ms", "servers' CPU µs a write", "processors busy (ours)", "limit")
	slow := float64(s.Count()) / s.took.Seconds()
	total := beside.rate + slow
	t.row(busyClients, number("%.0f", alone.rate), number("%.2f", alone.p50),
		number("%.2f", alone.p99), "", "", "", number("%.0f", alone.cpu),
		used([]figures{alone}), alone.limit())
	t.row(n+busyClients, number("%.0f", beside.rate), number("%.2f", beside.p50),
		number("%.2f", beside.p99), number("%.0f", slow), number("%.2f", ms(s.Quantile(0.5))),
		number("%.2f", ms(s.Quantile(0.99))), number("%.0f", beside.cpu*beside.rate/total),
		used([]figures{beside}), beside.limit())
	return crowd, fmt.Sprintf("%s clients connected with one server in %.2f s, %d at a time, and "+
		"each had a query answered; none was refused. A connection took %.1f KiB of the server's "+
		"memory; all of them, idle, %.1f ms of its processor time a second. Then each wrote once a "+
		"second, beside %d that wrote as fast as they were answered.\n\n%s",
		number("%.0f", float64(n)), took.Seconds(), dialers, memory/1024,
		ms(idle.servers)/idle.wall.Seconds(), busyClients, t), nil
}

// connect makes clients that know one server only, and has each ask it something.
func connect(api string, n int) (all []*client.Client, took time.Duration, err error) {
	all = make([]*client.Client, n)
	began := time.Now()
	var next atomic.Int64
	var running sync.WaitGroup
	var mu sync.Mutex
	for range dialers {
		running.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				one, failed := client.New(client.Config{
					Endpoints: []string{api}, DialTimeout: patience, Timeout: patience,
				})
				if failed == nil {
					all[i] = one
					failed = get(one, client.Request{Level: core.Stale, Target: api})
				}
				if failed != nil {
					mu.Lock()
					err = failed
					mu.Unlock()
				}
			}
		})
	}
	running.Wait()
	if err != nil {
		err = fmt.Errorf("connect %d clients: %w", n, err)
	}
	return all, time.Since(began), err
}

// patience is how long a client waits, for its connection or an answer.
const patience = 30 * time.Second

// slow is clients that write once a second.
type slow struct {
	histogram.Histogram
	stop    context.CancelFunc
	running sync.WaitGroup
	began   time.Time
	took    time.Duration
	mu      sync.Mutex
	failed  error
}

// slowly has each of the clients write once a second, until end.
func slowly(ctx context.Context, clients []*client.Client) *slow {
	s := &slow{began: time.Now().Add(2 * slowPeriod)} // before, they all open their sessions
	ctx, s.stop = context.WithCancel(ctx)
	for i, one := range clients {
		s.running.Go(func() { // ended by end
			trial.Wait(ctx, time.Duration(rand.Int64N(int64(slowPeriod))))
			tick := time.NewTicker(slowPeriod)
			defer tick.Stop()
			for ctx.Err() == nil {
				since := time.Now()
				if err := write(one, i, "v"); err != nil {
					s.mu.Lock()
					s.failed = err
					s.mu.Unlock()
				} else if since.After(s.began) {
					s.Add(time.Since(since))
				}
				select {
				case <-tick.C:
				case <-ctx.Done():
				}
			}
		})
	}
	return s
}

// end ends the writing, and returns what went wrong.
func (s *slow) end() error {
	s.stop()
	s.took = time.Since(s.began)
	s.running.Wait()
	return s.failed
}
