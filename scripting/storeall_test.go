package scripting

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/value"
)

// storedAll has commands that are stores of many items, and others that nearly are.
const storedAll = `
	local kv, other, one = state.map("kv"), state.map("other"), state.value("one", "1")
	local items = { a = 1 }
	return { name = "m", version = 1, limits = { steps = 200000 },
	commands = {
		put = function(key, val) kv:set(key, val) end,
		all = function(items) kv:set_all(items) end,
		told = function(t) other:set_all(t) return "OK" end,
		counted = function(t) kv:set_all(t) return 7 end,
		checked = function(t)
			if t == nil then fail("bad_arguments", "no items") end
			kv:set_all(t)
			return "OK"
		end,
		inside = function(t)
			if t == nil then kv:set_all({ x = 1 }) return "nil" end
			kv:set_all(t)
		end,
		one = function(t) kv:set(t) end,
		two = function(t, u) kv:set_all(t) end,
		both = function(t, u) kv:set_all(t, u) end,
		second = function(t, u) kv:set_all(u) end,
		any = function(t, ...) kv:set_all(t) end,
		rest = function(...) kv:set_all(arg) end,
		none = function() local t kv:set_all(t) end,
		first = function(...) kv:set_all(...) end,
		twice = function(t) kv:set_all(t) kv:set_all(t) end,
		back = function(t) kv:set_all(t) return t end,
		result = function(t) return kv:set_all(t) end,
		fixed = function(t) kv:set_all(items) end,
		value = function(t) one:set_all(t) end,
		typed = function(t) if type(t) == "string" then t = {} end kv:set_all(t) end,
		unlike = function(t) if t ~= nil then fail("a", "table") end kv:set_all(t) end,
		guarded = function(t) if t == nil then other:set_all(items) end kv:set_all(t) return 1 end,
		other = function(t) if items == nil then fail("x") end kv:set_all(t) end,
	} }`

func storeAllMachine(tb testing.TB, steps string) *Machine {
	text := strings.Replace(storedAll, "200000", steps, 1)
	return newMachine(tb, Source{Name: "m.lua", Text: []byte(text)})
}

// TestStoresOfManyAreFound, all of them and nothing else.
func TestStoresOfManyAreFound(t *testing.T) {
	s, got := storeAllMachine(t, "4000").writer, map[string]int{}
	for name, st := range s.storesAll {
		got[name] = st.number
	}
	want := map[string]int{
		"all": 0, "told": 1, "counted": 0, "checked": 0, "inside": 0, "guarded": 0,
	}
	if !reflect.DeepEqual(got, want) || len(s.stores) != 1 {
		t.Errorf("got %v and %v, want %v and put", got, s.stores, want)
	}
}

// twins are two machines, of which the second leaves everything to the interpreter.
type twins struct {
	fast, slow *Machine
	index      core.Index
}

func newTwins(tb testing.TB, steps string) *twins {
	w := &twins{fast: storeAllMachine(tb, steps), slow: storeAllMachine(tb, steps)}
	clear(w.slow.writer.storesAll)
	return w
}

// apply has both carry out a call, which must come to the same: result, price, what it wrote, state
// and, now and then, snapshot.
func (w *twins) apply(t *testing.T, call []byte) core.Result {
	t.Helper()
	w.index++
	var results [2]core.Result
	var writes [2][]Write
	for i, m := range []*Machine{w.fast, w.slow} {
		m.Observe(nil)
		if w.index%2 == 0 { // nobody's writes are not journalled
			m.Observe(func(_ *core.Entry, all []Write) { writes[i] = all })
		}
		results[i] = apply(t, m, []core.Entry{commandEntry(w.index, bytes.Clone(call))})[0]
	}
	clear(w.slow.writer.storesAll) // those of a new interpreter
	switch shown := call[:min(len(call), 200)]; {
	case !reflect.DeepEqual(results[0], results[1]):
		t.Fatalf("call %q: got %v, want %v", shown, results[0], results[1])
	case w.fast.spent != w.slow.spent:
		t.Fatalf("call %q: got for %v, want %v", shown, w.fast.spent, w.slow.spent)
	case !reflect.DeepEqual(writes[0], writes[1]):
		t.Fatalf("call %q: wrote %v, want %v", shown, writes[0], writes[1])
	case w.fast.Digest() != w.slow.Digest():
		t.Fatalf("call %q: the states differ", shown)
	case w.index%100 == 0 && !bytes.Equal(snapshotOf(t, w.fast), snapshotOf(t, w.slow)):
		t.Fatalf("call %q: the snapshots differ", shown)
	}
	return results[0]
}

// direct reports whether a call needs no interpreter.
func (w *twins) direct(call []byte) bool {
	o := w.fast.writer.open(call)
	return o.all != nil && w.fast.writer.readItems(o)
}

// oddities are values of every kind and size and in every encoding, and bytes that are none.
func oddities(tb testing.TB) (all [][]byte) {
	long := func(n int) string { return strings.Repeat("s", n) }
	for _, v := range []any{
		nil, true, false, 0, 1, -1, 7, 1 << 10, -1 << 20, 1 << 53, 1.5, -0.5, "", "\xff\x00", []any{},
		[]any{1, "x"}, map[string]any{"a": 1}, map[any]any{1: 2, "b": 3}, long(31), long(32), long(255),
		long(256), long(value.MaxKey), long(value.MaxKey + 1), long(40_000), long(value.MaxSize),
	} {
		b, err := value.FromAny(nil, v)
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, b)
	}
	for _, b := range []string{
		"\xd9\x01x", "\xda\x00\x01x", "\xc4\x01x", "\xcc\x01", "\xd0\x01", "\xca\x3f\x80\x00\x00",
		"\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00", "\xcb\x80\x00\x00\x00\x00\x00\x00\x00",
		"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x01", "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "\xc1",
	} {
		all = append(all, []byte(b))
	}
	return all
}

