package scripting

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// FuzzApply sends any bytes as a command: two machines agree on what comes of it, and a failure
// leaves no trace.
func FuzzApply(f *testing.F) {
	f.Add(encode(f, "put", "a", map[string]any{"x": []any{1, 2.5, nil, true}}))
	f.Add(encode(f, "cas", 1, nil, "x"))
	f.Add([]byte{0x92, 0xa3, 'd', 'e', 'l', 0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	a, b := newMachine(f, Default()), newMachine(f, Default())
	next := bytes.Replace(Default().Text, []byte("version = 1"), []byte("version = 2"), 1)
	f.Add(pushOver(f, a, Source{Name: "kv2.lua", Text: next}))
	f.Add(install(f, Default()))
	f.Add(rollbackOf(f, a))
	f.Fuzz(func(t *testing.T, data []byte) {
		if a.Admit(data) != nil {
			return // it would end both replicas
		}
		before := a.Digest()
		x := apply(t, a, []core.Entry{commandEntry(1, data)})[0]
		y := apply(t, b, []core.Entry{commandEntry(1, bytes.Clone(data))})[0]
		if (x.Failure == nil) != (y.Failure == nil) || x.Failure != nil && *x.Failure != *y.Failure ||
			!bytes.Equal(x.Value, y.Value) || a.Digest() != b.Digest() {
			t.Fatalf("%x: %v and %v", data, x, y)
		}
		if x.Failure != nil && a.Digest() != before {
			t.Fatalf("%x failed with %v and left a trace", data, x.Failure)
		}
	})
}

// FuzzNew loads any text: it is refused with a *ScriptError, or it is a machine.
func FuzzNew(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.lua")
	for _, file := range files {
		for _, c := range chunksOf(f, file) {
			f.Add([]byte(c.script))
			f.Add([]byte(wrapBefore + c.script + wrapAfter))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := New(Source{Name: "fuzz.lua", Text: text}, Config{})
		if err != nil {
			if refused := (*ScriptError)(nil); !errors.As(err, &refused) {
				t.Fatalf("%v is no ScriptError", err)
			}
			return
		}
		for i, name := range m.Commands() {
			apply(t, m, []core.Entry{commandEntry(core.Index(i+1), encode(t, name))})
		}
	})
}

// FuzzRestore reads any bytes: what is accepted is written again as it was.
func FuzzRestore(f *testing.F) {
	m := one(f, `local m = state.map("m")
return { name = "f", version = 1, commands = { set = function(k, v) m:set(k, v) end } }`)
	f.Add(snapshotOf(f, m))
	for i, k := range []any{"a", 7} {
		apply(f, m, []core.Entry{commandEntry(core.Index(i+1), encode(f, "set", k, []any{1, "x"}))})
	}
	f.Add(snapshotOf(f, m))
	apply(f, m, []core.Entry{commandEntry(9, pushOver(f, m, Source{Name: "f2.lua", Text: []byte(
		`return { name = "f", version = 2, commands = { set = function(k, v) end } }`)}))})
	f.Add(snapshotOf(f, m))
	f.Fuzz(func(t *testing.T, body []byte) {
		err := m.Restore(bytes.NewReader(body))
		switch {
		case err == nil && !bytes.Equal(snapshotOf(t, m), body):
			t.Fatalf("restored %x and wrote something else", body)
		case err != nil && !errors.Is(err, core.ErrCorrupt) && !errors.Is(err, ErrLanguage):
			t.Fatal(err)
		}
	})
}
