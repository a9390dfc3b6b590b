package sim

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core/sim"
)

// garbage is the collector's aim, in percent of what is in use: a world is small and makes a lot
// that goes with it, and collecting at the usual 100 took a third of the time.
const garbage = 800

var errFailed = errors.New("sim")

// run runs seeds until there are no more, the time is over, or one fails.
func run(ctx context.Context, o Options) error {
	defer debug.SetGCPercent(debug.SetGCPercent(garbage))
	begun := o.Clock()
	until := ctx
	if o.Minutes > 0 {
		timed, cancel := context.WithTimeout(ctx, time.Duration(o.Minutes*float64(time.Minute)))
		defer cancel()
		until = timed
	}
	r := newReport(o)
	err := o.each(until, r.add)
	if printed := r.print(o.Clock().Sub(begun)); err == nil {
		err = printed
	}
	switch {
	case r.refused:
		return exit.Reported(exit.Mark(errFailed, exit.ErrRefused))
	case r.Failed > 0:
		return exit.Reported(errFailed)
	case err == nil && (o.Seeds == 0 || r.Seeds < o.Seeds):
		return ctx.Err() // interrupted, unless it is the time that is over
	}
	return err
}

// each runs seeds, several at once, and hands over what they came to in their order, so that the
// number of workers changes nothing but the time that it takes. It returns the error of take, after
// which no more seeds are begun.
func (o *Options) each(ctx context.Context, take func(*sim.Outcome) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	seeds, done := make(chan int), make(chan *sim.Outcome)
	go func() { // ends with the context, or when all seeds are handed out
		defer close(seeds)
		for i := 0; o.Seeds == 0 || i < o.Seeds; i++ {
			select {
			case seeds <- i:
			case <-ctx.Done():
				return
			}
		}
	}()
	var working sync.WaitGroup
	for range o.Workers {
		working.Go(func() { // ends when there are no more seeds
			for i := range seeds {
				done <- play(o.world(o.Seed + uint64(i)))
			}
		})
	}
	go func() { // ends when the workers have ended
		working.Wait()
		close(done)
	}()
	var err error
	next, early := o.Seed, map[uint64]*sim.Outcome{}
	for out := range done {
		early[out.Options.Seed] = out
		if !out.Failed() {
			out.History = nil // which is most of it
		}
		for ; err == nil && early[next] != nil; next++ {
			err = take(early[next])
			delete(early, next)
		}
		if err != nil {
			cancel()
		}
	}
	return err
}

// rulePanic is what is broken if production code stops because one of its invariants is.
const rulePanic = "panic"

// play runs a world; a panic in it is a failure like others.
func play(o sim.Options) (out *sim.Outcome) {
	defer func() {
		if r := recover(); r != nil {
			what := fmt.Sprintf("%v\n%s", r, debug.Stack())
			out = &sim.Outcome{Options: o, Schedule: o.Schedule,
				Err: &sim.Violation{Rule: rulePanic, What: what}}
		}
	}()
	if o.Schedule == nil {
		o.Schedule = sim.DrawSchedule(o)
	}
	return sim.Run(o)
}
