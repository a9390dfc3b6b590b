package scripting

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/state"
)

// clockwork is a machine whose commands emit and set timers in every way, failing included.
const clockwork = `
local kv, ids = state.map("kv"), state.map("ids")
local function remember(id) ids:set(id, true) return id end
return { name = "clockwork", version = 1,
  commands = {
    say = function(topic, n) for i = 1, n do emit(topic, i) end return n end,
    alarm = function(ms, what, n) return remember(timer.at(ms, "ring", what, n)) end,
    ring = function(what, n)
      kv:set(what, ctx.time())
      emit("rung", {what = what, random = math.random(1000)})
      if what == "again" and n > 0 then timer.at(ctx.time(), "ring", what, n - 1) end
      if what == "bad" then fail("bad", "rung and undone") end
      if what == "spin" then while true do end end
    end,
    cancel = function(n)
      local all = ids:keys()
      if #all == 0 then return false end
      local id = all[n % #all + 1]
      ids:delete(id)
      return timer.cancel(id)
    end,
    half = function(ms) emit("half", 1) timer.at(ms, "ring", "half", 0) fail("half", "undone") end,
    try = function(ms)
      emit("before", 1)
      local kept = timer.at(ms, "ring", "kept", 0)
      pcall(function()
        emit("lost", 2) timer.at(ms, "ring", "lost", 0) timer.cancel(kept)
        pcall(function() emit("lost", 3) error("inner") end)
        error("outer")
      end)
      emit("after", 4)
    end,
    large = function(n) for i = 1, n do emit("large", ("x"):rep(60000)) end end,
  },
  queries = { emit = function() emit("q", 1) end, at = function() timer.at(1, "ring") end },
}`

func clockworkMachine(tb testing.TB) *Machine {
	return newMachine(tb, Source{Name: "clockwork.lua", Text: []byte(clockwork)})
}

// bell drives a machine: every call is an entry, one millisecond after the other.
type bell struct {
	tb    testing.TB
	m     *Machine
	index core.Index
	now   int64 // milliseconds
	told  []Event
}

func newBell(tb testing.TB) *bell {
	b := &bell{tb: tb, m: clockworkMachine(tb)}
	b.m.OnEvents(func(events []Event) { b.told = append(b.told, events...) })
	return b
}

func (b *bell) send(data []byte) core.Result {
	b.index++
	b.now++
	entry := core.Entry{
		Position: core.Position{Term: 1, Index: b.index}, Kind: core.EntryCommand,
		Time: b.now*1e6 + 999_999, Data: data,
	}
	return apply(b.tb, b.m, []core.Entry{entry})[0]
}

func (b *bell) call(name string, args ...any) core.Result {
	return b.send(encode(b.tb, name, args...))
}

// said shows what was emitted since the last look.
func (b *bell) said() (all []string) {
	for _, e := range b.told {
		all = append(all, fmt.Sprintf("%d.%d %s %s", e.Index, e.Number, e.Topic, show(b.tb, e.Value)))
	}
	b.told = nil
	return all
}

