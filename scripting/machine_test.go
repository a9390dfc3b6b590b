package scripting

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/sandbox"
	"github.com/tidelock-raft/tidelock/scripting/value"
)

func Example() {
	m, err := New(Default(), Config{})
	if err != nil {
		panic(err)
	}
	put, _ := EncodeCall("put", "greeting", "hello")
	results, _ := m.Apply(nil, []core.Entry{{Position: core.Position{Term: 1, Index: 1}, Data: put}})
	said, _ := DecodeValue(results[0].Value)
	get, _ := EncodeCall("get", "greeting")
	value, _ := DecodeValue(m.Query(get).Value)
	fmt.Println(said, value)
	// Output: OK hello
}

func TestDefaultMachine(t *testing.T) {
	m := newMachine(t, Default())
	if m.Name() != "kv" || m.Version() != 1 || m.now.Load().Hash == [32]byte{} ||
		!reflect.DeepEqual(m.Commands(), []string{"cas", "del", "incr", "put", "put_all"}) ||
		!reflect.DeepEqual(m.Queries(), []string{"get", "has", "keys", "len", "range"}) {
		t.Errorf("got %s %d %v %v", m.Name(), m.Version(), m.Commands(), m.Queries())
	}
	index := core.Index(0)
	for _, c := range []struct{ call, want string }{
		{"put a 1", `"OK"`}, {"put b x", `"OK"`}, {"get a", `1`}, {"get c", `null`}, {"has a", `true`},
		{"len", `2`}, {"keys", `["a","b"]`}, {"range a b", `[["a",1]]`},
		{"range", `[["a",1],["b","x"]]`},
		{"incr a", `2`}, {"incr a 5", `7`}, {"incr new", `1`},
		{"incr b", "not_a_number: the value is a string"},
		{"cas a 7 8", `"OK"`}, {"cas a 7 9", "conflict: the value has changed"}, {"cas d nil 1", `"OK"`},
		{"del a", `true`}, {"del a", `false`}, {"put", "bad_arguments: put needs a key and a value"},
		{"put a nil", "bad_arguments: put needs a key and a value"},
		{"put a b c", "bad_arguments: put takes 2 arguments, got 3"},
		{"len 1", "bad_arguments: len takes 0"},
		{"nope", "unknown_command: kv has no 'nope'"},
	} {
		words := strings.Fields(c.call)
		var args []any
		for _, w := range words[1:] {
			var n int
			switch _, err := fmt.Sscan(w, &n); {
			case err == nil:
				args = append(args, n)
			case w == "nil":
				args = append(args, nil)
			default:
				args = append(args, w)
			}
		}
		var r core.Result
		if data := encode(t, words[0], args...); m.writer.queries[words[0]] != nil {
			r = m.Query(data)
		} else {
			index++
			r = apply(t, m, []core.Entry{commandEntry(index, data)})[0]
		}
		got := ""
		if r.Failure != nil {
			got = r.Failure.Error()
		} else {
			got = show(t, r.Value)
		}
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: got %s, want %s", c.call, got, c.want)
		}
	}
	if r := m.Query(encode(t, "put", 1, 2)); r.Failure == nil || r.Failure.Code != UnknownQuery {
		t.Errorf("a command as a query: %v", r.Failure)
	}
}

func one(tb testing.TB, script string) *Machine {
	return newMachine(tb, Source{Name: "one.lua", Text: []byte(script)})
}

// TestClientIsThatOfTheSession, and a timer is nobody's, whoever has it fired.
func TestClientIsThatOfTheSession(t *testing.T) {
	m := one(t, `local kv = state.map("kv")
		return { name = "c", version = 1, commands = {
			later = function() timer.at(1, "note") return ctx.client() end,
			note = function() kv:set("client", ctx.client() or "nobody") end,
		}, queries = { noted = function() return kv:get("client") end } }`)
	for i, step := range []struct {
		call   []byte
		client uint64
		result string
		noted  string
	}{
		{encode(t, "note"), 0, "null", `"nobody"`},
		{encode(t, "note"), 1<<53 - 1, "null", "9007199254740991"},
		{encode(t, "later"), 7, "7", "9007199254740991"},
		{Fire(), 8, "1", `"nobody"`},
	} {
		e := commandEntry(core.Index(i+1), step.call)
		e.Client = step.client
		if got := show(t, apply(t, m, []core.Entry{e})[0].Value); got != step.result {
			t.Errorf("step %d: got %s, want %s", i, got, step.result)
		}
		if got := show(t, m.Query(encode(t, "noted")).Value); got != step.noted {
			t.Errorf("step %d: noted %s, want %s", i, got, step.noted)
		}
	}
}

