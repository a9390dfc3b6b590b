package main

import (
	"context"
	"errors"
	"fmt"
)

// headroom is what the largest value has to be smaller than 1 MiB, which its own encoding counts
// towards.
const headroom = 64

// maxState bounds the values that there are at the same time, in bytes.
const maxState = 64 << 20

// measureValues has one cluster for each size of values, in turn.
func measureValues(ctx context.Context, o options) (string, error) {
	t := newTable("bytes of a value", "writes/s", "MB/s", "p50 ms", "p99 ms",
		"servers' CPU µs a write",
		"ns a byte", "processors busy (ours)", "leader's log busy", "limit")
	laps := make([][]figures, len(o.sizes))
	for range o.laps {
		for i, size := range o.sizes {
			f, err := valuesLap(ctx, o, min(size, 1<<20-headroom))
			if err != nil {
				return "", fmt.Errorf("values of %d bytes: %w", size, err)
			}
			laps[i] = append(laps[i], f)
		}
	}
	for i, size := range o.sizes {
		l := laps[i]
		bytes := float64(size)
		t.row(size, spread("%.0f", l, rate), number("%.1f", median(l, rate)*bytes/1e6),
			spread("%.2f", l, p50), spread("%.2f", l, p99), spread("%.0f", l, cpu),
			number("%.1f", median(l, cpu)*1e3/bytes), used(l), share(median(l, disk)),
			limit(l))
	}
	return fmt.Sprintf("Three nodes, %d clients.\n\n%s", valueLoad, t), nil
}

func valuesLap(ctx context.Context, o options, size int) (f figures, err error) {
	c, err := newCluster(ctx, o, 3)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	one := c.put(min(fewKeys, max(maxState/size, 1)), size)
	if _, err = c.measure(ctx, valueLoad, warmUp, one); err != nil {
		return f, err
	}
	return c.measure(ctx, valueLoad, o.hold, one)
}
