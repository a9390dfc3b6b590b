package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// What is written: values of valueBytes under keys of which there are so many.
const (
	keys       = 100_000
	valueBytes = 128
)

// write is one that was acknowledged, or failed.
type write struct {
	call, answer time.Duration // since the start of the load
	err          error         // nil: acknowledged
}

// writer is a client, and its writes: number n at n-1.
type writer struct {
	*client.Client
	writes []write
}

// load is clients that write, each one write after the other, until stop.
type load struct {
	writers []*writer
	start   time.Time
	end     context.CancelFunc
	running sync.WaitGroup
}

func newLoad(c *cluster, clients int) (*load, error) {
	ctx, end := context.WithCancel(context.Background())
	l := &load{start: time.Now(), end: end}
	for n := range clients {
		w := &writer{}
		var err error
		if w.Client, err = client.New(c.config()); err != nil {
			l.stop()
			return nil, err
		}
		l.writers = append(l.writers, w)
		l.running.Go(func() { l.write(ctx, n, w) }) // ended by stop
	}
	return l, nil
}

// now is the time since the start.
func (l *load) now() time.Duration { return time.Since(l.start) }

// stop ends the writing; what is under way is waited for.
func (l *load) stop() {
	l.end()
	l.running.Wait()
	for _, w := range l.writers {
		_ = w.Close() // a second stop finds it closed
	}
}

// write writes until ctx ends. A write that fails is not repeated, but by the client's session.
func (l *load) write(ctx context.Context, number int, w *writer) {
	value := strings.Repeat("v", valueBytes)
	for ctx.Err() == nil {
		data, err := scripting.EncodeCall("put", number, len(w.writes)+1,
			fmt.Sprint("key", rand.IntN(keys)), value)
		if err != nil {
			panic(err) // a call of four words
		}
		call := l.now()
		_, err = w.Do(context.WithoutCancel(ctx), client.Request{
			Kind: core.RequestCommand, Data: data,
		})
		w.writes = append(w.writes, write{call, l.now(), err})
	}
}

// figures are what clients noticed in some time.
type figures struct {
	acked      int
	pause      time.Duration // the longest without an acknowledgement
	p99, worst time.Duration // of what an acknowledged write took
	failed     map[string]int
}

// figures looks at the writes that were answered from lo to hi. The load must have been stopped.
func (l *load) figures(lo, hi time.Duration) figures {
	f := figures{failed: map[string]int{}}
	acks, took := []time.Duration{lo, hi}, []time.Duration(nil)
	for _, w := range l.writers {
		from, _ := slices.BinarySearchFunc(w.writes, lo, func(w write, at time.Duration) int {
			return int(w.answer - at)
		})
		for _, one := range w.writes[from:] {
			if one.answer >= hi {
				break
			}
			if one.err != nil {
				f.failed[one.err.Error()]++
				continue
			}
			acks, took = append(acks, one.answer), append(took, one.answer-one.call)
		}
	}
	slices.Sort(acks)
	slices.Sort(took)
	for i, at := range acks[1:] {
		f.pause = max(f.pause, at-acks[i])
	}
	if f.acked = len(took); f.acked > 0 {
		f.p99, f.worst = took[(f.acked-1)*99/100], took[f.acked-1]
	}
	return f
}