func (b *bell) want(want ...string) {
	b.tb.Helper()
	if got := b.said(); !slices.Equal(got, want) {
		b.tb.Errorf("got events\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestEventsOfCommandsThatSucceedOnly(t *testing.T) {
	b := newBell(t)
	b.call("say", "news", 2)
	before := b.m.Digest()
	b.call("half", 50)
	if b.m.Digest() != before {
		t.Error("a failed command left a trace")
	}
	if _, ok := b.m.NextTimer(); ok {
		t.Error("a failed command left a timer")
	}
	b.call("try", 9)
	b.want("1.0 news 1", "1.1 news 2", "3.0 before 1", "3.1 after 4")
	if ms, ok := b.m.NextTimer(); ms != 9 || !ok || b.m.Digest() == before {
		t.Errorf("next timer at %d, %v", ms, ok)
	}
	for _, name := range []string{"emit", "at"} {
		r := b.m.Query(encode(t, name))
		if r.Failure == nil || !strings.Contains(r.Failure.Message, "in commands only") {
			t.Errorf("%s in a query: %v", name, r.Failure)
		}
	}
}

func TestTimersFireInOrderEachAsACommand(t *testing.T) {
	b := newBell(t)
	changes := 0
	b.m.OnTimer(func() { changes++ })
	for _, c := range []struct {
		ms   int
		what string
	}{{20, "c"}, {10, "a"}, {10, "bad"}, {10, "b"}, {-3, "first"}, {24, "spin"}, {30, "later"}} {
		if r := b.call("alarm", c.ms, c.what, 0); r.Failure != nil {
			t.Fatal(r.Failure)
		}
	}
	if ms, ok := b.m.NextTimer(); ms != -3 || !ok || changes != 3 {
		t.Errorf("next timer at %d, %v, told %d times, want 3", ms, ok, changes)
	}
	b.now = 24
	r := b.send(Fire()) // index 8, at 25
	if show(t, r.Value) != "6" {
		t.Errorf("fired %v", r)
	}
	said := b.said()
	for i, want := range []string{
		"8.0 rung", "8.1 rung", "8.2 @timer", "8.3 rung", "8.4 rung", "8.5 @timer",
	} {
		if i >= len(said) || !strings.HasPrefix(said[i], want) {
			t.Fatalf("got %q, want %s", said, want)
		}
	}
	for i, want := range map[int]string{
		0: `"what":"first"`, 1: `"what":"a"`, 3: `"what":"b"`, 4: `"what":"c"`,
		2: `{"code":"bad","command":"ring","message":"rung and undone","timer":"10-3-0"}`,
		5: `"code":"limit"`,
	} {
		if !strings.Contains(said[i], want) {
			t.Errorf("event %d: got %s, want %s", i, said[i], want)
		}
	}
	drawn := func(i int) string { return strings.Split(said[i], ",")[0][len("8.0 rung "):] }
	if !strings.Contains(drawn(0), "random") || drawn(0) == drawn(1) {
		t.Error("two timers of one entry drew the same random number")
	}
	before := b.m.Digest()
	if r := b.send(Fire()); show(t, r.Value) != "0" || b.m.Digest() != before {
		t.Errorf("nothing is due: %v", r)
	}
	if ms, _ := b.m.NextTimer(); ms != 30 {
		t.Errorf("next timer at %d, want 30", ms)
	}
	restored, told := clockworkMachine(t), 0
	restored.OnTimer(func() { told++ })
	if err := restored.Restore(bytes.NewReader(snapshotOf(t, b.m))); err != nil {
		t.Fatal(err)
	}
	if ms, ok := restored.NextTimer(); ms != 30 || !ok || told != 1 {
		t.Errorf("restored: next timer at %d, %v, told %d times, want once", ms, ok, told)
	}
	if r := b.send(append([]byte{0x92}, append(Fire()[1:], 1)...)); r.Failure == nil {
		t.Error("@fire takes an argument")
	}
}

func TestFiringIsBounded(t *testing.T) {
	b := newBell(t)
	b.call("alarm", 0, "again", 10*MaxFired)
	if r := b.send(Fire()); show(t, r.Value) != fmt.Sprint(MaxFired) {
		t.Errorf("a timer that sets itself again: fired %s times in one entry", show(t, r.Value))
	}
	if _, ok := b.m.NextTimer(); !ok {
		t.Error("the rest is gone")
	}
	b = newBell(t)
	for range 4 {
		b.call("alarm", 0, "spin", 0)
	}
	if r := b.send(Fire()); show(t, r.Value) != "1" {
		t.Errorf("fired %s timers that use all steps in one entry", show(t, r.Value))
	}
}

// TestHistoryForgetsTheOldest fills the history twice, by number and by size.
func TestHistoryForgetsTheOldest(t *testing.T) {
	b := newBell(t)
	for range 10 {
		b.call("say", "t", 900)
	}
	list := func(args ...any) (first, found int, next []any) {
		data, err := EncodeCall(eventsQuery, args...)
		if err != nil {
			t.Fatal(err)
		}
		v, err := DecodeValue(b.m.Query(data).Value)
		if err != nil {
			t.Fatal(err)
		}
		m := v.(map[string]any)
		return toInt(m["first"]), len(m["events"].([]any)), m["next"].([]any)
	}
	if first, found, _ := list(nil, 7, 5000); first != 7 || found != maxListed {
		t.Errorf("first %d, found %d", first, found)
	}
	total := 0
	for next := []any{0, 0}; ; {
		_, found, further := list(nil, next[0], 700, next[1])
		if total += found; found == 0 {
			break
		}
		next = further
	}
	if total != MaxKept {
		t.Errorf("%d events are kept, want %d", total, MaxKept)
	}
	for range 5 {
		b.call("large", 17)
	}
	if first, found, _ := list("t", 0, 1000); found != 0 || first != 12 {
		t.Errorf("%d small events survived five MiB, first is %d", found, first)
	}
	if b.m.effects.keptSize > MaxKeptSize || b.m.effects.keptSize < MaxKeptSize-61000 {
		t.Errorf("the history has %d bytes", b.m.effects.keptSize)
	}
	if size := len(snapshotOf(t, b.m)); size > MaxKeptSize+64<<10 {
		t.Errorf("the snapshot has %d bytes", size)
	}
	restored := clockworkMachine(t)
	if err := restored.Restore(bytes.NewReader(snapshotOf(t, b.m))); err != nil {
		t.Fatal(err)
	}
	b.call("large", 3)
	entry := core.Entry{
		Position: core.Position{Term: 1, Index: b.index}, Time: b.now*1e6 + 999_999,
		Data: encode(t, "large", 3),
	}
	apply(t, restored, []core.Entry{entry})
	if restored.Digest() != b.m.Digest() {
		t.Error("a restored machine forgets other events")
	}
	if _, found, _ := list(nil, 0, 1000); found != 8 {
		t.Errorf("%d large events in one answer, want 8", found)
	}
}

func toInt(v any) int {
	n := 0
	fmt.Sscan(fmt.Sprint(v), &n)
	return n
}

// twin is what events and timers come to, done the dumb way.
type twin struct {
	events []Event
	timers []twinTimer
}

type twinTimer struct {
	id   timerID
	what string
	left int
}

func (w *twin) emit(index core.Index, topics ...string) {
	for _, topic := range topics {
		number := uint32(0)
		for _, e := range w.events {
			if e.Index == index {
				number = e.Number + 1
			}
		}
		w.events = append(w.events, Event{Index: index, Number: number, Topic: topic})
	}
}

func (w *twin) fire(b *bell) (fired int) {
	set := uint32(0)
	for {
		slices.SortFunc(w.timers, func(a, b twinTimer) int {
			return cmp.Or(cmp.Compare(a.id.due, b.id.due), cmp.Compare(a.id.index, b.id.index),
				cmp.Compare(a.id.number, b.id.number))
		})
		if len(w.timers) == 0 || w.timers[0].id.due > b.now {
			return fired
		}
		t := w.timers[0]
		w.timers = w.timers[1:]
		fired++
		switch {
		case t.what == "bad":
			w.emit(b.index, failuresTopic)
		case t.what == "again" && t.left > 0:
			w.timers = append(w.timers, twinTimer{timerID{b.now, b.index, set}, t.what, t.left - 1})
			set++
			fallthrough
		default:
			w.emit(b.index, "rung")
		}
	}
}

// TestRandomTimersAgainstTwin runs random histories. The machine that lives through one, the one
// that is replaced by what its snapshot restores now and then, and the dumb twin agree.
func TestRandomTimersAgainstTwin(t *testing.T) {
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 11))
		b, w := newBell(t), &twin{}
		restored := clockworkMachine(t)
		var view core.View
		for range 300 {
			data, expect := w.random(b, rng)
			b.now += rng.Int64N(3)
			got := b.send(data)
			expect(got)
			entry := core.Entry{
				Position: core.Position{Term: 1, Index: b.index}, Kind: core.EntryCommand,
				Time: b.now*1e6 + 999_999, Data: data,
			}
			if r := apply(t, restored, []core.Entry{entry})[0]; !reflect.DeepEqual(r, got) {
				t.Fatalf("seed %d, index %d: restored %v, replayed %v", seed, b.index, r, got)
			}
			if restored.Digest() != b.m.Digest() {
				t.Fatalf("seed %d, index %d: digests differ", seed, b.index)
			}
			if rng.IntN(9) == 0 { // an old view keeps old values about
				if view != nil {
					view.Release()
				}
				view, _ = b.m.View()
			}
			if rng.IntN(20) == 0 {
				body := snapshotOf(t, b.m)
				if !bytes.Equal(body, snapshotOf(t, restored)) {
					t.Fatalf("seed %d, index %d: snapshots differ", seed, b.index)
				}
				restored = clockworkMachine(t)
				if err := restored.Restore(bytes.NewReader(body)); err != nil {
					t.Fatal(err)
				}
			}
			w.check(b, seed)
		}
	}
}

