package scripting

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/value"
)

// lookedIn has queries that are lookups, and others that nearly are.
const lookedIn = `
	local kv, other, one = state.map("kv"), state.map("other"), state.value("one", "1")
	return { name = "m", version = 1, limits = { steps = 10000 },
	commands = { put = function(k, v) kv:set(k, v) end },
	queries = {
		get = function(key) return kv:get(key) end,
		from = function(k) return other:get(k) end,
		has = function(key) return kv:has(key) end,
		first = function(key, more) return kv:get(key) end,
		any = function(...) return kv:get(...) end,
		some = function(key, ...) return kv:get(key) end,
		both = function(key) return kv:get(key), 1 end,
		fixed = function(key) return kv:get("a") end,
		value = function(key) return one:get(key) end,
		cut = function(key) local v = kv:get(key) return v end,
		endless = function() while true do end end,
	} }`

func lookMachine(t *testing.T) *Machine {
	return newMachine(t, Source{Name: "m.lua", Text: []byte(lookedIn)})
}

// TestLookupsAreFound, all of them and nothing else.
func TestLookupsAreFound(t *testing.T) {
	want := map[string]int{"get": 0, "from": 1}
	if got := lookMachine(t).writer.lookups; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// mixed are keys and values of every kind and size, right and wrong.
func mixed() (keys, values []any) {
	for _, n := range []int{31, 32, 40, 255, 256, 300, maxLookup, value.MaxKey + 1, 20_000} {
		keys, values = append(keys, strings.Repeat("k", n)), append(values, strings.Repeat("v", n))
	}
	for _, v := range []any{
		nil, true, false, 0, 7, -1, 1.5, 1 << 40, "", "a", "absent", "\xff\x00", []any{}, []any{1, "x"},
		map[string]any{"a": 1},
	} {
		keys, values = append(keys, v), append(values, v)
	}
	return keys, values
}

// TestLookupsAreQueries compares views, which look up, with the machine, which interprets: for keys
// and values of every kind and size, calls that do not fit and bytes that are no calls, one by one
// and many together, while the state goes on.
func TestLookupsAreQueries(t *testing.T) {
	m, random := lookMachine(t), rand.New(rand.NewPCG(1, 2))
	keys, values := mixed()
	names := []string{"get", "get", "get", "from", "has", "first", "cut", "nothing"}
	query := func() []byte {
		args := []any{keys[random.IntN(len(keys))], 1, 2}
		call := encode(t, names[random.IntN(len(names))],
			args[:min(random.IntN(8), 1+random.IntN(3))]...)
		switch random.IntN(20) {
		case 0:
			call = call[:random.IntN(len(call))]
		case 1:
			call = append(call, 1)
		case 2:
			call[random.IntN(len(call))]++
		case 3:
			if random.IntN(5) == 0 {
				call = encode(t, "endless") // and its interpreter is given up
			}
		}
		return call
	}
	lookups, index := 0, core.Index(0)
	for range 100 {
		put := func() {
			index++
			key, val := keys[random.IntN(len(keys))], values[random.IntN(len(values))]
			apply(t, m, []core.Entry{commandEntry(index, encode(t, "put", key, val))})
		}
		put()
		var requests []core.Request
		var want []core.Result
		for range random.IntN(60) {
			requests = append(requests, core.Request{Data: query()})
			want = append(want, m.Query(requests[len(requests)-1].Data))
			if _, _, ok := m.writer.lookup(requests[len(requests)-1].Data); ok {
				lookups++
			}
		}
		v, err := m.View()
		if err != nil {
			t.Fatal(err)
		}
		put()
		var got []core.Result
		v.(core.BatchView).QueryAll(requests, func(i int, r core.Result) {
			if got = append(got, r); i != len(got)-1 {
				t.Fatalf("answer %d comes as number %d", i, len(got)-1)
			}
		})
		for i := range requests {
			alone := v.Query(requests[i].Data)
			if !reflect.DeepEqual(got[i], want[i]) || !reflect.DeepEqual(alone, want[i]) {
				t.Fatalf("call %q: got %v and %v, want %v", requests[i].Data, got[i], alone, want[i])
			}
		}
		v.Release()
	}
	if lookups < 100 {
		t.Errorf("%d queries were lookups", lookups)
	}
}

// TestLookupsHardlyAllocate, and their answers neither overlap nor change.
func TestLookupsHardlyAllocate(t *testing.T) {
	m := newMachine(t, Default())
	var requests []core.Request
	val := func(i int) string { return strings.Repeat(fmt.Sprint(i, " "), 30) }
	for i := range 100 {
		put := encode(t, "put", fmt.Sprint("key", i), val(i))
		apply(t, m, []core.Entry{commandEntry(core.Index(i+1), put)})
		requests = append(requests, core.Request{Data: encode(t, "get", fmt.Sprint("key", i))})
	}
	v, err := m.View()
	if err != nil {
		t.Fatal(err)
	}
	defer v.Release()
	results := make([]core.Result, len(requests))
	all := func() {
		v.(core.BatchView).QueryAll(requests, func(i int, r core.Result) { results[i] = r })
	}
	if n := testing.AllocsPerRun(100, all); n > 10 {
		t.Errorf("%v allocations for 100 queries, want 10 at most", n)
	}
	kept := results[0].Value
	all()
	if unsafe.SliceData(kept) == unsafe.SliceData(results[0].Value) {
		t.Error("two results are one")
	}
	for i, r := range results {
		_ = append(r.Value, "overwritten?"...)
		if got, _ := DecodeValue(r.Value); got != val(i) {
			t.Fatalf("key %d: got %q", i, got)
		}
	}
}