// TestQueriesCannotWrite tries every way to change something from a query.
func TestQueriesCannotWrite(t *testing.T) {
	m := one(t, `local kv, n = state.map("kv"), state.value("n", 1)
		return { name = "q", version = 1, commands = { f = function() end }, queries = {
			set = function() kv:set("a", 1) end, del = function() kv:delete("a") end,
			value = function() n:set(2) end, caught = function() return pcall(kv.set, kv, "a", 1) end,
			time = function() return ctx.time() end, client = function() return ctx.client() end,
			random = function() return math.random() end,
		} }`)
	before := m.Digest()
	for name, want := range map[string]string{
		"set": "a query must not write; make it a command", "del": "a query must not write",
		"value": "a query must not write", "time": "ctx.time may be used in commands only",
		"client": "ctx.client may be used in commands only",
		"random": "math.random may be used in commands only",
	} {
		r := m.Query(encode(t, name))
		if r.Failure == nil || r.Failure.Code != Error || !strings.Contains(r.Failure.Message, want) {
			t.Errorf("%s: got %v, want %s", name, r.Failure, want)
		}
	}
	if r := m.Query(encode(t, "caught")); show(t, r.Value) != "false" || m.Digest() != before {
		t.Error("a caught write left a trace")
	}
}

// TestCallsAreBounded sends what nobody's client would.
func TestCallsAreBounded(t *testing.T) {
	m := newMachine(t, Default())
	deep := append(value.AppendString([]byte{0x93}, "put"), 1)
	deep = append(append(deep, bytes.Repeat([]byte{0x91}, 40)...), 0xc0)
	sparse := append(value.AppendString([]byte{0x93}, "put"), 1, 0x81)
	sparse = append(value.AppendNumber(sparse, 60_000_000), 1)
	wide := append(value.AppendString([]byte{0x93}, "put"), 1, 0xdd, 0x7f, 0xff, 0xff, 0xff)
	for what, c := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":         {nil, "bad_arguments: a call is an array"},
		"not an array":    {[]byte{0xa1, 'x'}, "bad_arguments: a call is an array"},
		"no name":         {[]byte{0x90}, "bad_arguments: a call is an array of a name"},
		"a number's name": {[]byte{0x91, 1}, "bad_arguments: a call begins with a name"},
		"cut": {encode(t, "put", 1, "abc")[:8],
			"bad_arguments: value: invalid encoding: cut short"},
		"more behind": {append(encode(t, "put", 1, 2), 3), "bad_arguments: bytes behind the call"},
		"deep":        {deep, "bad_arguments: tables nest deeper than 32"},
		"sparse":      {sparse, "limit: "},
		"wide":        {wide, "bad_arguments: value: invalid encoding: cut short"},
		"large":       {make([]byte, MaxCall+1), "bad_arguments: a call of"},
		"many arguments": {append([]byte{0xdc, 0, 200, 0xa3, 'p', 'u', 't'}, make([]byte, 199)...),
			"bad_arguments: 199 arguments, at most 64 are allowed"},
		"large integer": {append(value.AppendString([]byte{0x93}, "put"), 1, 0xcf, 0xff, 0xff, 0xff,
			0xff, 0xff, 0xff, 0xff, 0xff),
			"bad_arguments: value: invalid encoding: integer 18446744073709551615 is beyond 2^53"},
	} {
		r := apply(t, m, []core.Entry{commandEntry(1, c.data)})[0]
		if r.Failure == nil || !strings.HasPrefix(r.Failure.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", what, r.Failure, c.want)
		}
	}
	if m.Digest() != newMachine(t, Default()).Digest() {
		t.Error("a refused call left a trace")
	}
}

