package scripting

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

const observed = `
local m, n, v = state.map("m"), state.map("n"), state.value("v", 0)
return {name = "observed", version = 1, commands = {
  put = function(k, x) m:set(k, x); v:set(v:get() + 1) end,
  move = function(k) n:set(k, m:get(k)); m:delete(k) end,
  spoil = function(k) m:set(k, 1); fail("no", "no") end,
  partly = function(k) pcall(function() m:set(k, 1); error("x") end); n:set(1, 2) end,
}, queries = {}}`

// TestObserverSeesWhatIsCommittedAndNoMore tells writes from those that were rolled back.
func TestObserverSeesWhatIsCommittedAndNoMore(t *testing.T) {
	m, err := New(Source{Name: "observed.lua", Text: []byte(observed)}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	m.Observe(func(e *core.Entry, writes []Write) {
		for _, w := range writes {
			got = append(got, fmt.Sprintf("%d %s %#v %v", e.Index, w.Collection, w.Key, w.Value == nil))
		}
	})
	apply := func(index core.Index, name string, args ...any) {
		t.Helper()
		data, err := EncodeCall(name, args...)
		if err != nil {
			t.Fatal(err)
		}
		at := core.Position{Term: 1, Index: index}
		if _, err := m.Apply(nil, []core.Entry{{Position: at, Data: data}}); err != nil {
			t.Fatal(err)
		}
	}
	apply(1, "put", "a", "1")
	apply(2, "put", 7, "1")
	apply(3, "spoil", "a")
	apply(4, "move", "a")
	apply(5, "partly", "z")
	want := []string{
		`1 m "a" false`, `1 v "" false`, `2 m 7 false`, `2 v "" false`,
		`4 n "a" false`, `4 m "a" true`, `5 n 1 false`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	m.Observe(nil)
	apply(6, "put", "b", "1")
	if len(got) != len(want) {
		t.Error("told after the end")
	}
	var keys []string
	m.Each(func(collection string, key any) { keys = append(keys, fmt.Sprint(collection, ":", key)) })
	if want := []string{"m:7", "m:b", "n:1", "n:a", "v:"}; !slices.Equal(keys, want) {
		t.Errorf("got keys %q, want %q", keys, want)
	}
	items := map[string]int{}
	for _, c := range m.Collections() {
		items[c.Name] = c.Items
		if c.Bytes < int64(2*c.Items) {
			t.Errorf("%+v: so few bytes", c)
		}
	}
	if fmt.Sprint(items) != "map[m:2 n:2 v:1]" {
		t.Errorf("got %v", items)
	}
}