// drawItems is a map as anybody may encode it: keys and values may be odd, and keys out of order.
func drawItems(random *rand.Rand, dst []byte, odd [][]byte) []byte {
	often := 40 << random.IntN(8)
	n := []int{0, 1, 2, 5, 15, 16, 17, 33, 70, 400}[random.IntN(10)]
	dst = value.AppendMap(dst, n)
	for key := range n {
		switch what := random.IntN(often); {
		case what == 0:
			dst = append(dst, odd[random.IntN(len(odd))]...)
		case what == 1 && key > 0:
			dst = value.AppendString(dst, fmt.Sprintf("key%05d", key-1-random.IntN(min(key, 3))))
		default:
			dst = value.AppendString(dst, fmt.Sprintf("key%05d", key))
		}
		if random.IntN(often) == 0 {
			dst = append(dst, odd[random.IntN(len(odd))]...)
		} else {
			dst = value.AppendString(dst, strings.Repeat("v", random.IntN(40)))
		}
	}
	return dst
}

// TestStoresOfManyAreCommands compares a machine that stores many items with one that makes a table
// of them and has the script set them, for tables as anybody may send them, and calls that do not
// fit; with views about and without.
func TestStoresOfManyAreCommands(t *testing.T) {
	poor, rich := newTwins(t, "4000"), newTwins(t, "200000")
	odd, random := oddities(t), rand.New(rand.NewPCG(3, 4))
	names := []string{"all", "all", "told", "counted", "checked", "inside", "guarded", "typed", "back"}
	direct, failures := 0, map[string]int{}
	var views []core.View
	for i := range 4_000 {
		name := names[random.IntN(len(names))]
		arguments := 1
		if random.IntN(30) == 0 {
			arguments = random.IntN(3)
		}
		call := value.AppendString(value.AppendArray(nil, 1+arguments), name)
		for range arguments {
			if random.IntN(20) == 0 {
				call = append(call, odd[random.IntN(len(odd))]...)
			} else {
				call = drawItems(random, call, odd)
			}
		}
		switch random.IntN(40) {
		case 0:
			call = call[:random.IntN(len(call))]
		case 1:
			call = append(call, 1)
		case 2:
			call[random.IntN(len(call))]++
		}
		w := rich
		if i%3 == 0 {
			w = poor
		}
		if w.direct(call) {
			direct++
		}
		if r := w.apply(t, call); r.Failure != nil {
			failures[r.Failure.Code]++
		}
		switch i % 50 {
		case 10:
			for _, m := range []*Machine{poor.fast, poor.slow, rich.fast, rich.slow} {
				v, err := m.View()
				if err != nil {
					t.Fatal(err)
				}
				views = append(views, v)
			}
		case 30:
			for _, v := range views {
				v.Release()
			}
			views = nil
		}
	}
	if direct < 1_000 || min(failures[Limit], failures[Error], failures[BadArguments]) < 20 {
		t.Errorf("%d commands needed no interpreter, %v failed", direct, failures)
	}
}

// TestStoreOfManyIsManyStores has one machine put items together and the other one by one, into a
// map that is too large for the caches.
func TestStoreOfManyIsManyStores(t *testing.T) {
	many, single := newMachine(t, Default()), newMachine(t, Default())
	index := core.Index(0)
	for n := range 300 {
		items := map[string]any{}
		for i := range 100 {
			items[fmt.Sprintf("key%05d", (n%150*100+i*7)%15_000)] = fmt.Sprint("value", n, "/", i)
		}
		index++
		apply(t, many, []core.Entry{commandEntry(index, encode(t, "put_all", items))})
		var entries []core.Entry
		for key, val := range items {
			entries = append(entries, commandEntry(index, encode(t, "put", key, val)))
		}
		apply(t, single, entries)
		if many.Digest() != single.Digest() {
			t.Fatalf("the states differ after %d commands of many", n+1)
		}
	}
	if n := many.live.Len(0); n != 15_000 {
		t.Errorf("%d items, want 15000", n)
	}
}

// TestPutAllHardlyAllocates bounds what a command of 64 puts costs the garbage collector.
func TestPutAllHardlyAllocates(t *testing.T) {
	m, items := newMachine(t, Default()), map[string]any{}
	for i := range 64 {
		items[fmt.Sprint("key", i)] = strings.Repeat("v", 128)
	}
	entries := []core.Entry{commandEntry(1, encode(t, "put_all", items))}
	var results []core.Result
	put := func() {
		var err error
		if results, err = m.Apply(results[:0], entries); err != nil || results[0].Failure != nil {
			t.Fatal(results, err)
		}
	}
	put()
	if n := testing.AllocsPerRun(100, put); n > 1 {
		t.Errorf("%v allocations for 64 puts, want 1 at most", n)
	}
}

// FuzzStoreAll has the twins carry out any calls.
func FuzzStoreAll(f *testing.F) {
	random, odd := rand.New(rand.NewPCG(5, 6)), oddities(f)
	for range 20 {
		call := value.AppendString(value.AppendArray(nil, 2), "told")
		if call = drawItems(random, call, odd); len(call) < 4<<10 {
			f.Add(call)
		}
	}
	f.Add(encode(f, "all", map[string]any{"a": 1.5, "b": "x", "c": false}))
	w := newTwins(f, "4000")
	f.Fuzz(func(t *testing.T, call []byte) {
		if _, _, ok := reserved(call); !ok {
			w.apply(t, call)
		}
	})
}
