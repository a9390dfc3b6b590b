// Command churn changes who is in a cluster while 64 clients write to it, and measures what they
// notice: `make churn`.
//
//	go run ./cli/internal/churn                   the whole, about a minute and a half
//	go run ./cli/internal/churn -hold 10s         with more time for each step
//
// Nodes are real processes with default settings, each on a loopback address of its own (which
// Linux has without further ado), and all that an administrator does is done by raft-client. Three
// nodes become five, leadership is handed over, nodes are killed and replaced, five become three,
// nodes move. Of each step it is told how long the command took until it had its effect, and of
// that time and some of the calm after it how many writes were acknowledged, the longest time in
// which none was, the 99th percentile and the worst of what a write took, and which writes failed.
//
// In the end every node is asked which writes it has: each that was acknowledged, once. The exit
// code is 1 if a verdict is FAIL; the directory with the nodes' logs is then kept, and named.
//
// Read next: steps.go for what is done, audit.go for the verdicts.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/tidelock-raft/tidelock/cli/internal/trial"
)

type options struct {
	clients int
	hold    time.Duration
	pause   time.Duration
	keep    bool
	out     io.Writer
}

func main() {
	o := options{out: os.Stdout}
	flag.IntVar(&o.clients, "clients", 64, "how many write, each one write after the other")
	flag.DurationVar(&o.hold, "hold", 3*time.Second, "calm after each step, that counts as its own")
	flag.DurationVar(&o.pause, "pause", time.Second,
		"the longest time without an acknowledged write, unless a leader is killed; 0: any")
	flag.BoolVar(&o.keep, "keep", false, "keep the directory with the nodes' logs")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	passed, err := run(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "churn:", err)
	}
	if err != nil || !passed {
		os.Exit(1)
	}
}

// run runs a cluster and judges it. An error is one that says nothing about the cluster.
func run(ctx context.Context, o options) (passed bool, err error) {
	dir, err := os.MkdirTemp("", "churn")
	if err != nil {
		return false, err
	}
	defer func() {
		if passed && !o.keep {
			_ = os.RemoveAll(dir)
		} else {
			fmt.Fprintln(o.out, "kept:", dir)
		}
	}()
	if err := trial.Build(dir, "raft-node", "raft-client"); err != nil {
		return false, err
	}
	c, err := newCluster(dir)
	if err != nil {
		return false, err
	}
	defer c.close()
	l, err := newLoad(c, o.clients)
	if err != nil {
		return false, err
	}
	defer l.stop()
	fmt.Fprintf(o.out, "3 nodes, %d clients, default settings\n\n", o.clients)
	r := &report{options: o, cluster: c, load: l}
	r.perform(ctx)
	l.stop()
	r.judge(ctx)
	return r.print(), ctx.Err()
}