// random makes a command, does to the twin what it does, and returns what its result must pass.
func (w *twin) random(b *bell, rng *rand.Rand) ([]byte, func(core.Result)) {
	what := []string{"a", "bad", "again"}[rng.IntN(3)]
	ms := b.now + rng.Int64N(40) - 5
	n := rng.IntN(4)
	ok := func(r core.Result) {
		if r.Failure != nil {
			b.tb.Fatalf("index %d: %v", b.index, r.Failure)
		}
	}
	alarm := func(what string, n int) {
		w.timers = append(w.timers, twinTimer{timerID{ms, b.index, 0}, what, n})
	}
	switch rng.IntN(8) {
	case 0, 1:
		return encode(b.tb, "alarm", ms, what, n), func(r core.Result) { ok(r); alarm(what, n) }
	case 2:
		return encode(b.tb, "say", "t", n), func(r core.Result) {
			ok(r)
			w.emit(b.index, slices.Repeat([]string{"t"}, n)...)
		}
	case 3:
		return encode(b.tb, "half", ms), func(r core.Result) {
			if r.Failure == nil {
				b.tb.Fatal("half succeeded")
			}
		}
	case 4:
		return encode(b.tb, "try", ms), func(r core.Result) {
			ok(r)
			w.emit(b.index, "before", "after")
			alarm("kept", 0)
		}
	case 5:
		return encode(b.tb, "cancel", n), func(r core.Result) { ok(r); w.cancelled(b, r) }
	}
	return Fire(), func(r core.Result) {
		ok(r)
		if want := fmt.Sprint(w.fire(b)); show(b.tb, r.Value) != want {
			b.tb.Fatalf("index %d: fired %s, want %s", b.index, show(b.tb, r.Value), want)
		}
	}
}

