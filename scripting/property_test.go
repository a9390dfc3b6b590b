package scripting

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// busy is a machine whose commands do everything that a machine can do, failing included.
const busy = `
local kv, log, n = state.map("kv"), state.map("log"), state.value("n", 0)
local function touch(k)
  n:set(n:get() + 1)
  log:set(n:get(), {k = k, t = ctx.time(), r = math.random(100), c = ctx.client()})
end
return { name = "busy", version = 1,
  commands = {
    set = function(k, v) kv:set(k, v) touch(k) return kv:len() end,
    del = function(k) touch(k) kv:delete(k) end,
    copy = function(a, b) kv:set(b, kv:get(a)) return kv:get(b) end,
    half = function(k, v) kv:set(k, v) fail("half", "done and undone") end,
    try = function(k, v)
      local ok, err = pcall(function()
        kv:set(k, v) touch(k)
        for x in kv:pairs() do kv:delete(x) end
        error({k})
      end)
      kv:set("tried", ok) return kv:len()
    end,
    sweep = function()
      local seen = {}
      for k, v in kv:pairs() do
        seen[#seen + 1] = k
        if math.random(2) == 1 then kv:delete(k) else kv:set(k, seen) end
        kv:set(#seen, "x")
      end
      return seen
    end,
    trim = function()
      while log:len() > 20 do log:delete((log:first())) end
      return {log:first()}
    end,
    spin = function(k) kv:set(k, 1) while true do end end,
    deep = function(k) kv:set(k, 1) local function f() return 1 + f() end return f() end,
    wild = function(k) kv:set(k, 1) return nil + k end,
    bytes = function(k) local s = tostring(k) kv:set(k, s:rep(200) .. s) return #kv:get(k) end,
  },
  queries = {
    all = function() return {kv:range(), log:keys(), n:get()} end,
    sum = function() local c = 0 for k in kv:pairs() do c = c + 1 end return {c, kv:len()} end,
  },
}`

func busySource() Source { return Source{Name: "busy.lua", Text: []byte(busy)} }

func randomValue(rng *rand.Rand, depth int) any {
	switch rng.IntN(8) {
	case 0:
		return nil
	case 1:
		return rng.IntN(2) == 0
	case 2:
		return rng.NormFloat64()
	case 3:
		return rng.IntN(1000) - 500
	case 4, 5:
		if depth > 0 {
			return []any{randomValue(rng, depth-1), randomValue(rng, depth-1)}
		}
	case 6:
		if depth > 0 {
			return map[any]any{rng.IntN(5): randomValue(rng, depth-1), "k": randomValue(rng, depth-1)}
		}
	}
	return fmt.Sprint("s", rng.IntN(10))
}

func randomCall(tb testing.TB, rng *rand.Rand) []byte {
	names := []string{"set", "set", "set", "set", "del", "del", "copy", "half", "try", "sweep", "trim",
		"wild", "bytes", "nothing"}
	name := names[rng.IntN(len(names))]
	switch rng.IntN(400) {
	case 0:
		name = "spin"
	case 1:
		name = "deep"
	case 2:
		return []byte{0x93, 0xa3, 's', 'e', 't', byte(rng.Uint32())}
	}
	var key any = rng.IntN(12)
	if rng.IntN(2) == 0 {
		key = fmt.Sprint("key", rng.IntN(12))
	}
	switch name {
	case "set", "half", "try":
		return encode(tb, name, key, randomValue(rng, 3))
	case "copy":
		return encode(tb, name, key, rng.IntN(12))
	case "sweep", "trim":
		return encode(tb, name)
	}
	return encode(tb, name, key)
}

func snapshotOf(tb testing.TB, m *Machine) []byte {
	tb.Helper()
	s, err := m.Snapshot()
	if err != nil {
		tb.Fatal(err)
	}
	defer s.Release()
	var buf bytes.Buffer
	if n, err := s.WriteTo(&buf); err != nil || n != int64(buf.Len()) {
		tb.Fatalf("wrote %d of %d: %v", n, buf.Len(), err)
	}
	return buf.Bytes()
}

// TestReplayedEqualsRestored runs one random history on three machines: one that lives through it,
// one that is replaced by what its snapshot restores now and then, one that is looked at by views
// all the time. Results, digests and snapshots are equal to the last byte.
func TestReplayedEqualsRestored(t *testing.T) {
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 7))
		long, restored, viewed := newMachine(t, busySource()), newMachine(t, busySource()),
			newMachine(t, busySource())
		var views []core.View
		index := core.Index(0)
		for range 60 {
			var batch []core.Entry
			for range 1 + rng.IntN(8) {
				index += core.Index(1 + rng.IntN(2))
				e := commandEntry(index, randomCall(t, rng))
				e.Client = uint64(rng.IntN(3)) << rng.IntN(50)
				batch = append(batch, e)
			}
			want := apply(t, long, batch)
			if got := apply(t, restored, batch); !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d, index %d: restored %v, replayed %v", seed, index, got, want)
			}
			for i := range batch { // one by one, with views about
				if v, err := viewed.View(); err == nil && rng.IntN(2) == 0 {
					views = append(views, v)
				}
				if got := apply(t, viewed, batch[i:i+1]); !reflect.DeepEqual(got, want[i:i+1]) {
					t.Fatalf("seed %d, index %d: viewed %v, replayed %v", seed, index, got, want[i])
				}
				for len(views) > 0 && rng.IntN(3) == 0 {
					last := rng.IntN(len(views))
					views[last].Release()
					views = append(views[:last], views[last+1:]...)
				}
			}
			if long.Digest() != restored.Digest() || long.Digest() != viewed.Digest() {
				t.Fatalf("seed %d, index %d: digests differ", seed, index)
			}
			if rng.IntN(6) == 0 {
				body := snapshotOf(t, long)
				if !bytes.Equal(body, snapshotOf(t, restored)) || !bytes.Equal(body, snapshotOf(t, viewed)) {
					t.Fatalf("seed %d, index %d: snapshots differ", seed, index)
				}
				restored = newMachine(t, busySource())
				apply(t, restored, batch) // to be forgotten
				if err := restored.Restore(bytes.NewReader(body)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

func apply(tb testing.TB, m *Machine, batch []core.Entry) []core.Result {
	tb.Helper()
	results, err := m.Apply(nil, batch)
	if err != nil || len(results) != len(batch) {
		tb.Fatalf("%d results for %d entries: %v", len(results), len(batch), err)
	}
	return results
}

// TestViewsAnswerBesideApply queries views from several goroutines while commands go on.
func TestViewsAnswerBesideApply(t *testing.T) {
	m := newMachine(t, busySource())
	rng := rand.New(rand.NewPCG(1, 1))
	all, sum := encode(t, "all"), encode(t, "sum")
	var wg sync.WaitGroup
	for i := range 150 {
		apply(t, m, []core.Entry{commandEntry(core.Index(i+1), randomCall(t, rng))})
		want := m.Query(all)
		v, err := m.View()
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			defer v.Release()
			if got := v.Query(all); !reflect.DeepEqual(got, want) {
				t.Errorf("after %d: the view says %v, the machine said %v", i, got, want)
			}
			var counts []any
			if v, _ := DecodeValue(v.Query(sum).Value); v != nil {
				counts = v.([]any)
			}
			if len(counts) != 2 || counts[0] != counts[1] {
				t.Errorf("after %d: counted and length: %v", i, counts)
			}
		})
	}
	wg.Wait()
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}
