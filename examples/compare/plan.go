package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.org/compare/load"
	"example.org/compare/system"
)

// plan is how everything is measured. First each contestant is tried with several values of
// GOMAXPROCS; then all of them run in turn, several times, so that what else happens on the machine
// meets them alike.
type plan struct {
	*lap
	Runs    int
	Systems string
	Layouts string
	Docs    string
	Image   string
}

func planFlags(f *flag.FlagSet) *plan {
	p := &plan{lap: lapFlags(f)}
	f.IntVar(&p.Runs, "runs", 3, "laps of each system and layout")
	f.StringVar(&p.Systems, "systems", "", "which, with commas; all")
	f.StringVar(&p.Layouts, "layouts", oneProcess+","+apart, "which, with commas")
	f.StringVar(&p.Docs, "docs", "", "file whose part between markers is written; none: to print it")
	f.StringVar(&p.Image, "image", "", "SVG file to be written; none")
	f.Lookup("system").Usage, f.Lookup("layout").Usage = "not used", "not used"
	return p
}

// contestant is a system in a layout.
type contestant struct {
	system.System
	Layout string
	Procs  int    // GOMAXPROCS, the best of those tried
	Absent string // why it could not be measured
	Laps   [][]load.Result
}

// procsTried are the values of GOMAXPROCS that each contestant is tried with, and tried the workloads
// that decide, each for a part of the time.
const (
	procsTried = "2,4,8"
	tried      = "16 clients,64 clients,256 clients,1024 clients,reads, 256 clients"
	triedPart  = 2
)

func (p *plan) run() error {
	began := time.Now()
	all := p.contestants()
	for _, c := range all {
		p.try(c)
	}
	for n := range p.Runs {
		for i := range all {
			c := all[(i+n)%len(all)] // each run begins with another
			if c.Absent != "" {
				continue
			}
			results, err := p.measure(c, strconv.Itoa(c.Procs), p.Only, p.Duration)
			if err != nil && len(c.Laps) == 0 {
				c.Absent = err.Error()
			}
			if err != nil {
				fmt.Fprintf(os.Stderr, "%s, %s: this lap does not count: %v\n", c.Name, c.Layout, err)
				continue
			}
			c.Laps = append(c.Laps, results)
		}
	}
	r := report{plan: p, contestants: all, took: time.Since(began)}
	return r.write()
}

func (p *plan) contestants() []*contestant {
	var all []*contestant
	for _, layout := range strings.Split(p.Layouts, ",") {
		for _, s := range system.All {
			if s.OwnCluster != nil && layout == oneProcess {
				continue // it is a process of its own
			}
			if p.Systems == "" || strings.Contains(","+p.Systems+",", ","+s.Name+",") {
				all = append(all, &contestant{System: s, Layout: layout})
			}
		}
	}
	return all
}

// try finds the best GOMAXPROCS: the one with the largest product of rates.
func (p *plan) try(c *contestant) {
	results, err := p.measure(c, procsTried, tried, p.Duration/triedPart)
	if err != nil {
		c.Absent = err.Error()
		return
	}
	scores := map[int]float64{}
	for _, r := range results {
		scores[r.Procs] += math.Log(max(r.Rate, 1))
		if c.Procs == 0 {
			c.Procs = r.Procs
		}
	}
	for procs, score := range scores {
		if score > scores[c.Procs] {
			c.Procs = procs
		}
	}
}

// measure runs a lap in a process of its own.
func (p *plan) measure(c *contestant, procs, only string, d time.Duration) (
	[]load.Result, error,
) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := exec.Command(program, "lap", "-system", c.Name, "-layout", c.Layout, "-only", only,
		"-procs", procs, "-dir", p.Dir, "-duration", d.String(), "-warm-up", p.WarmUp.String(),
		"-keys", strconv.Itoa(p.Keys), "-bytes", strconv.Itoa(p.Bytes))
	var said bytes.Buffer
	command.Stderr = &said
	out, err := command.Output()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(said.String()), "\n")
		return nil, fmt.Errorf("%w: %s", err, lines[len(lines)-1])
	}
	var results []load.Result
	if err := json.Unmarshal(out, &results); err != nil {
		return nil, err
	}
	for _, r := range results {
		fmt.Fprintf(os.Stderr, "%-14s %-5s procs=%d  %-18s %9.0f/s  p50 %8.2f ms  p99 %8.2f ms  "+
			"%6.1f µs of CPU  %d errors %s\n", c.Name, c.Layout, r.Procs, r.Workload, r.Rate,
			r.P50/1e3, r.P99/1e3, r.CPU, r.Errors, r.Cause)
		if r.Count == 0 && r.Errors > 0 {
			err = errors.Join(err, fmt.Errorf("%s: nothing succeeded: %s", r.Workload, r.Cause))
		}
	}
	return results, err
}

// sample is what the laps of a contestant say of a workload, each ascending.
type sample struct{ rates, p50s, p99s, cpus []float64 }

func (c *contestant) sample(workload string) sample {
	var s sample
	for _, lap := range c.Laps {
		for _, r := range lap {
			if r.Workload == workload {
				s.rates, s.cpus = append(s.rates, r.Rate), append(s.cpus, r.CPU)
				s.p50s, s.p99s = append(s.p50s, r.P50/1e3), append(s.p99s, r.P99/1e3)
			}
		}
	}
	for _, list := range [][]float64{s.rates, s.p50s, s.p99s, s.cpus} {
		slices.SortFunc(list, cmp.Compare)
	}
	return s
}

// errors is how many requests of all laps failed.
func (c *contestant) errors() (n int64, cause string) {
	for _, lap := range c.Laps {
		for _, r := range lap {
			n += r.Errors
			cause = cmp.Or(cause, r.Cause)
		}
	}
	return n, cause
}

// median is of an ascending list; NaN if it is empty.
func median(list []float64) float64 {
	if len(list) == 0 {
		return math.NaN()
	}
	return (list[(len(list)-1)/2] + list[len(list)/2]) / 2
}