// cancelled follows what the machine says it cancelled: the timer that the twin has too many.
func (w *twin) cancelled(b *bell, r core.Result) {
	there := func(t twinTimer) bool {
		_, ok := b.m.effects.live.Get(timersAt, t.id.appendKey(nil))
		return ok
	}
	kept := slices.DeleteFunc(slices.Clone(w.timers), func(t twinTimer) bool { return !there(t) })
	if gone := len(w.timers) - len(kept); fmt.Sprint(gone == 1) != show(b.tb, r.Value) || gone > 1 {
		b.tb.Fatalf("index %d: %d timers gone, cancelled: %s", b.index, gone, show(b.tb, r.Value))
	}
	w.timers = kept
}

func (w *twin) check(b *bell, seed uint64) {
	b.tb.Helper()
	next, ok := int64(noTimer), false
	for _, t := range w.timers {
		next, ok = min(next, t.id.due), true
	}
	if ms, has := b.m.NextTimer(); ms != next || has != ok {
		b.tb.Fatalf("seed %d, index %d: next timer %d, want %d", seed, b.index, ms, next)
	}
	if b.m.effects.live.Len(timersAt) != len(w.timers) || len(b.told) != len(w.events) {
		b.tb.Fatalf("seed %d, index %d: %d timers and %d events, want %d and %d", seed, b.index,
			b.m.effects.live.Len(timersAt), len(b.told), len(w.timers), len(w.events))
	}
	for i, e := range b.told {
		want := w.events[i]
		if e.Index != want.Index || e.Number != want.Number || e.Topic != want.Topic {
			b.tb.Fatalf("seed %d: got event %v, want %v", seed, e, want)
		}
	}
}

