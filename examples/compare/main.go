// Compare measures Tidelock and other systems that replicate by Raft, one after the other, under the
// same load on the same machine, and writes what comes out into docs/performance.md.
//
//	compare run      rates and latencies of everything: about ten minutes
//	compare recover  what follows when a replica dies, and what a snapshot costs: as long again
//	compare budget   where the processor time of one request goes, by stage
//	compare lap      one system, once; prints JSON
//	compare node     one replica, for laps with processes of their own
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"example.org/compare/load"
	"example.org/compare/system"
)

func main() {
	if err := command(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// layouts are where the replicas are.
const (
	oneProcess = "one"
	apart      = "apart"
)

var errUsage = errors.New("compare run|recover|budget|lap|node [flags]; -h lists the flags of each")

func command(words []string) error {
	if len(words) == 0 {
		return errUsage
	}
	flags := flag.NewFlagSet("compare "+words[0], flag.ContinueOnError)
	switch words[0] {
	case "run":
		p := planFlags(flags)
		if err := flags.Parse(words[1:]); err != nil {
			return err
		}
		return p.run()
	case "recover":
		r := recoveryFlags(flags)
		if err := flags.Parse(words[1:]); err != nil {
			return err
		}
		return r.run()
	case "budget":
		b := budgetFlags(flags)
		if err := flags.Parse(words[1:]); err != nil {
			return err
		}
		return b.run()
	case "lap":
		l := lapFlags(flags)
		if err := flags.Parse(words[1:]); err != nil {
			return err
		}
		results, err := l.run()
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(results)
	case "node":
		name := flags.String("system", "", "which")
		id := flags.Int("id", 1, "replica, from 1 to 3")
		peers := flags.String("peers", "", "addresses of all replicas")
		dir := flags.String("dir", "", "where data go")
		election := flags.Duration("election", 0, "least time without a leader; the system's default")
		snapshots := flags.Int("snapshots", 0, "entries before one, without being told; the default")
		if err := flags.Parse(words[1:]); err != nil {
			return err
		}
		s, ok := system.Find(*name)
		if !ok {
			return fmt.Errorf("no system is named %q", *name)
		}
		return serveNode(s, system.Config{
			ID: *id, Peers: strings.Split(*peers, ","), Dir: *dir, Election: *election,
			SnapshotEntries: *snapshots,
		})
	}
	return errUsage
}

// lap is one system, started anew, under one workload after the other.
type lap struct {
	System   string
	Layout   string
	Procs    string // values of GOMAXPROCS, with commas
	Only     string // names of workloads, with commas; empty: all
	Dir      string
	Duration time.Duration
	WarmUp   time.Duration
	Keys     int
	Bytes    int

	watch func(cpu func() time.Duration) func() time.Duration // nil: nothing more is measured
}

func lapFlags(f *flag.FlagSet) *lap {
	l := new(lap)
	f.StringVar(&l.System, "system", system.Tidelock.Name, "which")
	f.StringVar(&l.Layout, "layout", oneProcess, "one process, or replicas apart")
	f.StringVar(&l.Procs, "procs", "4", "values of GOMAXPROCS, with commas")
	f.StringVar(&l.Only, "only", "", "workloads, with commas; all")
	f.StringVar(&l.Dir, "dir", "", "where data go and are removed; a temporary directory")
	f.DurationVar(&l.Duration, "duration", time.Second, "of each workload")
	f.DurationVar(&l.WarmUp, "warm-up", 300*time.Millisecond, "before each workload")
	f.IntVar(&l.Keys, "keys", 100_000, "different keys")
	f.IntVar(&l.Bytes, "bytes", 128, "of each value")
	return l
}

func (l *lap) run() (results []load.Result, err error) {
	s, ok := system.Find(l.System)
	if !ok {
		return nil, fmt.Errorf("no system is named %q", l.System)
	}
	dir, err := os.MkdirTemp(l.Dir, "compare")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	c, err := start(s, dir, l.Layout == apart, setup{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	setting := load.Setting{
		WarmUp: l.WarmUp, Duration: l.Duration, Keys: l.Keys, ValueBytes: l.Bytes, CPU: c.cpu,
	}
	if l.watch != nil {
		setting.CPU = l.watch(setting.CPU)
	}
	if err := load.Fill(c, setting); err != nil {
		return nil, fmt.Errorf("fill: %w", err)
	}
	for _, text := range strings.Split(l.Procs, ",") {
		procs, err := strconv.Atoi(text)
		if err == nil {
			err = c.setProcs(procs)
		}
		if err != nil {
			return nil, err
		}
		for _, w := range load.Workloads() {
			if l.Only == "" || strings.Contains(","+l.Only+",", ","+w.Name+",") {
				r := load.Run(c, w, setting)
				r.Procs = procs
				results = append(results, r)
			}
		}
	}
	return results, nil
}
