package scripting

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/tidelock-raft/tidelock/scripting/sandbox"
	"github.com/tidelock-raft/tidelock/scripting/value"
)

// FuzzJSON compares the decoder with that of Go, and holds that what is written is read back and
// written the same way.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,-2.5e1,"x\u00e9\ud83d\ude00\n\/",true,null],"b":{}}`, ` [ ] `, `0`, `-0`, `1e5`,
		`-1.25E-3`, `9007199254740993`, `"\ud800"`, `[1,]`, `{"a":1,"a":2}`, `.5`, `01`, `tru`,
		`"` + "\x01" + `"`, `[[`, `{"a"}`, `1e400`, `"\u12"`, `"\`, `-`, "0\x00",
	} {
		f.Add(seed)
	}
	s := newScript()
	s.vm.Limit(sandbox.Limits{Steps: sandbox.MaxSteps, Bytes: sandbox.MaxBytes})
	f.Fuzz(func(t *testing.T, source string) {
		s.vm.Abandon()
		if len(source) > 1<<14 {
			return
		}
		v, err := s.decodeJSON(source)
		if err != nil {
			return
		}
		d := json.NewDecoder(bytes.NewReader([]byte(source)))
		d.UseNumber()
		var want any
		if err := d.Decode(&want); err != nil || d.More() {
			t.Fatalf("%q is no JSON: %v", source, err)
		}
		canonical, err := s.encode(nil, v, 0)
		if err != nil {
			t.Fatalf("%q: %v", source, err)
		}
		wanted, err := value.FromAny(nil, withoutNull(want))
		if err == nil && !bytes.Equal(canonical, wanted) {
			t.Fatalf("%q: got %x, want %x", source, canonical, wanted)
		}
		r := value.NewReader(canonical)
		written, err := appendJSON(nil, &r)
		if err != nil {
			return // an array with holes
		}
		if again, err := s.decodeJSON(string(written)); err != nil {
			t.Fatalf("%q was written as %q: %v", source, written, err)
		} else if twice, err := s.encode(nil, again, 0); err != nil || !bytes.Equal(twice, canonical) {
			t.Fatalf("%q was written as %q: %x, want %x", source, written, twice, canonical)
		}
	})
}

// withoutNull does with null what Lua does: it leaves no trace in a table. Arrays that had one in
// them become tables with numbers for keys.
func withoutNull(v any) any {
	switch x := v.(type) {
	case []any:
		pairs := map[any]any{}
		for i, v := range x {
			if v != nil {
				pairs[i+1] = withoutNull(v)
			}
		}
		return pairs
	case map[string]any:
		for k, v := range x {
			x[k] = withoutNull(v)
		}
	case json.Number:
		if n, err := x.Float64(); err == nil {
			return n
		}
	}
	return v
}

// TestJSONAcceptsWhatGoAccepts decodes what encoding/json writes.
func TestJSONAcceptsWhatGoAccepts(t *testing.T) {
	s := newScript()
	for _, want := range []any{
		true, "", "é\x00\u2028\\\"", 1.5, -1e-300, float64(1 << 53), []any{"a", []any{1.0}},
		map[string]any{"k": map[string]any{"": 1.0, "z": []any{2.0}}},
	} {
		source, err := json.MarshalIndent(want, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		v, err := s.decodeJSON(string(source))
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		canonical, err := s.encode(nil, v, 0)
		if err != nil {
			t.Fatal(err)
		}
		r := value.NewReader(canonical)
		written, err := appendJSON(nil, &r)
		var got any
		if err == nil {
			err = json.Unmarshal(written, &got)
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v: %v", source, got, want, err)
		}
	}
}