func TestEncodeCallRefuses(t *testing.T) {
	for _, err := range []error{
		second(EncodeCall("no blanks")), second(EncodeCall("")),
		second(EncodeCall("f", make([]any, 65)...)),
		second(EncodeCall("f", strings.Repeat("x", MaxCall))),
	} {
		if !errors.Is(err, ErrCall) {
			t.Errorf("got %v, want ErrCall", err)
		}
	}
	if err := second(EncodeCall("f", struct{}{})); !errors.Is(err, value.ErrInvalid) {
		t.Errorf("got %v, want value.ErrInvalid", err)
	}
}

func second(_ []byte, err error) error { return err }

func TestSourcesAreBounded(t *testing.T) {
	for what, c := range map[string]struct{ text, want string }{
		"large":      {strings.Repeat(" ", sandbox.MaxSource+1), "the script has 262145 bytes"},
		"braces":     {"return " + strings.Repeat("{", 1e5), "levels of nesting"},
		"brackets":   {"return " + strings.Repeat("(", 101) + "1", "levels of nesting"},
		"functions":  {strings.Repeat("return function() ", 101), "levels of nesting"},
		"minus":      {"return " + strings.Repeat("- ", 1e5) + "1", "levels of nesting"},
		"powers":     {"return 1" + strings.Repeat("^1", 1e5), "levels of nesting"},
		"calls":      {"local f = 1 return f" + strings.Repeat("()", 1e5), "levels of nesting"},
		"concat":     {"return 1" + strings.Repeat(" .. 1", 4e4), "levels of nesting"},
		"elseif":     {"if a then " + strings.Repeat("elseif 1 then ", 1e4) + "end", "levels of nesting"},
		"literals":   {"return {" + numbers(20_000) + "}", "different names, numbers and strings"},
		"locals":     {strings.Repeat("local x ", 300), "too many local variables"},
		"open text":  {"return 'abc", "unterminated string"},
		"open block": {"--[[ for ever", "invalid multiline comment"},
		"number":     {"return 0x", "illegal hexadecimal number"},
	} {
		_, err := New(Source{Name: "big.lua", Text: []byte(c.text)}, Config{})
		var refused *ScriptError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %.200v, want %s", what, err, c.want)
		}
	}
}

func numbers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprint(&b, i, ",")
	}
	return b.String()
}

// TestRestoreRefuses damages a snapshot in every way that the checks are there for.
func TestRestoreRefuses(t *testing.T) {
	m := newMachine(t, Default())
	apply(t, m, []core.Entry{commandEntry(1, encode(t, "put", "a", 1))})
	good, before := snapshotOf(t, m), m.Digest()
	refuse := func(what string, b []byte, want error) {
		if err := m.Restore(bytes.NewReader(b)); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", what, err, want)
		}
	}
	for i := range good {
		refuse(fmt.Sprint("cut at ", i), good[:i], core.ErrCorrupt)
	}
	refuse("more behind", append(bytes.Clone(good), 0), core.ErrCorrupt)
	flip := func(i int) []byte {
		b := bytes.Clone(good)
		b[i] ^= 1
		return b
	}
	refuse("magic", flip(0), core.ErrCorrupt)
	refuse("language", flip(8), ErrLanguage)
	refuse("count", flip(13), core.ErrCorrupt)
	refuse("version", flip(24), core.ErrCorrupt)
	refuse("size", flip(30), core.ErrCorrupt)
	refuse("collection", bytes.Replace(good, []byte("\x02kv"), []byte("\x02kw"), 1), core.ErrCorrupt)
	refuse("digest", flip(len(good)-1), core.ErrCorrupt)
	err := m.Restore(iotest.ErrReader(errors.ErrUnsupported))
	if !errors.Is(err, errors.ErrUnsupported) || errors.Is(err, core.ErrCorrupt) {
		t.Errorf("got %v, want the reader's error", err)
	}
	if m.Digest() != before {
		t.Error("a refused snapshot changed the state")
	}
	err = m.Restore(iotest.OneByteReader(bytes.NewReader(good)))
	if err != nil || m.Digest() != before {
		t.Error(err)
	}
}

