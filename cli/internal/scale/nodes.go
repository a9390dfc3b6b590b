package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// What is written where keys and values do not matter.
const (
	fewKeys   = 100_000
	fewBytes  = 128
	warmUp    = time.Second
	valueLoad = 16 // clients of part values
)

// measureNodes has clusters of several sizes take writes, in turn.
func measureNodes(ctx context.Context, o options) (string, error) {
	t := newTable("nodes", "clients", "writes/s", "of the smallest", "p50 ms", "p99 ms",
		"servers' CPU µs a write", "processors busy (ours)", "leader's log busy", "limit")
	laps := map[[2]int][]figures{}
	for range o.laps {
		for _, n := range o.nodes {
			if err := nodesLap(ctx, o, n, laps); err != nil {
				return "", fmt.Errorf("%d nodes: %w", n, err)
			}
		}
	}
	for _, clients := range o.clients {
		least := laps[[2]int{o.nodes[0], clients}]
		for _, n := range o.nodes {
			l := laps[[2]int{n, clients}]
			var ratios []figures
			for i := range l {
				ratios = append(ratios, figures{rate: l[i].rate / least[i].rate})
			}
			t.row(n, clients, spread("%.0f", l, rate), spread("%.2f", ratios, rate),
				spread("%.2f", l, p50), spread("%.2f", l, p99), spread("%.0f", l, cpu),
				used(l), share(median(l, disk)), limit(l))
		}
	}
	return t.String(), nil
}

func nodesLap(ctx context.Context, o options, n int, laps map[[2]int][]figures) (err error) {
	c, err := newCluster(ctx, o, n)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	for _, clients := range o.clients {
		if _, err := c.measure(ctx, clients, warmUp, c.put(fewKeys, fewBytes)); err != nil {
			return err
		}
		f, err := c.measure(ctx, clients, o.hold, c.put(fewKeys, fewBytes))
		if err != nil {
			return err
		}
		laps[[2]int{n, clients}] = append(laps[[2]int{n, clients}], f)
	}
	return nil
}

// What tables show of figures.
func rate(f figures) float64 { return f.rate }
func p50(f figures) float64  { return f.p50 }
func p99(f figures) float64  { return f.p99 }
func cpu(f figures) float64  { return f.cpu }
func busy(f figures) float64 { return f.busy }
func disk(f figures) float64 { return f.disk }

func share(v float64) string { return fmt.Sprintf("%.0f %%", 100*v) }

// used is how much of the processors was taken, and by how much of it servers and clients.
func used(laps []figures) string {
	return fmt.Sprintf("%s (%s)", share(median(laps, busy)),
		share(median(laps, func(f figures) float64 { return f.own })))
}

// limit is what limited the median of all laps.
func limit(laps []figures) string {
	return figures{busy: median(laps, busy), disk: median(laps, disk)}.limit()
}