// FuzzReadEffects puts any pair among events or timers: it is refused, or can be lived with. (Bytes
// that are no pairs are FuzzRestore's.)
func FuzzReadEffects(f *testing.F) {
	f.Add(false, lostKey(), []byte{3})
	f.Add(false, appendEventKey(nil, 5, 1), []byte{0x92, 0xa1, 't', 1})
	f.Add(true, timerID{-7, 5, 1}.appendKey(nil), encode(f, "ring", "again", 3))
	f.Add(true, timerID{7, 5, 1}.appendKey(nil), encode(f, "ring", "bad", 3, 4))
	f.Fuzz(func(t *testing.T, timer bool, key, val []byte) {
		if len(key) == 0 || len(val) == 0 {
			return // the Space has no such pairs
		}
		b := newBell(t)
		b.call("try", 5)
		b.call("alarm", -7, "bad", 0)
		number := eventsAt
		if timer {
			number = timersAt
		}
		b.m.effects.space.Set(number, key, val)
		body := snapshotOf(t, b.m)
		if err := b.m.Restore(bytes.NewReader(body)); err != nil {
			if !errors.Is(err, core.ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(snapshotOf(t, b.m), body) {
			t.Fatalf("restored %x and wrote something else", body)
		}
		for limit := range 4 {
			if r := b.m.Query(encode(t, eventsQuery, nil, limit, limit)); r.Failure != nil {
				t.Fatal(r.Failure)
			}
		}
		b.now = 1 << 43
		b.index = 1 << 60
		b.send(Fire())
		if ms, ok := b.m.NextTimer(); ok && ms <= b.now {
			t.Fatalf("the timer at %d has not fired", ms)
		}
	})
}

// TestEffectsThatNobodyWroteAreRefused damages a snapshot's events and timers in every rule.
func TestEffectsThatNobodyWroteAreRefused(t *testing.T) {
	event, said := appendEventKey(nil, 1, 0), []byte{0x92, 0xa1, 't', 1}
	due := timerID{5, 1, 0}.appendKey(nil)
	for name, damage := range map[string]func(s *state.Space){
		"lost no index":   func(s *state.Space) { s.Set(eventsAt, lostKey(), []byte{0xc0}) },
		"event key":       func(s *state.Space) { s.Set(eventsAt, event[:5], said) },
		"event integer":   func(s *state.Space) { s.Set(eventsAt, state.IntegerKey(nil, 4), []byte{1}) },
		"event not array": func(s *state.Space) { s.Set(eventsAt, event, []byte{1}) },
		"event topic":     func(s *state.Space) { s.Set(eventsAt, event, []byte{0x92, 1, 1}) },
		"timer key":       func(s *state.Space) { s.Set(timersAt, due[:9], Fire()) },
		"timer no call":   func(s *state.Space) { s.Set(timersAt, due, []byte{1}) },
		"timer for ever": func(s *state.Space) {
			s.Set(timersAt, timerID{noTimer, 1, 0}.appendKey(nil), Fire())
		},
		"timer large": func(s *state.Space) {
			s.Set(timersAt, due, encode(t, "ring", strings.Repeat("x", MaxTimerCall)))
		},
	} {
		m := clockworkMachine(t)
		damage(m.effects.space)
		body := snapshotOf(t, m)
		if err := clockworkMachine(t).Restore(bytes.NewReader(body)); !errors.Is(err, core.ErrCorrupt) {
			t.Errorf("%s: got %v, want ErrCorrupt", name, err)
		}
	}
}

// BenchmarkEffects measures a command with one event, and one timer set and fired.
func BenchmarkEffects(b *testing.B) {
	for _, c := range []struct{ name, script string }{
		{"none", `return "OK"`}, {"emit", `emit("topic", 1)`}, {"timer", `timer.at(0, "nothing")`},
	} {
		b.Run(c.name, func(b *testing.B) {
			m := one(b, `return { name = "bench", version = 1, commands = {
				run = function() `+c.script+` end, nothing = function() end } }`)
			run := encode(b, "run")
			b.ReportAllocs()
			for i := range b.N {
				apply(b, m, []core.Entry{commandEntry(core.Index(2*i+1), run)})
				if c.name == "timer" {
					apply(b, m, []core.Entry{commandEntry(core.Index(2*i+2), Fire())})
				}
			}
		})
	}
}
