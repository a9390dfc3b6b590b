package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.org/compare/system"
)

// goal is what this project wants to reach: a figure, as a multiple of the best of some others' in
// the same run.
type goal struct {
	workload string
	figure   measure
	others   []string // names of systems
	factor   float64
}

// measure is a figure of a sample.
type measure struct {
	name   string
	format func(float64) string
	list   func(sample) []float64
	less   bool // is better
}

// libraries are the peers proper: the rest are servers of another kind.
var libraries = []string{system.EtcdRaft.Name, system.Dragonboat.Name, system.Hashicorp.Name}

// goals are what is wanted in a layout.
func goals(layout string) []goal {
	inMillis := func(v float64) string { return number("%.2f ms", v) }
	rate := measure{"a second", thousands, func(s sample) []float64 { return s.rates }, false}
	p50 := measure{"p50", inMillis, func(s sample) []float64 { return s.p50s }, true}
	p99 := measure{"p99", inMillis, func(s sample) []float64 { return s.p99s }, true}
	cpu := measure{"processor time", func(v float64) string { return number("%.1f µs", v) },
		func(s sample) []float64 { return s.cpus }, true}
	const ahead, far, reads = 1.3, 8, "reads, 256 clients"
	all := []goal{{"1 clients", p50, libraries, 0.9}}
	for _, w := range []string{"16 clients", "64 clients", "256 clients", "1024 clients",
		"8 × 512 in flight", "8 × 16 in flight, 64 puts each"} {
		all = append(all, goal{w, rate, libraries, ahead})
	}
	readFactor := 1.0
	if layout == apart {
		readFactor = ahead
	}
	all = append(all, goal{reads, rate, libraries, readFactor})
	for _, w := range []string{"16 clients", "64 clients", "256 clients", "1024 clients"} {
		all = append(all, goal{w, p99, libraries, 1})
	}
	all = append(all, goal{"1024 clients", cpu, libraries, 0.8})
	for _, other := range []struct {
		name   string
		factor float64
	}{{system.Etcd.Name, far}, {system.Redis.Name, 1}} {
		for _, w := range []string{"64 clients", "256 clients", "1024 clients"} {
			all = append(all, goal{w, rate, []string{other.name}, other.factor})
		}
	}
	return all
}

// printGoals prints how far this project is from its goals, of those that can be judged.
func printGoals(w *strings.Builder, layout string, here []*contestant) {
	var rows strings.Builder
	for _, g := range goals(layout) {
		own, best, name := g.judge(here)
		if name == "" || own == 0 {
			continue
		}
		sign := "≥"
		if g.figure.less {
			sign = "≤"
		}
		fmt.Fprintf(&rows, "| %s, %s | %s | %s (%s) | %.2f | %s %g | %s |\n", g.workload,
			g.figure.name, g.figure.format(own), g.figure.format(best), name, own/best, sign,
			g.factor, yes(g.met(own, best)))
	}
	if rows.Len() > 0 {
		fmt.Fprintf(w, "\nAgainst its goals, %s:\n\n| | %s | best of those it is measured by | "+
			"ratio | goal | met |\n|---|---|---|---|---|---|\n%s", system.Tidelock.Name,
			system.Tidelock.Name, rows.String())
	}
}

// judge returns the figures of this project and of the best of the others; no name: there is none.
func (g goal) judge(here []*contestant) (own, best float64, name string) {
	for _, c := range here {
		list := g.figure.list(c.sample(g.workload))
		if len(list) == 0 {
			continue
		}
		v := median(list)
		if c.Name == system.Tidelock.Name {
			own = v
		}
		better := cmp.Compare(v, best)
		if g.figure.less {
			better = -better
		}
		if slices.Contains(g.others, c.Name) && (name == "" || better > 0) {
			best, name = v, c.Name
		}
	}
	return own, best, name
}

func (g goal) met(own, best float64) bool {
	if g.figure.less {
		return own <= g.factor*best
	}
	return own >= g.factor*best
}

// yes makes a loss stand out.
func yes(met bool) string {
	if met {
		return "yes"
	}
	return "**no**"
}
