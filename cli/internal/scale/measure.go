package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tidelock-raft/tidelock/cli/bench/histogram"
)

// figures are what clients, and those who served them, noticed in some time.
type figures struct {
	rate            float64 // of requests answered, a second
	p50, p99, worst float64 // ms
	cpu             float64 // µs of the servers' processor time, for a request
	busy            float64 // share of all processors that was taken, by whomever
	own             float64 // and by servers and clients
	disk            float64 // share of the time that the leader spent in writing its log
}

// limit names what there was no more of.
func (f figures) limit() string {
	switch {
	case f.busy >= 0.85:
		return "processors"
	case f.disk >= 0.7:
		return "fsync"
	}
	return "round trips"
}

// ask is one request of a client, to its end.
type ask func(client int, random *rand.Rand) error

// shards is how many histograms share the counting.
const shards = 8

// closed has each client ask, and ask again once it is answered, until ctx ends or time is up. A
// failure ends it, and there are no figures then.
func closed(ctx context.Context, clients int, d time.Duration, one ask) (figures, error) {
	ctx, stop := context.WithTimeout(ctx, d)
	defer stop()
	measured := make([]histogram.Histogram, shards)
	var running sync.WaitGroup
	var failures atomic.Int64
	var cause atomic.Pointer[error]
	began := time.Now()
	for i := range clients {
		running.Go(func() { // ended by ctx
			random := rand.New(rand.NewPCG(uint64(i), uint64(began.UnixNano())))
			for now := time.Now(); ctx.Err() == nil; {
				if err := one(i, random); err != nil {
					failures.Add(1)
					cause.CompareAndSwap(nil, &err)
					stop()
					return
				}
				since := now
				now = time.Now()
				measured[i%shards].Add(now.Sub(since))
			}
		})
	}
	running.Wait()
	if n := failures.Load(); n > 0 {
		return figures{}, fmt.Errorf("%d requests failed, one with: %w", n, *cause.Load())
	}
	h := &measured[0]
	for i := range measured[1:] {
		h.Merge(&measured[i+1])
	}
	if h.Count() == 0 {
		return figures{}, fmt.Errorf("no request was answered in %v", d)
	}
	return figures{
		rate: float64(h.Count()) / time.Since(began).Seconds(),
		p50:  ms(h.Quantile(0.5)), p99: ms(h.Quantile(0.99)), worst: ms(h.Max()),
	}, nil
}

func ms(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

// spent is the processor time that processes have taken so far.
func spent(processes ...int) (d time.Duration) {
	for _, id := range processes {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", id))
		if err != nil {
			continue // it is gone, which others notice
		}
		_, rest, _ := strings.Cut(string(stat), ") ") // the name before may hold blanks
		if fields := strings.Fields(rest); len(fields) > 12 {
			user, _ := strconv.ParseInt(fields[11], 10, 64)
			system, _ := strconv.ParseInt(fields[12], 10, 64)
			d += time.Duration(user+system) * time.Second / clockTicks
		}
	}
	return d
}

// clockTicks is in what unit Linux tells processor time: so many a second, on every architecture.
const clockTicks = 100

// resident is the memory that a process takes, in bytes.
func resident(process int) float64 {
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", process))
	if fields := strings.Fields(string(statm)); err == nil && len(fields) > 1 {
		pages, _ := strconv.ParseFloat(fields[1], 64)
		return pages * float64(os.Getpagesize())
	}
	return 0
}

// available is the memory that is free for processes to come, in bytes.
func available() float64 {
	info, _ := os.ReadFile("/proc/meminfo")
	_, rest, _ := strings.Cut(string(info), "MemAvailable:")
	if fields := strings.Fields(rest); len(fields) > 0 {
		kib, _ := strconv.ParseFloat(fields[0], 64)
		return kib * 1024
	}
	return 0
}

// maxFiles is how many files a process may have open.
func maxFiles() int {
	var r syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r) != nil {
		return 0
	}
	return int(min(r.Cur, 1<<30))
}

// watch is a stopwatch for processor time.
type watch struct {
	began      time.Time
	processes  []int
	servers    time.Duration
	own        time.Duration
	idle, time float64
}

func startWatch(servers ...int) watch {
	idle, all := machineTime()
	return watch{time.Now(), servers, spent(servers...), spent(os.Getpid()), idle, all}
}

// spell is what a watch shows.
type spell struct {
	wall, servers, all time.Duration // all: of servers and this process
	busy, own          float64       // as in figures
}

func (w watch) read() spell {
	idle, all := machineTime()
	s := spell{wall: time.Since(w.began), servers: spent(w.processes...) - w.servers}
	s.all = s.servers + spent(os.Getpid()) - w.own
	s.busy = 1 - (idle-w.idle)/max(all-w.time, 1)
	s.own = s.all.Seconds() / s.wall.Seconds() / float64(runtime.NumCPU())
	return s
}

// machineTime is for how long processors have been idle so far, and that and all else, in ticks.
func machineTime() (idle, all float64) {
	stat, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(stat), "\n")
	for i, field := range strings.Fields(line) {
		ticks, _ := strconv.ParseFloat(field, 64) // the first is a word
		if i == 4 || i == 5 {
			idle += ticks // and waiting for the disk
		}
		if i <= 8 { // guests are counted among users
			all += ticks
		}
	}
	return idle, all
}

// spread writes the median of several laps and, if they are several, the least and the greatest.
func spread[L any](format string, laps []L, of func(L) float64) string {
	text, all := number(format, median(laps, of)), sorted(laps, of)
	if n := len(all); n > 1 {
		text += fmt.Sprintf(" (%s–%s)", number(format, all[0]), number(format, all[n-1]))
	}
	return text
}

func median[L any](laps []L, of func(L) float64) float64 {
	all := sorted(laps, of)
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

func sorted[L any](laps []L, of func(L) float64) (all []float64) {
	for _, lap := range laps {
		all = append(all, of(lap))
	}
	slices.Sort(all)
	return all
}

// number writes a number, one of thousands with commas.
func number(format string, v float64) string {
	text := fmt.Sprintf(format, v)
	whole, rest, _ := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0 && v >= 1000; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if rest != "" {
		whole += "." + rest
	}
	return whole
}
