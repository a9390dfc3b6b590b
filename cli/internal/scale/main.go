// Command scale measures how a cluster grows: with nodes, with the size of values, with keys, with
// connections and with groups. `make scale` runs it and writes what it finds into
// docs/performance.md.
//
//	go run ./cli/internal/scale                        all parts, to the terminal: about ten minutes
//	go run ./cli/internal/scale -parts keys -keys 1000000
//	go run ./cli/internal/scale -docs docs/performance.md -parts values
//
// Nodes are real processes with default settings, each on a loopback address of its own (which
// Linux has without further ado), but for the groups: raft-node carries one, so these are measured
// with three nodes of the library in this process. Clients are in this process, on the same
// machine; each asks, waits and asks again. Every table says what limits: see
// figures.limit.
//
// Read next: measure.go for how, and a file for each part: nodes.go, values.go, keys.go,
// connections.go, groups.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tidelock-raft/tidelock/cli/internal/trial"
)

// options say what is measured, and how much of it.
type options struct {
	parts       string // names with commas between them
	laps        int
	hold        time.Duration // of each measurement
	nodes       list
	clients     list // of part nodes
	sizes       list // of values, in bytes
	keys        list
	connections int
	groups      list
	docs        string
	raftNode    string // the program; empty: to be built
	dir         string
	out         io.Writer
}

// defaults are what `make scale` measures.
func defaults() options {
	return options{
		parts: "nodes,values,keys,connections,groups", laps: 3, hold: 3 * time.Second,
		nodes:   list{3, 5, 7},
		clients: list{64, 256}, sizes: list{128, 1 << 10, 64 << 10, 1 << 20},
		keys: list{1_000_000, 10_000_000}, connections: 10_000, groups: list{1, 16, 256},
		out: os.Stdout,
	}
}

func main() {
	o := defaults()
	flag.StringVar(&o.parts, "parts", o.parts, "what to measure")
	flag.IntVar(&o.laps, "laps", o.laps, "how often, in turn, where ratios are told")
	flag.DurationVar(&o.hold, "for", o.hold, "time of each measurement")
	flag.Var(&o.nodes, "nodes", "sizes of clusters, in nodes")
	flag.Var(&o.sizes, "sizes", "sizes of values, in bytes")
	flag.Var(&o.keys, "keys", "how many keys there are")
	flag.IntVar(&o.connections, "connections", o.connections, "how many clients are connected")
	flag.Var(&o.groups, "groups", "how many groups there are in a node")
	flag.StringVar(&o.docs, "docs", "", "file whose part between markers is written")
	flag.StringVar(&o.raftNode, "raft-node", "", "the program; default: built")
	flag.StringVar(&o.dir, "dir", "", "where data are kept for the time being; default: the system's")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

// run measures the parts that are asked for, one after the other.
func run(ctx context.Context, o options) (err error) {
	if o.dir, err = os.MkdirTemp(o.dir, "scale"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }()
	if o.raftNode == "" {
		if err := trial.Build(o.dir, "raft-node"); err != nil {
			return err
		}
		o.raftNode = filepath.Join(o.dir, "raft-node")
	}
	for _, p := range parts {
		if !slices.Contains(strings.Split(o.parts, ","), p.name) {
			continue
		}
		began := time.Now()
		text, err := p.measure(ctx, o)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		text = fmt.Sprintf("### %s\n\n%s\n%s\n", p.title, surroundings(began), text)
		fmt.Fprint(o.out, text)
		if o.docs != "" {
			if err := record(o.docs, text); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// part is one thing that grows.
type part struct {
	name, title string
	measure     func(context.Context, options) (string, error)
}

var parts = []part{
	{"nodes", "Nodes", measureNodes},
	{"values", "Values", measureValues},
	{"keys", "Keys", measureKeys},
	{"connections", "Connections", measureConnections},
	{"groups", "Groups", measureGroups},
}

// list is a flag of numbers with commas between them.
type list []int

// String implements flag.Value.
func (l *list) String() string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(*l), "&[]"), " ", ",")
}

// Set implements flag.Value.
func (l *list) Set(text string) error {
	*l = nil
	for word := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 {
			return fmt.Errorf("%q is no number from 1 on", word)
		}
		*l = append(*l, n)
	}
	return nil
}
