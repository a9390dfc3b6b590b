package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.org/compare/load"
	"example.org/compare/system"
)

// recovery is what is measured of three processes that hold much, and of some that die.
type recovery struct {
	Systems string
	Only    string
	Docs    string
	Dir     string
	Keys    int
	Bytes   int
	Rate    int
	Quiet   time.Duration
	Around  time.Duration
	Behind  int
	Kills   int
	Procs   int
}

func recoveryFlags(f *flag.FlagSet) *recovery {
	r := new(recovery)
	f.StringVar(&r.Systems, "systems", "", "which, with commas; all")
	f.StringVar(&r.Only, "only", "", "failover or state; both")
	f.StringVar(&r.Docs, "docs", "", "file whose part between markers is written; none: to print it")
	f.StringVar(&r.Dir, "dir", "", "where data go and are removed; a temporary directory")
	f.IntVar(&r.Keys, "keys", 1_000_000, "different keys")
	f.IntVar(&r.Bytes, "bytes", 128, "of each value")
	f.IntVar(&r.Rate, "rate", 1000, "writes a second while a snapshot is taken")
	f.DurationVar(&r.Quiet, "quiet", 8*time.Second, "of such writes without a snapshot")
	f.DurationVar(&r.Around, "around", 2*time.Second, "before and after a snapshot")
	f.IntVar(&r.Behind, "behind", 200_000, "writes that a follower misses")
	f.IntVar(&r.Kills, "kills", 20, "of leaders with quick elections, and half as many with defaults")
	f.IntVar(&r.Procs, "procs", 4, "GOMAXPROCS of all processes")
	return r
}

const (
	partFailover = "failover"
	partState    = "state"

	// quickElection is the least time without a leader: heartbeats are every 50 ms.
	quickElection = 150 * time.Millisecond
	// restarts is how often a follower is killed and started.
	restarts = 3
)

// recovered is what a system came to. What was not measured is empty.
type recovered struct {
	system.System
	Failover []float64 // milliseconds, ascending
	Default  []float64 // the same with the system's own times
	Quiet    load.Steadied
	Snapshot load.Steadied
	Restart  []float64     // seconds, ascending
	CaughtUp time.Duration // from the start of the process
	Resident int64         // KiB of all processes
	Most     int64         // the same at the worst time of each
	Err      error
}

func (r *recovery) run() error {
	began := time.Now()
	var all []*recovered
	for _, s := range system.All {
		if r.Systems != "" && !strings.Contains(","+r.Systems+",", ","+s.Name+",") {
			continue
		}
		out := &recovered{System: s}
		if r.Only != partFailover {
			out.Err = r.state(out)
		}
		if r.Only != partState && s.OwnCluster == nil {
			out.Err = errors.Join(out.Err, r.failovers(out))
		}
		if out.Err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", s.Name, out.Err)
		}
		all = append(all, out)
	}
	return r.write(all, time.Since(began))
}

// tell shows on the terminal how far it is.
func tell(s system.System, what string, v any) {
	fmt.Fprintf(os.Stderr, "%s %-16s %-22s %v\n", time.Now().Format(time.TimeOnly), s.Name, what, v)
}

// inCluster runs f with three processes that begin anew, and kills them.
func (r *recovery) inCluster(s system.System, how setup, f func(*cluster) error) (err error) {
	dir, err := os.MkdirTemp(r.Dir, "compare")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	how.Procs = r.Procs
	c, err := start(s, dir, true, how)
	if err != nil {
		return err
	}
	return errors.Join(f(c), c.kill())
}

// snapshotAt is after how many entries a system that cannot be told to takes its snapshot: in the
// middle of the time that the others are told in.
func (r *recovery) snapshotAt() int {
	batches := (r.Keys + load.BatchPuts - 1) / load.BatchPuts
	return batches + int((r.Quiet+r.Around).Seconds()*float64(r.Rate))
}

// state measures what depends on how much is held.
func (r *recovery) state(out *recovered) error {
	s := out.System
	return r.inCluster(s, setup{Snapshots: r.snapshotAt()}, func(c *cluster) (err error) {
		setting := load.Setting{Keys: r.Keys, ValueBytes: r.Bytes}
		if err := load.Fill(c, setting); err != nil {
			return fmt.Errorf("fill: %w", err)
		}
		tell(s, "filled", "")
		time.Sleep(r.Around) // for what is still to be done after so many writes
		out.Quiet, _ = r.steady(c, func() error { time.Sleep(r.Quiet); return nil })
		out.Resident = memory(c.processes(), "VmRSS")
		tell(s, "writes", out.Quiet)
		if s.Forgets {
			out.Most = memory(c.processes(), "VmHWM")
			return nil
		}
		out.Snapshot, err = r.steady(c, func() error {
			time.Sleep(r.Around / 2)
			defer time.Sleep(r.Around)
			return c.snapshot()
		})
		if err != nil {
			return fmt.Errorf("snapshot: %w", err)
		}
		tell(s, "with a snapshot", out.Snapshot)
		out.Most = memory(c.processes(), "VmHWM")
		tell(s, "MiB, most", fmt.Sprint(out.Resident>>10, " ", out.Most>>10))
		for n := range restarts {
			took, err := c.restart(s, "restart"+strconv.Itoa(n), nil)
			if err != nil {
				return fmt.Errorf("restart: %w", err)
			}
			out.Restart = append(out.Restart, took.Seconds())
		}
		slices.Sort(out.Restart)
		tell(s, "restart, s", out.Restart)
		if s.OwnCluster != nil {
			return nil // nobody lags
		}
		took, err := c.restart(s, "behind", func() error { return load.Write(c, setting, r.Behind) })
		if err != nil {
			return fmt.Errorf("catch up: %w", err)
		}
		out.CaughtUp = took
		tell(s, "caught up", took)
		return nil
	})
}

// steady writes by a schedule while something is done.
func (r *recovery) steady(c *cluster, during func() error) (load.Steadied, error) {
	done, failed := make(chan struct{}), error(nil)
	go func() { // ends with what is done
		failed = during()
		close(done)
	}()
	result := load.Steady(c, load.Setting{Keys: r.Keys, ValueBytes: r.Bytes}, r.Rate, done)
	return result, failed
}

// failovers kills leaders.
func (r *recovery) failovers(out *recovered) error {
	for _, way := range []struct {
		name     string
		election time.Duration
		laps     int
		into     *[]float64
	}{
		{"failover, ms", quickElection, r.Kills, &out.Failover},
		{"by default, ms", 0, r.Kills / 2, &out.Default},
	} {
		if way.election == 0 && !out.Defaults {
			continue
		}
		for lap := range way.laps {
			err := r.inCluster(out.System, setup{Election: way.election}, func(c *cluster) error {
				took, err := c.failover(out.System, lap)
				if err == nil {
					*way.into = append(*way.into, float64(took.Microseconds())/1e3)
				}
				return err
			})
			if err != nil {
				return fmt.Errorf("failover: %w", err)
			}
		}
		slices.Sort(*way.into)
		tell(out.System, way.name, *way.into)
	}
	return nil
}
