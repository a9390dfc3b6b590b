package scripting

import (
	"bytes"
	"slices"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

const partsScript = `
local a, b = state.map("a"), state.map("b")
return {
  name = "parts", version = 1,
  commands = {
    seta = function(k, v) a:set(k, v) end,
    setb = function(k, v) b:set(k, v) end,
    emits = function() emit("t", 1) end,
    waits = function() timer.at(1e9, "emits") end,
    fails = function() a:set("x", 1); b:set("x", 1); fail("no", "no") end,
  },
  queries = {},
}`

// TestDigestsNameWhatDiffers writes to one part after the other: just that part's digest changes,
// a failed command changes none, and writing back what was there brings the old digest back.
func TestDigestsNameWhatDiffers(t *testing.T) {
	m, err := New(Source{Name: "parts.lua", Text: []byte(partsScript)}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	index := core.Index(0)
	apply := func(name string, args ...any) {
		t.Helper()
		data, err := EncodeCall(name, args...)
		if err != nil {
			t.Fatal(err)
		}
		index++
		entry := core.Entry{
			Position: core.Position{Term: 1, Index: index}, Kind: core.EntryCommand, Data: data,
		}
		if _, err := m.Apply(nil, []core.Entry{entry}); err != nil {
			t.Fatal(err)
		}
	}
	apply("seta", "k", "old")
	for _, c := range []struct {
		name string
		args []any
		want []string
	}{
		{"seta", []any{"k", "new"}, []string{"a"}},
		{"setb", []any{"k", "new"}, []string{"b"}},
		{"emits", nil, []string{"@events"}},
		{"waits", nil, []string{"@timers"}},
		{"fails", nil, nil},
	} {
		before, whole := m.Digests(nil), m.Digest()
		apply(c.name, c.args...)
		var changed []string
		for i, d := range m.Digests(nil) {
			if d != before[i] {
				changed = append(changed, d.Name)
			}
		}
		if !slices.Equal(changed, c.want) || (m.Digest() != whole) != (c.want != nil) {
			t.Errorf("%s: changed %v, want %v", c.name, changed, c.want)
		}
	}
	before := m.Digests(nil)
	apply("seta", "k", "other")
	apply("seta", "k", "new")
	if !slices.Equal(m.Digests(nil), before) {
		t.Errorf("got %v, want %v", m.Digests(nil), before)
	}
	checkRestored(t, m, before)
}

// checkRestored has a machine restored from m's snapshot show the same digests.
func checkRestored(t *testing.T, m *Machine, want []core.NamedDigest) {
	t.Helper()
	snapshot, err := m.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer snapshot.Release()
	var body bytes.Buffer
	if _, err := snapshot.WriteTo(&body); err != nil {
		t.Fatal(err)
	}
	restored, err := New(Source{Name: "parts.lua", Text: []byte(partsScript)}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer restored.Close()
	if err := restored.Restore(&body); err != nil {
		t.Fatal(err)
	}
	if got := restored.Digests(nil); !slices.Equal(got, want) {
		t.Errorf("restored: got %v, want %v", got, want)
	}
}
