package luatest

import (
	"bytes"
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
)

// StartTime is what ctx.time() gives at first, in milliseconds: the first of January 2026. Time
// stands still but for advance.
const StartTime = 1_767_225_600_000

// maxEvents is how many events are kept: the newest.
const maxEvents = 100_000

// The bounds of what one advance may make: timers may set the next ones at once.
const (
	maxFirings = 100_000 // entries
	maxAtOnce  = 100     // entries with the same time
)

// world is a machine, and the log that it lives on.
type world struct {
	source  scripting.Source
	machine *scripting.Machine
	index   core.Index
	now     int64 // milliseconds
	client  uint64
	events  []scripting.Event
}

// newWorld begins with a fresh machine.
func newWorld(source scripting.Source) (*world, error) {
	w := &world{source: source, now: StartTime}
	return w, w.renew()
}

// renew puts a fresh machine into the place of the one that there is.
func (w *world) renew() error {
	m, err := scripting.New(w.source, scripting.Config{Readers: 1})
	if err != nil {
		return err
	}
	m.OnEvents(func(events []scripting.Event) {
		w.events = append(w.events, events...)
		w.events = w.events[max(0, len(w.events)-maxEvents):]
	})
	w.close()
	w.machine = m
	return nil
}

func (w *world) close() {
	if w.machine != nil {
		w.machine.Close()
	}
}

// append makes the next entry of the log and applies it.
func (w *world) append(data []byte) (core.Entry, core.Result, error) {
	w.index++
	entry := core.Entry{
		Position: core.Position{Term: 1, Index: w.index}, Kind: core.EntryCommand,
		Time: w.now * 1e6, Client: w.client, Data: data,
	}
	result, err := w.apply(entry)
	return entry, result, err
}

// apply applies an entry.
func (w *world) apply(entry core.Entry) (core.Result, error) {
	results, err := w.machine.Apply(nil, []core.Entry{entry})
	if err != nil {
		return core.Result{}, fmt.Errorf("apply entry %d: %w", entry.Index, err)
	}
	return results[0], nil
}

// advance lets time pass until a moment, and has the timers fire that are due by then, each at its
// time. It calls after with every entry that this makes.
func (w *world) advance(to int64, after func(core.Entry, core.Result) error) error {
	for all, atOnce := 0, 0; all < maxFirings && atOnce < maxAtOnce; all, atOnce = all+1, atOnce+1 {
		due, ok := w.machine.NextTimer()
		if !ok || due > to {
			w.now = to
			return nil
		}
		if due > w.now {
			w.now, atOnce = due, 0
		}
		entry, result, err := w.append(scripting.Fire())
		if err == nil {
			err = after(entry, result)
		}
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("timers fire at %d ms and set new ones, without end", w.now)
}

// snapshot is the machine's state as bytes.
func (w *world) snapshot() ([]byte, error) {
	s, err := w.machine.Snapshot()
	if err != nil {
		return nil, fmt.Errorf("take a snapshot: %w", err)
	}
	defer s.Release()
	var body bytes.Buffer
	if _, err := s.WriteTo(&body); err != nil {
		return nil, fmt.Errorf("write a snapshot: %w", err)
	}
	return body.Bytes(), nil
}

// restore goes on with another machine, made from a snapshot of this one.
func (w *world) restore() error {
	body, err := w.snapshot()
	if err != nil {
		return err
	}
	before := w.machine.Digest()
	if err := w.renew(); err != nil {
		return err
	}
	if err := w.machine.Restore(bytes.NewReader(body)); err != nil {
		return fmt.Errorf("restore a snapshot: %w", err)
	}
	after, err := w.snapshot()
	if err == nil && (!bytes.Equal(after, body) || w.machine.Digest() != before) {
		err = fmt.Errorf("the restored state has digest %016x and %d bytes, want %016x and %d bytes",
			w.machine.Digest(), len(after), before, len(body))
	}
	return err
}

// invariant says what the machine's invariant says of the state.
func (w *world) invariant() error {
	if f := w.machine.Invariant(); f != nil {
		return fmt.Errorf("the invariant does not hold: %w", f)
	}
	return nil
}
