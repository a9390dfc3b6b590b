package luatest

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"

	"github.com/tidelock-raft/tidelock/core"
)

// MaxCommands is how many commands Random makes at most.
const MaxCommands = 1_000_000

// The bounds of what a failure costs: sequences tried to find a shorter one, and steps shown.
const (
	maxTrials = 500
	maxListed = 100
)

// step is a call of a workload, and what happens around it.
type step struct {
	call    Call
	pass    int64 // milliseconds, before it
	restore bool  // one of the machines goes on from a snapshot, behind it
}

func (s step) lines() (lines []string) {
	if s.pass > 0 {
		lines = append(lines, fmt.Sprintf("t.advance(%d)", s.pass))
	}
	lines = append(lines, s.call.String())
	if s.restore {
		lines = append(lines, "t.restore()")
	}
	return lines
}

// Tally says how often random commands ended how: by the code of a failure, or under "ok".
type Tally map[string]int

// String lists what there was most of first.
func (t Tally) String() string {
	names := slices.SortedFunc(maps.Keys(t), func(a, b string) int {
		if t[a] != t[b] {
			return t[b] - t[a]
		}
		return strings.Compare(a, b)
	})
	for i, name := range names {
		names[i] = fmt.Sprint(t[name], " ", name)
	}
	return strings.Join(names, ", ")
}

// Broken says after which calls a machine is not as it should be.
type Broken struct {
	Seed     uint64
	Commands int      // asked for
	Steps    []string // the statements of a test; as few as were found
	Err      error    // what is wrong after the last
}

// Error is a text of several lines.
func (b *Broken) Error() string {
	steps := b.Steps
	if len(steps) > maxListed {
		steps = append(slices.Clone(steps[:maxListed]), fmt.Sprintf("... and %d more",
			len(steps)-maxListed))
	}
	return fmt.Sprintf("%v\n  seed %d, %d commands, of which these are enough:\n    %s", b.Err, b.Seed,
		b.Commands, strings.Join(steps, "\n    "))
}

// Unwrap returns Err.
func (b *Broken) Unwrap() error { return b.Err }

// Random makes n commands of the workload, with time passing between them and timers firing, and
// demands that the invariant holds after each, and that three machines agree to the last byte on
// states, digests, results and what each command cost: one that lives through it all, one that now
// and then goes on from a snapshot, and a fresh one that replays the log. Equal seeds give equal
// commands. The error is a *Broken, a *Failure of the workload, or ErrNoWorkload.
func (f *File) Random(n int, seed uint64) (Tally, error) {
	steps, err := f.plan(n, seed)
	if err != nil {
		return nil, err
	}
	tally, at, err := f.trial(steps)
	if err == nil {
		return tally, nil
	}
	steps, err = f.shrink(steps[:min(at+1, len(steps))], err)
	return tally, &Broken{seed, n, linesOf(steps), err}
}

// linesOf are the statements of a test that does the steps.
func linesOf(steps []step) (lines []string) {
	for _, s := range steps {
		lines = append(lines, s.lines()...)
	}
	return lines
}

