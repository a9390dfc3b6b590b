package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"

	"github.com/tidelock-raft/tidelock/cli/internal/trial"
)

// fault is something that goes wrong for a while.
type fault struct {
	name  string
	begin trouble
}

// trouble makes something go wrong, and returns what makes it good again, nil if there is nothing
// to strike, and whom it strikes.
type trouble func(n *nemesis, r *rand.Rand) (heal func(), whom string)

// processFaults end, stop and start processes.
var processFaults = []fault{
	{"kill one", killing(syscall.SIGKILL, anyone)},
	{"kill the leader", killing(syscall.SIGKILL, leaders)},
	{"kill a majority", killing(syscall.SIGKILL, majority)},
	{"kill all", killing(syscall.SIGKILL, everyone)},
	{"stop one in order", killing(syscall.SIGTERM, anyone)},
	{"pause one", pausing(anyone)},
	{"pause the leader", pausing(leaders)},
	{"pause a majority", pausing(majority)},
}

// networkFaults are in network.go, adminFaults in admin.go.

// event is a fault that happened.
type event struct {
	name, whom  string
	begin, ends time.Duration
}

// nemesis breaks things, in lanes that do not wait for each other.
type nemesis struct {
	cluster *cluster
	options options
	start   time.Time

	mu     sync.Mutex
	events []event
}

func newNemesis(c *cluster, o options) *nemesis {
	return &nemesis{cluster: c, options: o, start: time.Now()}
}

// run breaks things until ctx ends; then all is healed, and what the administrator began, finished.
func (n *nemesis) run(ctx context.Context) {
	var lanes sync.WaitGroup
	lanes.Go(func() { n.lane(ctx, 1, processFaults) })
	lanes.Go(func() { n.lane(ctx, 2, networkFaults) })
	lanes.Go(func() { n.administer(ctx, 3) })
	lanes.Wait()
	for _, one := range n.cluster.members() {
		n.cluster.finding(one.start())
	}
}

// stream is the random numbers of a lane.
func (n *nemesis) stream(lane uint64) *rand.Rand {
	return rand.New(rand.NewPCG(n.options.seed, lane))
}

// The times that a lane waits, at least and at most.
const (
	shortestHold, longestHold = 300 * time.Millisecond, 6 * time.Second
	shortestCalm, longestCalm = 500 * time.Millisecond, 4 * time.Second
)

func between(r *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(r.Int64N(int64(most-least)))
}

// lane draws one fault after the other. In each round all of them come up once, in some order.
func (n *nemesis) lane(ctx context.Context, number uint64, faults []fault) {
	r := n.stream(number)
	for {
		for _, i := range r.Perm(len(faults)) {
			calm, hold := between(r, shortestCalm, longestCalm), between(r, shortestHold, longestHold)
			own := rand.New(rand.NewPCG(r.Uint64(), 0)) // what it draws changes nothing for the next
			if !trial.Wait(ctx, calm) {
				return
			}
			begin := time.Since(n.start)
			heal, whom := faults[i].begin(n, own)
			if heal == nil {
				continue
			}
			trial.Wait(ctx, hold)
			heal()
			n.happened(event{faults[i].name, whom, begin, time.Since(n.start)})
		}
	}
}

func (n *nemesis) happened(e event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.events = append(n.events, e)
	if n.options.verbose {
		fmt.Fprintf(n.options.out, "%8.2fs  %s: %s, for %v\n", e.begin.Seconds(), e.name, e.whom,
			(e.ends - e.begin).Round(time.Millisecond))
	}
}

// choice draws some nodes.
type choice func(n *nemesis, r *rand.Rand) []*node

func everyone(n *nemesis, r *rand.Rand) []*node {
	list := n.cluster.members()
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

func anyone(n *nemesis, r *rand.Rand) []*node { return everyone(n, r)[:1] }

func majority(n *nemesis, r *rand.Rand) []*node {
	list := everyone(n, r)
	return list[:len(list)/2+1]
}

// leaders is who leads, if anybody does.
func leaders(n *nemesis, _ *rand.Rand) []*node {
	if l := n.cluster.leader(); l != nil {
		return []*node{l}
	}
	return nil
}

func names(list []*node) string {
	var ids []any
	for _, n := range list {
		ids = append(ids, n.id)
	}
	return fmt.Sprint(ids...)
}

func killing(s syscall.Signal, of choice) trouble {
	return struck(of, func(one *node) { one.end(s) }, func(n *nemesis, one *node) {
		n.cluster.finding(one.start())
	})
}

func pausing(of choice) trouble {
	return struck(of, (*node).pause, func(_ *nemesis, one *node) { one.resume() })
}

// struck does something to each of some nodes, at once, and the opposite later.
func struck(of choice, harm func(*node), heal func(*nemesis, *node)) trouble {
	return func(n *nemesis, r *rand.Rand) (func(), string) {
		list := of(n, r)
		if len(list) == 0 {
			return nil, ""
		}
		var all sync.WaitGroup
		for _, one := range list {
			all.Go(func() { harm(one) })
		}
		all.Wait()
		return func() {
			for _, one := range list {
				heal(n, one)
			}
		}, names(list)
	}
}