// TestSnapshotIsStable holds that a snapshot shows nothing of later commands.
func TestSnapshotIsStable(t *testing.T) {
	m := newMachine(t, Default())
	apply(t, m, []core.Entry{commandEntry(1, encode(t, "put", "a", 1))})
	want := snapshotOf(t, m)
	s, err := m.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for i, key := range []string{"a", "b"} {
		apply(t, m, []core.Entry{commandEntry(core.Index(2+i), encode(t, "put", key, 2))})
	}
	var got bytes.Buffer
	if _, err := s.WriteTo(&got); err != nil || !bytes.Equal(got.Bytes(), want) {
		t.Errorf("the snapshot changed: %v", err)
	}
	s.Release()
}

func TestInvariantIsAsked(t *testing.T) {
	m := one(t, `local n = state.value("n", 0)
		return { name = "i", version = 1, commands = { set = function(x) n:set(x) end },
			invariant = function() assert(n:get() < 10, "n is too large") end }`)
	if f := m.Invariant(); f != nil {
		t.Error(f)
	}
	apply(t, m, []core.Entry{commandEntry(1, encode(t, "set", 11))})
	if f := m.Invariant(); f == nil || !strings.Contains(f.Message, "n is too large") {
		t.Errorf("got %v", f)
	}
	if f := newMachine(t, Default()).Invariant(); f != nil {
		t.Error(f)
	}
}

// TestMessagesDoNotKnowTheFile holds that two nodes that keep a script under different names fail
// in the same words.
func TestMessagesDoNotKnowTheFile(t *testing.T) {
	text := []byte(`return { name = "m", version = 1, commands = { f = function() error("x") end } }`)
	var said []string
	for _, name := range []string{"/one/a.lua", "b.lua"} {
		m := newMachine(t, Source{Name: name, Text: text})
		said = append(said, apply(t, m, []core.Entry{commandEntry(1, encode(t, "f"))})[0].Failure.Error())
	}
	if said[0] != said[1] || said[0] != "error: m.lua:1: x" {
		t.Errorf("got %q", said)
	}
}

// TestPutHardlyAllocates bounds what a command costs the garbage collector: less than one
// allocation, for 16 strings share one.
func TestPutHardlyAllocates(t *testing.T) {
	m := newMachine(t, Default())
	batch := []core.Entry{commandEntry(1, encode(t, "put", "key", strings.Repeat("v", 128)))}
	results := apply(t, m, batch)
	if n := testing.AllocsPerRun(100, func() { results, _ = m.Apply(results[:0], batch) }); n > 0 {
		t.Errorf("%v allocations per put, want less than 1", n)
	}
}

// TestWhatIsToldOutlivesTheState holds that failures, results and events do not share the memory of
// values that are overwritten later.
func TestWhatIsToldOutlivesTheState(t *testing.T) {
	m := newMachine(t, Source{Name: "m.lua", Text: []byte(`local kv = state.map("kv")
		return { name = "m", version = 1, commands = {
			put = function(k, v) kv:set(k, v) end,
			fails = function(k) fail("no", kv:get(k)) end,
			errors = function(k) error(kv:get(k), 0) end,
			tells = function(k) return kv:get(k) end,
			emits = function(k) emit("t", kv:get(k)) end,
		}, queries = {} }`)})
	var events []Event
	m.effects.onEvent = func(told []Event) { events = append(events, told...) }
	index := core.Index(0)
	call := func(name string, args ...any) core.Result {
		index++
		return apply(t, m, []core.Entry{commandEntry(index, encode(t, name, args...))})[0]
	}
	said := strings.Repeat("said ", 20)
	call("put", "k", said)
	failure, err, result := call("fails", "k").Failure, call("errors", "k").Failure, call("tells", "k")
	call("emits", "k")
	event := slices.Clone(events[0].Value)
	for i := range MaxKept + 10 { // so that the event is dropped as well
		call("put", "k", strings.Repeat("lies ", 20)[:90+i%10])
		call("emits", "k")
	}
	v, _ := DecodeValue(result.Value)
	if failure.Message != said || err.Message != said || v != said ||
		!bytes.Equal(event, events[0].Value) || events[0].Topic != "t" {
		t.Errorf("got %v, %v, %v, %v", failure, err, v, events[0])
	}
}

func TestMachineSaysWhatItIs(t *testing.T) {
	m, err := New(Default(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	hash := m.now.Load().Hash
	if want := fmt.Sprintf("kv v1 sha256:%x", hash[:6]); m.String() != want {
		t.Errorf("got %s, want %s", m, want)
	}
}
