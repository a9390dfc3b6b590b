package scripting

import (
	"bufio"
	"errors"
	"fmt"
	"slices"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/state"
	"github.com/tidelock-raft/tidelock/scripting/value"
)

// readEffects reads the events and timers of a snapshot, which View.WriteTo of their Space wrote.
// Everything is checked that later code relies on. Errors are those of state.Read.
func readEffects(in *bufio.Reader) (*state.Space, error) {
	space, err := state.Read(in)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(space.Names(), effectNames) {
		return nil, fmt.Errorf("%w: collections %q, want %q", state.ErrFormat, space.Names(), effectNames)
	}
	live := space.Live()
	if live.Len(eventsAt) > MaxKept+1 || live.Len(timersAt) > MaxTimers {
		return nil, fmt.Errorf("%w: %d events and %d timers", state.ErrFormat, live.Len(eventsAt),
			live.Len(timersAt))
	}
	for number, check := range []func(state.Pair) error{checkEvent, checkTimer} {
		lo := ""
		for page := live.Page(nil, number, lo, "", pageSize); len(page) > 0; {
			for _, p := range page {
				if err := check(p); err != nil {
					return nil, fmt.Errorf("%w: %s: %w", state.ErrFormat, effectNames[number], err)
				}
			}
			lo = page[len(page)-1].Key + "\x00"
			page = live.Page(page[:0], number, lo, "", pageSize)
		}
	}
	return space, nil
}

// checkEvent reports whether a pair is one that emit makes, or tells what was dropped.
func checkEvent(p state.Pair) error {
	r := value.NewReader(raw(p.Val))
	head, _ := r.Next() // the Space has checked that it is a value
	if p.Key == string(lostKey()) {
		if n, ok := value.Integer(head.Number); head.Kind != value.Number || !ok || n <= 0 {
			return errors.New("what was dropped is no index")
		}
		return nil
	}
	if len(p.Key) != len(firstString)+12 || p.Key[:1] != firstString {
		return errors.New("not the key of an event")
	}
	if head.Kind != value.Array || head.Len != 2 || len(p.Val) > MaxEvent {
		return errors.New("not an event")
	}
	if topic, _ := r.Next(); topic.Kind != value.String || len(topic.Bytes) > MaxTopic {
		return errors.New("an event without a topic")
	}
	return nil
}

// refused is an error of state.Read as Restore tells it.
func refused(err error) error {
	if errors.Is(err, state.ErrFormat) {
		return fmt.Errorf("restore: %w: %w", core.ErrCorrupt, err)
	}
	return fmt.Errorf("restore: %w", err)
}
