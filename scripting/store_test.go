package scripting

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/state"
)

// stored has commands that are stores, and others that nearly are.
const stored = `
	local kv, other, one = state.map("kv"), state.map("other"), state.value("one", "1")
	local function id(x) return x end
	return { name = "m", version = 1,
	queries = { get = function(k) return kv:get(k) end },
	commands = {
		put = function(key, val)
			if val == nil then fail("bad_arguments", "no value") end
			kv:set(key, val)
			return "OK"
		end,
		quiet = function(k, v) other:set(k, v) end,
		count = function(k, v) other:set(k, v) return 7 end,
		yes = function(k, v) kv:set(k, v) return true end,
		swapped = function(k, v) kv:set(v, k) end,
		three = function(k, v, w) kv:set(k, v) end,
		any = function(k, v, ...) kv:set(k, v) end,
		twice = function(k, v) kv:set(k, v) kv:set(k, v) end,
		back = function(k, v) kv:set(k, v) return v end,
		result = function(k, v) return kv:set(k, v) end,
		fixed = function(k, v) kv:set(k, "x") end,
		value = function(k, v) one:set(k, v) end,
		deleted = function(k, v) kv:delete(k, v) end,
		checked = function(k, v)
			if k == nil then fail("bad_arguments", "no key") end
			kv:set(k, v)
		end,
		unlike = function(k, v)
			if v ~= nil then fail("bad_arguments", "a value") end
			kv:set(k, v)
		end,
		guarded = function(k, v)
			if v == nil then other:set(k, "nil") end
			kv:set(k, v)
		end,
		inside = function(k, v)
			if v == nil then kv:set(k, v) return "nil" end
			kv:set(k, v)
			return "OK"
		end,
	} }`

func storeMachine(t *testing.T) *Machine {
	return newMachine(t, Source{Name: "m.lua", Text: []byte(stored)})
}

// TestStoresAreFound, all of them and nothing else.
func TestStoresAreFound(t *testing.T) {
	got := map[string]int{}
	for name, st := range storeMachine(t).writer.stores {
		got[name] = st.number
	}
	want := map[string]int{"put": 0, "inside": 0, "guarded": 0, "quiet": 1, "count": 1}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestStoresAreCommands compares a machine that stores, in batches, with one that interprets one
// command after the other: results, states and prices, for keys and values of every kind and size,
// and calls that do not fit.
func TestStoresAreCommands(t *testing.T) {
	fast, slow, random := storeMachine(t), storeMachine(t), rand.New(rand.NewPCG(1, 2))
	clear(slow.writer.stores)
	keys, values := mixed()
	names := []string{
		"put", "put", "quiet", "count", "guarded", "inside", "twice", "back", "yes", "nothing",
	}
	stores := 0
	var batch []core.Entry
	var wants []core.Result
	for i := range 20_000 {
		args := []any{keys[random.IntN(len(keys))], values[random.IntN(len(values))], 1}
		call := encode(t, names[random.IntN(len(names))], args[:min(1+random.IntN(8), 2+i%9/8)]...)
		switch random.IntN(20) {
		case 0:
			call = call[:random.IntN(len(call))]
		case 1:
			call = append(call, 1)
		case 2:
			call[random.IntN(len(call))]++
		}
		e := commandEntry(core.Index(i+1), call)
		if _, ok := fast.writer.stores[name(call)]; ok {
			stores++
		}
		batch, wants = append(batch, e), append(wants, apply(t, slow, []core.Entry{e})...)
		if i < 5000 || random.IntN(20) == 0 {
			got := apply(t, fast, batch)
			if !reflect.DeepEqual(got, wants) || fast.spent != slow.spent {
				t.Fatalf("up to %q: got %v for %v, want %v for %v",
					call, got, fast.spent, wants, slow.spent)
			}
			if fast.Digest() != slow.Digest() {
				t.Fatalf("up to %q: the states differ", call)
			}
			batch, wants = nil, nil
		}
	}
	if stores < 1000 {
		t.Errorf("%d commands were stores", stores)
	}
}

// TestStoresAreThoseOfTheirScript has another script take over in the middle of a batch.
func TestStoresAreThoseOfTheirScript(t *testing.T) {
	old := Source{Name: "m.lua", Text: []byte(stored)}
	next := bytes.Replace(old.Text, []byte("version = 1"), []byte("version = 2"), 1)
	next = bytes.Replace(next, []byte(`kv, other, one = state.map("kv"), state.map("other")`),
		[]byte(`other, kv, one = state.map("other"), state.map("kv")`), 1)
	push, err := EncodePush(Source{Name: "m.lua", Text: next}, sha256.Sum256(old.Text))
	if err != nil {
		t.Fatal(err)
	}
	var batch []core.Entry
	for i, call := range [][]byte{
		encode(t, "quiet", "k", "1"), push, encode(t, "quiet", "k", "2"), encode(t, "quiet", "l", "3"),
	} {
		batch = append(batch, commandEntry(core.Index(i+1), call))
	}
	m := storeMachine(t)
	var got []string
	m.Observe(func(_ *core.Entry, writes []Write) {
		for _, w := range writes {
			got = append(got, fmt.Sprint(w.Collection, w.Key))
		}
	})
	together := storeMachine(t)
	apply(t, together, batch)
	apply(t, m, batch)
	if want := []string{"otherk", "otherk", "otherl"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if m.Digest() != together.Digest() {
		t.Error("who is observed comes to another state")
	}
}

// name is that of a call, if it is one.
func name(data []byte) string {
	c, err := openCall(data)
	if err != nil {
		return ""
	}
	return string(c.name)
}

// TestEntriesAreForgotten when they are applied, those of a look before the last included.
func TestEntriesAreForgotten(t *testing.T) {
	m := newMachine(t, Default())
	var entries []core.Entry
	for i := range core.Index(state.MaxWarm + 1) {
		call := encode(t, "put", "key", "value")
		if i%2 == 0 {
			call = encode(t, "put_all", map[string]any{"a": "b"})
		}
		entries = append(entries, commandEntry(i+1, call))
	}
	apply(t, m, entries)
	for i := range state.MaxWarm {
		if m.ahead.calls[i].val != nil || m.ahead.others[i].data != nil {
			t.Errorf("call %d is held on to", i)
		}
	}
}