// plan draws the steps.
func (f *File) plan(n int, seed uint64) ([]step, error) {
	if n < 1 || n > MaxCommands {
		return nil, fmt.Errorf("%d random commands asked for, want 1 to %d", n, MaxCommands)
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	w, err := f.Workload(rng)
	if err != nil {
		return nil, err
	}
	steps, now := make([]step, n), int64(StartTime)
	for i := range steps {
		s := &steps[i]
		if rng.IntN(4) == 0 { // from a millisecond to minutes
			s.pass = rng.Int64N(10 << (3 * rng.IntN(6)))
			now += s.pass
		}
		if s.call, err = w.Next(now); err != nil {
			return nil, err
		}
		s.restore = rng.IntN(1+n/16) == 0
	}
	return steps, nil
}

// shrink leaves out steps as long as something goes wrong without them, and returns what goes
// wrong then. It begins with the halves and ends with single steps.
func (f *File) shrink(steps []step, err error) ([]step, error) {
	trials := 0
	fails := func(fewer []step) bool {
		trials++
		_, at, wrong := f.trial(fewer)
		if wrong != nil {
			steps, err = fewer[:min(at+1, len(fewer))], wrong
		}
		return wrong != nil
	}
	for size := len(steps) / 2; size > 0 && trials < maxTrials; {
		smaller := false
		for lo := 0; lo < len(steps) && trials < maxTrials; {
			hi := min(lo+size, len(steps))
			if fails(slices.Concat(steps[:lo], steps[hi:])) {
				smaller = true
			} else {
				lo = hi
			}
		}
		if !smaller || size > 1 {
			size /= 2
		}
	}
	for i := 0; i < len(steps) && trials < maxTrials; i++ {
		for _, simpler := range []step{
			{call: steps[i].call}, {call: steps[i].call, pass: steps[i].pass},
			{call: steps[i].call, restore: steps[i].restore},
		} {
			fewer := slices.Clone(steps)
			if fewer[i] = simpler; !reflect.DeepEqual(simpler, steps[i]) && fails(fewer) {
				break
			}
		}
	}
	return steps, err
}

// happened is an entry of the log and all that can be seen of it from outside.
type happened struct {
	entry core.Entry
	seen  seen
}

type seen struct {
	Failure      *core.Failure
	Value        []byte
	Steps, Bytes int64 // what it cost
	Digest       uint64
	Timer        int64 // when the next one is due, if there is one
	Waits        bool
}

func (w *world) see(r core.Result) seen {
	s := seen{Failure: r.Failure, Value: r.Value, Digest: w.machine.Digest()}
	s.Steps, s.Bytes = w.machine.Spent()
	s.Timer, s.Waits = w.machine.NextTimer()
	return s
}

// String is for messages.
func (s seen) String() string {
	outcome, timer := "", "no timer"
	if s.Failure != nil {
		outcome = s.Failure.Error()
	} else {
		outcome = show(s.Value)
	}
	if s.Waits {
		timer = fmt.Sprint("timer at ", s.Timer)
	}
	return fmt.Sprintf("%s (%d steps, %d bytes, digest %016x, %s)", outcome, s.Steps, s.Bytes,
		s.Digest, timer)
}

// trial is three machines with one log.
type trial struct {
	long, restored *world
	log            []happened
	tally          Tally
}

// trial makes the steps. With the error comes the number of the step at which it arose.
func (f *File) trial(steps []step) (Tally, int, error) {
	t := &trial{tally: Tally{}}
	var err error
	if t.long, err = newWorld(f.Machine); err != nil {
		return nil, 0, err
	}
	defer t.long.close()
	if t.restored, err = newWorld(f.Machine); err != nil {
		return nil, 0, err
	}
	defer t.restored.close()
	for i := range steps {
		if err := t.step(&steps[i]); err != nil {
			return t.tally, i, err
		}
	}
	return t.tally, len(steps), t.replay(f)
}

func (t *trial) step(s *step) error {
	if err := t.long.advance(t.long.now+s.pass, t.applied); err != nil {
		return err
	}
	data, err := s.call.Encode()
	if err != nil {
		return err
	}
	before := t.long.machine.Digest()
	entry, result, err := t.long.append(data)
	if err != nil {
		return err
	}
	outcome := "ok"
	if result.Failure != nil {
		outcome = result.Failure.Code
		if after := t.long.machine.Digest(); after != before {
			return fmt.Errorf("%s failed and left a trace: the digest is %016x, was %016x", s.call.Command,
				after, before)
		}
	}
	t.tally[outcome]++
	if err := t.applied(entry, result); err != nil {
		return err
	}
	if s.restore {
		return t.restored.restore()
	}
	return nil
}

// applied holds the other machine against what the long-lived one has made of an entry.
func (t *trial) applied(entry core.Entry, result core.Result) error {
	want := t.long.see(result)
	t.log = append(t.log, happened{entry, want})
	if err := t.long.invariant(); err != nil {
		return err
	}
	return t.restored.follow("restored", happened{entry, want})
}

// follow applies an entry and demands that all be as it was before.
func (w *world) follow(what string, h happened) error {
	result, err := w.apply(h.entry)
	if err != nil {
		return err
	}
	if got := w.see(result); !reflect.DeepEqual(got, h.seen) {
		return fmt.Errorf("the %s machine differs at entry %d: got %s, want %s", what, h.entry.Index,
			got, h.seen)
	}
	return nil
}

// replay has a fresh machine apply the log, and compares the states of all three.
func (t *trial) replay(f *File) error {
	replayed, err := newWorld(f.Machine)
	if err != nil {
		return err
	}
	defer replayed.close()
	for _, h := range t.log {
		if err := replayed.follow("replayed", h); err != nil {
			return err
		}
	}
	want, err := t.long.snapshot()
	if err != nil {
		return err
	}
	for i, w := range []*world{t.restored, replayed} {
		got, err := w.snapshot()
		if err == nil && !bytes.Equal(got, want) {
			err = fmt.Errorf("the %s machine has other bytes: got %d, want %d",
				[]string{"restored", "replayed"}[i], len(got), len(want))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
