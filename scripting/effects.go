package scripting

import (
	"math"
	"math/bits"
	"strings"
	"sync/atomic"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/state"
	"github.com/tidelock-raft/tidelock/scripting/value"
)

// The bounds of events and timers. They decide which commands fail: they are the same everywhere.
const (
	MaxEffects    = 1000      // events, timers set and timers cancelled by one command
	MaxTopic      = 256       // bytes of a topic
	MaxEvent      = 64 << 10  // bytes of topic and value of one event
	MaxEmitted    = 1 << 20   // bytes of all events of one command
	MaxKept       = 4096      // events in the history
	MaxKeptSize   = 4 << 20   // bytes of the history
	MaxTimers     = 1_000_000 // timers that have not fired
	MaxTimerCall  = 64 << 10  // bytes of a timer's command and arguments
	MaxFired      = 1000      // timers fired by one entry
	failuresTopic = "@timer"  // of events that tell of timers whose command failed
	timerCost     = 256       // bytes charged for what surrounds a timer or an event in memory
)

// effects are what commands leave behind besides their writes: the history of events, and timers.
// Both are replicated. They stand in a Space of their own, for they belong to no script; so they
// have undo, views, a digest and snapshots as collections have.
//
//	@events   string key: index of the entry, number within it   ─> [topic, value]
//	          integer key 0: index of the newest event that was dropped to make room
//	@timers   string key: due time, index of the entry, number   ─> [command, arguments…]
//
// The other fields follow from the Space, or live as long as a command.
type effects struct {
	space *state.Space
	live  *state.View

	index   core.Index // of the entry that is carried out
	events  int        // that earlier commands of the entry emitted
	timers  uint32     // set so far by the entry, undone ones included
	made    []made     // events of the command, in order
	changed bool       // some timer was set or cancelled

	kept, keptSize int // the history
	page           []state.Pair
	key, val       []byte

	due     atomic.Int64  // of the first timer, in milliseconds; noTimer: there is none
	told    int64         // due as it was told to onTimer
	onTimer func()        // may be nil
	onEvent func([]Event) // may be nil
	batch   []Event       // to be told
}

// made is an event of the command under way: the journal before it, and the bytes of all up to it.
type made struct{ mark, size int }

const (
	eventsAt = 0
	timersAt = 1
	noTimer  = math.MaxInt64
)

var effectNames = []string{"@events", "@timers"}

// firstString is where string keys begin.
const firstString = "\x02"

// lostKey is the key under which the index of the newest dropped event stands.
func lostKey() []byte { return state.IntegerKey(nil, 0) }

func newEffects() *effects {
	e := &effects{told: noTimer}
	e.due.Store(noTimer)
	e.use(state.New(effectNames))
	return e
}

// use makes space the effects; its contents have been checked.
func (e *effects) use(space *state.Space) {
	e.space, e.live = space, space.Live()
	e.kept, e.keptSize = 0, 0
	for lo := firstString; ; lo = e.page[len(e.page)-1].Key + "\x00" {
		if e.page = e.live.Page(e.page[:0], eventsAt, lo, "", pageSize); len(e.page) == 0 {
			break
		}
		for _, p := range e.page {
			e.kept, e.keptSize = e.kept+1, e.keptSize+len(p.Val)
		}
	}
	e.findSoonest()
	e.tell()
}

// digest names events and timers; where there never were any it is zero.
func (e *effects) digest() uint64 {
	if e.blank() {
		return 0
	}
	return bits.RotateLeft64(e.space.Digest(), 32)
}

// blank reports whether there is nothing in the Space.
func (e *effects) blank() bool { return e.live.Len(eventsAt)+e.live.Len(timersAt) == 0 }

// view freezes events and timers for queries; nil: there are none.
func (e *effects) view() *state.View {
	if e.blank() {
		return nil
	}
	return e.space.View()
}

// begin prepares for an entry.
func (e *effects) begin(index core.Index) { e.index, e.events, e.timers = index, 0, 0 }

// mark is where the journal stands; nil has none.
func (e *effects) mark() int {
	if e == nil {
		return 0
	}
	return e.space.Mark()
}

// rollback undoes what was done since mark.
func (e *effects) rollback(mark int) {
	if e == nil {
		return
	}
	e.space.Rollback(mark)
	for len(e.made) > 0 && e.made[len(e.made)-1].mark >= mark {
		e.made = e.made[:len(e.made)-1]
	}
}

// markBits is how many bits of a mark are the journal's of effects, whose length is bounded.
const markBits = 10

// mark is where both journals stand.
func (s *script) mark() int {
	if s.space == nil {
		return 0
	}
	return s.space.Mark()<<markBits | s.effects.mark()
}

// rollback undoes what was done to collections and effects since mark.
func (s *script) rollback(mark int) {
	if s.space != nil {
		s.space.Rollback(mark >> markBits)
		s.effects.rollback(mark & (1<<markBits - 1))
		s.wrote = true
	}
}

// commit makes the effects of a command final: old events make room for new ones.
func (e *effects) commit() {
	if e.space.Mark() == 0 {
		return
	}
	e.kept, e.keptSize = e.kept+len(e.made), e.keptSize+e.madeSize()
	if e.onEvent != nil && len(e.made) > 0 {
		lo := string(e.eventKey(e.events))
		e.page = e.live.Page(e.page[:0], eventsAt, lo, "", len(e.made))
		for _, p := range e.page {
			e.batch = append(e.batch, eventOf(state.Pair{Key: p.Key, Val: strings.Clone(p.Val)}))
		}
	}
	e.events += len(e.made)
	e.made = e.made[:0]
	e.drop()
	e.space.Commit()
	if e.changed {
		e.findSoonest()
	}
}

// madeSize is how many bytes the events of the command under way have.
func (e *effects) madeSize() int {
	if len(e.made) == 0 {
		return 0
	}
	return e.made[len(e.made)-1].size
}

// drop forgets the oldest events until the history is within its bounds.
func (e *effects) drop() {
	lost := core.Index(0)
	for e.kept > MaxKept || e.keptSize > MaxKeptSize {
		if e.page = e.live.Page(e.page[:0], eventsAt, firstString, "", 1); len(e.page) == 0 {
			break // two entries had the same index, which no log has
		}
		p := e.page[0]
		lost = eventOf(p).Index
		e.kept, e.keptSize = e.kept-1, e.keptSize-len(p.Val)
		e.space.Set(eventsAt, raw(p.Key), nil)
	}
	if lost > 0 {
		e.space.Set(eventsAt, lostKey(), value.AppendNumber(nil, float64(lost)))
	}
}

// findSoonest looks for the first timer.
func (e *effects) findSoonest() {
	e.changed = false
	due := int64(noTimer)
	if e.page = e.live.Page(e.page[:0], timersAt, "", "", 1); len(e.page) > 0 {
		due = timerOf(e.page[0].Key).due
	}
	e.due.Store(due)
}

// tell tells what there is to tell after a batch.
func (e *effects) tell() {
	if len(e.batch) > 0 {
		e.onEvent(e.batch)
		e.batch = nil
	}
	if due := e.due.Load(); due != e.told {
		if e.told = due; e.onTimer != nil {
			e.onTimer()
		}
	}
}

// outside returns the effects, for a function that only commands may use.
func (s *script) outside(name string) *effects {
	if s.entry == nil || s.effects == nil {
		s.vm.L.RaiseError("%s may be used in commands only", name)
	}
	return s.effects
}
