package scripting

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

const scribe = `
local m, n = state.map("m"), state.value("n", 0)
return {name = "scribe", version = 1, commands = {
  put = function(k, v) m:set(k, v) end,
  pad = function(k, size) m:set(k, ("x"):rep(size)) end,
  twice = function(k) m:set(k, 1); m:set(k, 2); n:set(n:get() + 1) end,
  fail = function(k) m:set(k, 1); fail("no", "no") end,
  later = function(k) timer.at(0, "put", k, 3); timer.at(0, "put", k .. "2", 4) end,
}, queries = {}}`

// recorder is a machine that is watched, and all that was ever written to it.
type recorder struct {
	*Machine
	t     *testing.T
	index core.Index
	all   []map[string]any
}

func newRecorder(t *testing.T) *recorder {
	t.Helper()
	m, err := New(Source{Name: "scribe.lua", Text: []byte(scribe)}, Config{Readers: 1})
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{Machine: m, t: t}
	m.Observe(func(e *core.Entry, writes []Write) {
		number := int64(0)
		if n := len(r.all); n > 0 && r.all[n-1]["index"] == int64(e.Index) {
			number = r.all[n-1]["number"].(int64) + 1
		}
		for i, w := range writes {
			if i > 0 && writes[i-1].Collection == w.Collection && writes[i-1].Key == w.Key {
				t.Errorf("at %d the key %v comes twice", e.Index, w.Key)
			}
			c := map[string]any{"index": int64(e.Index), "number": number + int64(i),
				"collection": w.Collection, "key": w.Key, "op": "del"}
			if w.Value != nil {
				if c["value"], err = DecodeValue(w.Value); err != nil {
					t.Fatal(err)
				}
				c["op"] = "put"
			}
			r.all = append(r.all, c)
		}
	})
	return r
}

func (r *recorder) call(name string, args ...any) {
	r.t.Helper()
	data, err := EncodeCall(name, args...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.index++
	e := core.Entry{Position: core.Position{Term: 1, Index: r.index}, Time: 1e9, Data: data}
	if _, err := r.Apply(nil, []core.Entry{e}); err != nil {
		r.t.Fatal(err)
	}
}

// ask asks a view, as a node does.
func (r *recorder) ask(args ...any) (events []any, first any, next []any) {
	r.t.Helper()
	data, err := EncodeCall(changesQuery, args...)
	if err != nil {
		r.t.Fatal(err)
	}
	v, err := r.View()
	if err != nil {
		r.t.Fatal(err)
	}
	defer v.Release()
	result := v.Query(data)
	if result.Failure != nil {
		r.t.Fatal(result.Failure)
	}
	answer, err := DecodeValue(result.Value)
	if err != nil {
		r.t.Fatal(err)
	}
	page := answer.(map[string]any)
	return page["events"].([]any), page["first"], page["next"].([]any)
}

// TestChangesAreThoseThatWereCommitted reads pages of random size, and compares them with what an
// observer was told.
func TestChangesAreThoseThatWereCommitted(t *testing.T) {
	r := newRecorder(t)
	r.call("put", "before", "1")
	if events, first, _ := r.ask(); len(events) != 0 || first != nil {
		t.Fatalf("at first: got %v from %v", events, first)
	}
	if _, first, _ := r.ask(); first != int64(2) {
		t.Fatalf("kept from %v, want 2", first)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 300 {
		key := []any{"a1", "a2", "b", 17, 2}[rng.IntN(5)]
		switch name := []string{"put", "put", "twice", "fail", "later"}[rng.IntN(5)]; name {
		case "put":
			r.call(name, key, []any{nil, "v", 1, map[string]any{"x": true}}[rng.IntN(4)])
		case "later":
			r.call(name, fmt.Sprint(key))
			r.call(fireCommand)
		default:
			r.call(name, key)
		}
	}
	for _, prefix := range []any{nil, "", "a", "1", "none"} {
		var want, got []any
		for _, c := range r.all[1:] {
			text, _ := prefix.(string)
			if strings.HasPrefix(fmt.Sprint(c["key"]), text) {
				want = append(want, c)
			}
		}
		next := []any{2, 0}
		for seen := -1; len(got) != seen; {
			var events []any
			seen = len(got)
			events, _, next = r.ask(prefix, next[0], 1+rng.IntN(20), next[1])
			got = append(got, events...)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("prefix %v: got %d changes, want %d", prefix, len(got), len(want))
		}
	}
}

func TestChangesThatAreKeptAreBounded(t *testing.T) {
	r := newRecorder(t)
	begin := func() {
		t.Helper()
		r.ask(nil, 0, 0)
		if _, first, _ := r.ask(nil, 0, 0); first != int64(r.index+1) {
			t.Fatalf("kept from %v at %d", first, r.index)
		}
	}
	begin()
	for range 400 { // of 64 KiB
		r.call("pad", "k", 64<<10)
	}
	events, first, _ := r.ask(nil, 0, 1000)
	if n := MaxRecentSize / (64 << 10); first.(int64) < 400-int64(n) || first.(int64) > 403-int64(n) {
		t.Errorf("kept from %v", first)
	}
	if n := len(events); n == 0 || n > maxListedSize/(64<<10) || r.recent.size > MaxRecentSize {
		t.Errorf("got %d changes at once, %d bytes kept", n, r.recent.size)
	}
	r.index += recentPatience
	r.call("put", 1, 1)
	if len(r.recent.kept) > 0 || r.recent.on {
		t.Errorf("%d changes are kept though nobody has asked for long", len(r.recent.kept))
	}
	begin()
	r.call("put", 1, 1)

	frozen, err := r.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	var body bytes.Buffer
	if _, err := frozen.WriteTo(&body); err != nil {
		t.Fatal(err)
	}
	frozen.Release()
	if err := r.Restore(&body); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, first, _ := r.ask(nil, 0, 0); first != nil {
			t.Fatalf("kept from %v, and it is not known where the state stands", first)
		}
	}
	r.index = 900_000
	r.Place(core.Position{Term: 1, Index: r.index})
	begin()
	r.call("put", 1, 1)
	if events, _, _ := r.ask(nil, 0, 10); len(events) != 1 {
		t.Errorf("got %v behind the snapshot", events)
	}
}

// TestChangesAreReadBesideApply is for the race detector.
func TestChangesAreReadBesideApply(t *testing.T) {
	r := newRecorder(t)
	r.ask()
	data, err := EncodeCall(changesQuery)
	if err != nil {
		t.Fatal(err)
	}
	var readers sync.WaitGroup
	for i := range 200 {
		v, err := r.View()
		if err != nil {
			t.Fatal(err)
		}
		readers.Go(func() { // ends with its query
			defer v.Release()
			if result := v.Query(data); result.Failure != nil {
				t.Error(result.Failure)
			}
		})
		r.call("put", i%7, "v")
	}
	readers.Wait()
}

func TestNobodyWatchingCostsNothing(t *testing.T) {
	r := newRecorder(t)
	r.Observe(nil)
	e := core.Entry{Position: core.Position{Index: 1}}
	r.space.Set(0, []byte("\x02k"), []byte{1})
	if n := testing.AllocsPerRun(100, func() { r.observe(&e) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
