// Command chaos runs five real nodes and twenty clients, breaks processes and network as it goes,
// heals all, and checks what the clients were told: `make chaos`.
//
//	go run ./cli/internal/chaos                      ten minutes
//	go run ./cli/internal/chaos -for 60s -seed 7     one minute, with this schedule of faults
//
// Faults are drawn from the seed in three lanes that go on beside each other: processes (killed,
// stopped, paused), the network between nodes (a proxy before each of them: cut, cut one way, slow,
// hung), and the administrator (leadership handed over, voters demoted, nodes replaced, a new
// script). What time the machine takes is not in the seed's hands, so a run cannot be repeated to
// the letter; package core/sim is for that. This here is the whole program, its disk and its
// sockets.
//
// The exit code is 1 if a verdict is FAIL; the directory with the nodes' logs and the history is
// then kept, and named.
//
// Read next: nemesis.go for the faults, verify.go for the verdicts.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/tidelock-raft/tidelock/cli/internal/trial"
)

const nodes = 5

type options struct {
	duration time.Duration
	seed     uint64
	clients  int
	node     string // the program; empty: built
	verbose  bool
	out      io.Writer
}

func main() {
	o := options{out: os.Stdout}
	flag.DurationVar(&o.duration, "for", 10*time.Minute, "how long faults happen")
	flag.Uint64Var(&o.seed, "seed", 0, "what faults and clients are drawn from; 0: a new one")
	flag.IntVar(&o.clients, "clients", 20, "how many clients; every fourth has no session")
	flag.StringVar(&o.node, "node", "", "the raft-node to run; empty: build it")
	flag.BoolVar(&o.verbose, "v", false, "tell every fault")
	flag.Parse()
	for o.seed == 0 {
		o.seed = rand.Uint64()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	passed, err := run(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
	}
	if err != nil || !passed {
		os.Exit(1)
	}
}

// run runs a cluster and judges it. An error is one that says nothing about the cluster.
func run(ctx context.Context, o options) (passed bool, err error) {
	dir, err := os.MkdirTemp("", "chaos")
	if err != nil {
		return false, err
	}
	defer func() {
		if passed {
			_ = os.RemoveAll(dir)
		} else {
			fmt.Fprintln(o.out, "kept:", dir)
		}
	}()
	if o.node == "" {
		o.node = filepath.Join(dir, "raft-node")
		if err := trial.Build(dir, "raft-node"); err != nil {
			return false, err
		}
	}
	fmt.Fprintf(o.out, "seed %d: %d nodes, %d clients, %v\n", o.seed, nodes, o.clients, o.duration)
	c, err := newCluster(dir, o)
	if err != nil {
		return false, err
	}
	defer c.close()
	r, err := endure(ctx, c, o)
	if err != nil {
		return false, err
	}
	return r.print(o.out, dir)
}

// endure lets clients work and faults happen, heals all, and gathers what there is to judge.
func endure(ctx context.Context, c *cluster, o options) (*report, error) {
	if err := trial.Await(ctx, "a leader", func() bool { return c.leader() != nil }); err != nil {
		return nil, err
	}
	w, n := newWorkload(c, o), newNemesis(c, o)
	working, rest := context.WithCancel(context.WithoutCancel(ctx))
	defer rest()
	var clients sync.WaitGroup
	for i := range o.clients {
		clients.Go(func() { w.client(working, i) }) // ended by rest
	}
	harm, heal := context.WithTimeout(ctx, o.duration)
	defer heal()
	n.run(harm)
	healed := w.now()
	recovered := trial.Await(ctx, "writes after all was healed", func() bool {
		return w.wrote() > healed
	})
	rest()
	clients.Wait()
	r := &report{workload: w, nemesis: n, healed: healed, history: w.history()}
	if r.verdicts.Fail("recovery", recovered) {
		return r, ctx.Err()
	}
	r.verdicts.Pass("recovery", "writes go on within %v after all was healed",
		(w.wrote() - healed).Round(time.Millisecond))
	if r.settle(ctx) {
		finals, err := w.readAll(ctx, r.history)
		r.finals = finals
		r.verdicts.Fail("last reads", err)
	}
	c.stop()
	return r, ctx.Err()
}
