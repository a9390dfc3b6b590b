package scripting

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/sandbox"
)

// shop is a machine of a version: collections, and what migrate and rollback do.
func shop(version int, declare, more string) Source {
	return Source{Name: fmt.Sprintf("shop%d.lua", version), Text: fmt.Appendf(nil, `%s
return { name = "shop", version = %d,
  commands = { set = function(k, v) a:set(k, v) return v end,
    bad = function() a:set("x", 1) error("no") end },
  queries = { get = function(k) return a:get(k) end, version = function() return %d end },
  %s }`, declare, version, version, more)}
}

const mapA = `local a = state.map("a")`

func must(tb testing.TB, data []byte, err error) []byte {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func install(tb testing.TB, src Source) []byte {
	data, err := EncodeInstall(src)
	return must(tb, data, err)
}

func pushOver(tb testing.TB, m *Machine, src Source) []byte {
	data, err := EncodePush(src, m.now.Load().Hash)
	return must(tb, data, err)
}

func rollbackOf(tb testing.TB, m *Machine) []byte {
	data, err := EncodeRollback(m.now.Load().Hash)
	return must(tb, data, err)
}

// living is a machine with the log that it lives through.
type living struct {
	*Machine
	t     *testing.T
	index core.Index
}

// do carries out a call and shows what comes of it.
func (l *living) do(data []byte) string {
	l.t.Helper()
	l.index++
	return shown1(l.t, apply(l.t, l.Machine, []core.Entry{commandEntry(l.index, data)})[0])
}

func shown1(t *testing.T, r core.Result) string {
	t.Helper()
	if r.Failure != nil {
		return r.Failure.Error()
	}
	return show(t, r.Value)
}

func (l *living) want(data []byte, want string) {
	l.t.Helper()
	if got := l.do(data); !strings.HasPrefix(got, want) {
		l.t.Errorf("index %d: got %s, want %s", l.index, got, want)
	}
}

// wantNoTrace is want for what fails: nothing changes.
func (l *living) wantNoTrace(data []byte, want string) {
	l.t.Helper()
	before := snapshotOf(l.t, l.Machine)
	l.want(data, want)
	if !bytes.Equal(before, snapshotOf(l.t, l.Machine)) {
		l.t.Errorf("index %d: %s: it left a trace", l.index, want)
	}
}

func newLiving(t *testing.T, local Source) *living {
	t.Helper()
	m, err := NewEmpty(local, Config{})
	if err != nil {
		t.Fatal(err)
	}
	return &living{Machine: m, t: t}
}

func TestScriptComesThroughTheLog(t *testing.T) {
	one, other := shop(1, mapA, ""), shop(1, mapA, "invariant = function() end")
	l := newLiving(t, other)
	if l.Ready() || l.String() != "no script yet" {
		t.Errorf("an empty machine is %s", l)
	}
	l.wantNoTrace(encode(t, "set", 1, 2), "no_script: ")
	l.wantNoTrace(pushOver(t, l.Machine, one), "no_script: ")
	l.wantNoTrace(rollbackOf(t, l.Machine), "no_script: ")
	l.wantNoTrace(install(t, Source{Name: "x.lua", Text: []byte("return {\n")}), "refused: x.lua:1: ")
	if r := l.Query(encode(t, "get", 1)); r.Failure == nil || r.Failure.Code != NoScript {
		t.Errorf("a query without a script: %v", r.Failure)
	}
	empty := snapshotOf(t, l.Machine)
	l.want(install(t, one), `{"hash":"`+fmt.Sprintf("%x", sha256.Sum256(one.Text)))
	l.wantNoTrace(install(t, one), `{"hash":"`)
	l.wantNoTrace(install(t, other), "installed: shop v1")
	l.want(encode(t, "set", 1, 2), "2")
	runs, ok := l.Running()
	if !ok || runs.Name != "shop" || runs.Index != 5 || !bytes.Equal(l.Local().Text, other.Text) {
		t.Errorf("got %v, local %s", runs, l.Local().Name)
	}
	fresh := newLiving(t, Default())
	for _, body := range [][]byte{snapshotOf(t, l.Machine), empty, snapshotOf(t, l.Machine)} {
		if err := fresh.Restore(bytes.NewReader(body)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(body, snapshotOf(t, fresh.Machine)) {
			t.Error("restored and written again, a snapshot differs")
		}
	}
	if fresh.String() != l.String() || fresh.Digest() != l.Digest() {
		t.Errorf("got %s %x, want %s %x", fresh, fresh.Digest(), l, l.Digest())
	}
}

func TestLanguageOfAnotherProgramStopsTheReplica(t *testing.T) {
	for _, name := range []string{installCommand, pushCommand} {
		l := newLiving(t, Default())
		args := []any{"x.lua", shop(2, mapA, "").Text, sandbox.Version + 1}
		if name == pushCommand {
			l.do(install(t, shop(1, mapA, "")))
			hash := l.now.Load().Hash
			args = append(args, hash[:])
		}
		data, err := EncodeCall(name, args...)
		must(t, data, err)
		_, err = l.Apply(nil, []core.Entry{commandEntry(9, data)})
		if !errors.Is(err, ErrLanguage) {
			t.Errorf("%s: got %v, want ErrLanguage", name, err)
		}
		if f := l.Admit(data); f == nil || f.Code != Refused {
			t.Errorf("%s: a node would propose it: %v", name, f)
		}
	}
	l := newLiving(t, Default())
	if f := l.Admit(install(t, Default())); f != nil {
		t.Error(f)
	}
	if f := l.Admit(encode(t, "put", "@", "@")); f != nil {
		t.Error(f)
	}
}

func TestPushTakesOverAtOneIndex(t *testing.T) {
	l := newLiving(t, Default())
	l.do(install(t, shop(1, mapA, "")))
	l.do(encode(t, "set", "x", 1))
	old, err := l.View()
	if err != nil {
		t.Fatal(err)
	}
	two := shop(2, `local n, a = state.value("n", 7), state.map("a")`,
		`migrate = function(from) for k, v in a:pairs() do a:set(k, {v, from, n:get(), ctx.index()}) end
			emit("moved", from) end,
		rollback = function(to) for k, v in a:pairs() do a:set(k, {to, n:get()}) end end`)
	for _, version := range []string{"1", "1"} {
		if got := shown1(t, old.Query(encode(t, "version"))); got != version {
			t.Errorf("the view is of version %s", got)
		}
		if got := shown1(t, old.Query(encode(t, "get", "x"))); got != "1" {
			t.Errorf("in the view, x is %s", got)
		}
		if version == "1" && l.Version() == 1 {
			l.want(pushOver(t, l.Machine, two), `{"hash":"`)
		}
	}
	old.Release()
	l.want(encode(t, "set", "y", 3), "3")
	if got := shown1(t, l.Query(encode(t, "get", "x"))); got != `[1,1,7,3]` || l.Version() != 2 {
		t.Errorf("version %d: x is %s", l.Version(), got)
	}
	l.wantNoTrace(pushOver(t, l.Machine, two), "version: shop2.lua: version 2, want one above 2")
	l.want(rollbackOf(t, l.Machine), `{"hash":"`)
	if got := shown1(t, l.Query(encode(t, "get", "x"))); got != `[1,7]` || l.Version() != 1 {
		t.Errorf("version %d: x is %s", l.Version(), got)
	}
	l.wantNoTrace(rollbackOf(t, l.Machine), "no_history: ")
	// n is hidden now; a version that declares it finds it again, and does not begin it anew.
	three := shop(3, `local a, n = state.map("a"), state.value("n", 8)`,
		`migrate = function() a:set("n", n:get()) end`)
	l.want(pushOver(t, l.Machine, three), `{"hash":"`)
	if got := shown1(t, l.Query(encode(t, "get", "n"))); got != `7` {
		t.Errorf("n was hidden as 7 and is %s", got)
	}
}

// TestFailedPushLeavesNoTrace fails in every way that a push can.
func TestFailedPushLeavesNoTrace(t *testing.T) {
	l := newLiving(t, Default())
	l.do(install(t, shop(1, mapA+` local v = state.value("v", 1)`, "")))
	l.do(encode(t, "set", "x", 1))
	declare := `local b, a = state.map("b"), state.map("a")`
	migrate := func(body string) Source {
		return shop(2, declare,
			`migrate = function() b:set(1, 1) a:set("x", nil) emit("e", 1) `+body+` end`)
	}
	var crowd strings.Builder
	for i := range 1023 {
		fmt.Fprintf(&crowd, "state.map(\"m%d\") ", i)
	}
	for what, c := range map[string]struct {
		src  Source
		want string
	}{
		"error":    {migrate("error('no')"), "error: migrate: shop.lua:"},
		"fail":     {migrate("fail('mine', 'why')"), "mine: migrate: why"},
		"limit":    {migrate("while true do end"), "limit: migrate: "},
		"result":   {migrate("return function() end"), "error: migrate: "},
		"syntax":   {Source{"s.lua", []byte("return {{\n")}, "refused: s.lua:"},
		"version":  {shop(1, declare, ""), "version: "},
		"name":     {Default(), "refused: kv.lua: this machine is kv, the one that runs is shop"},
		"kind":     {shop(2, mapA+` state.map("v")`, ""), "refused: 'v' is a map in one version"},
		"crowd":    {shop(2, mapA+crowd.String(), ""), "refused: state: too many collections"},
		"too long": {Source{"s.lua", make([]byte, sandbox.MaxSource+1)}, "bad_arguments: @push: "},
	} {
		t.Run(what, func(t *testing.T) {
			l.wantNoTrace(pushOver(t, l.Machine, c.src), c.want)
		})
	}
	data, err := EncodePush(migrate(""), sha256.Sum256(nil))
	l.wantNoTrace(must(t, data, err), "outdated: shop v1")
	l.want(encode(t, "set", "z", 1), "1")
	data, err = EncodeCall(pushCommand, "x", "y", -1, 3)
	l.wantNoTrace(must(t, data, err), "bad_arguments: @push: a number is not an integer")
	data, err = EncodeCall(rollbackCommand, "short")
	l.wantNoTrace(must(t, data, err), "bad_arguments: @rollback: a hash of 5 bytes, want 32")
	data, err = EncodeCall(rollbackCommand, make([]byte, 32), 1)
	l.wantNoTrace(must(t, data, err), "bad_arguments: @rollback: there are more arguments")
	data, err = EncodeCall("@nothing")
	l.wantNoTrace(must(t, data, err), "unknown_command: shop has no '@nothing'")

	l.do(pushOver(t, l.Machine, shop(2, declare,
		`rollback = function() b:set(1, 1) a:set("x", nil) error("stay") end`)))
	l.wantNoTrace(rollbackOf(t, l.Machine), "error: rollback: shop.lua:")
}

func TestHistoryIsBounded(t *testing.T) {
	l := newLiving(t, Default())
	l.do(install(t, shop(1, mapA, "")))
	for version := 2; version <= 12; version++ {
		l.want(pushOver(t, l.Machine, shop(version, mapA, "")), `{"hash":"`)
	}
	for range MaxPast {
		l.want(rollbackOf(t, l.Machine), `{"hash":"`)
	}
	l.wantNoTrace(rollbackOf(t, l.Machine), "no_history: ")
	if l.Version() != 4 {
		t.Errorf("got version %d, want 4", l.Version())
	}
	padding := "--" + strings.Repeat("x", sandbox.MaxSource-2000) + "\n"
	for version := 5; version <= 12; version++ {
		l.want(pushOver(t, l.Machine, shop(version, padding+mapA, "")), `{"hash":"`)
	}
	if got := len(l.now.Load().past); got != MaxPastBytes/sandbox.MaxSource {
		t.Errorf("got %d long scripts in the history", got)
	}
	if err := newLiving(t, Default()).Restore(bytes.NewReader(snapshotOf(t, l.Machine))); err != nil {
		t.Error(err)
	}
}

func TestScriptAndRehearsal(t *testing.T) {
	l := newLiving(t, Default())
	ask := func(data []byte, err error) string {
		return shown1(t, l.Query(must(t, data, err)))
	}
	if got := ask(EncodeScript()); !strings.HasPrefix(got, "no_script: ") {
		t.Errorf("got %s", got)
	}
	one, two := shop(1, mapA, ""), shop(2, `local b = state.map("b") local a = state.map("b2")`,
		`migrate = function() for i = 1, 5 do b:set(i, ctx.time()) end end`)
	l.do(install(t, one))
	l.do(encode(t, "set", "x", 1))
	before := snapshotOf(t, l.Machine)
	hash1, hash2 := sha256.Sum256(one.Text), sha256.Sum256(two.Text)
	got := ask(EncodeRehearse(two))
	for _, want := range []string{
		`"after":{"b":5,"b2":0}`, `"before":{"a":1}`, `"hidden":{"a":1}`, `"from":1`, `"version":2`,
		fmt.Sprintf(`"hash":"%x"`, hash2), fmt.Sprintf(`"replaces":"%x"`, hash1), `"steps":`, `"memory":`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("rehearsal: got %s, want %s", got, want)
		}
	}
	for src, want := range map[string]string{
		string(one.Text): "version: ",
		"return {":       "refused: f.lua:1",
		string(shop(2, mapA,
			"migrate = function() a:set(1, 1) fail('no', 'x') end").Text): "no: migrate: x",
	} {
		if got := ask(EncodeRehearse(Source{"f.lua", []byte(src)})); !strings.HasPrefix(got, want) {
			t.Errorf("rehearsal: got %s, want %s", got, want)
		}
	}
	if !bytes.Equal(before, snapshotOf(t, l.Machine)) {
		t.Error("a rehearsal left a trace")
	}
	l.do(pushOver(t, l.Machine, two))
	got = ask(EncodeScript())
	for _, want := range []string{
		`"version":2`, `"index":3`, fmt.Sprintf(`"language":%d,`, sandbox.Version), `"source":"local b`,
		fmt.Sprintf(`"history":[{"hash":"%x","index":1,"version":1}]`, hash1),
	} {
		if !strings.Contains(got, want) {
			t.Errorf("script: got %s, want %s", got, want)
		}
	}
}

// TestLifeIsReplicated runs random histories with installs, pushes and rollbacks in them on a
// machine that lives through all of it, and on one that is restored now and then.
func TestLifeIsReplicated(t *testing.T) {
	pushes := 0
	for seed := range uint64(12) {
		rng := rand.New(rand.NewPCG(seed, 9))
		long, restored := newLiving(t, Default()).Machine, newLiving(t, busySource()).Machine
		for index := core.Index(1); index < 150; index++ {
			data := randomLife(t, rng, long)
			batch := []core.Entry{commandEntry(index, data)}
			was := long.Version()
			want := apply(t, long, batch)
			if long.Version() != was {
				pushes++
			}
			if got := apply(t, restored, batch); !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d, index %d: restored %v, replayed %v", seed, index, got, want)
			}
			if long.Digest() != restored.Digest() {
				t.Fatalf("seed %d, index %d: digests differ", seed, index)
			}
			if rng.IntN(8) != 0 {
				continue
			}
			body := snapshotOf(t, long)
			if !bytes.Equal(body, snapshotOf(t, restored)) {
				t.Fatalf("seed %d, index %d: snapshots differ", seed, index)
			}
			if rng.IntN(2) == 0 {
				restored = newLiving(t, Default()).Machine
			}
			if err := restored.Restore(bytes.NewReader(body)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if pushes < 100 {
		t.Errorf("only %d pushes and rollbacks took place", pushes)
	}
}

// randomLife is a call of the life cycle or of the machine, which may fail or not.
func randomLife(t *testing.T, rng *rand.Rand, m *Machine) []byte {
	declare := []string{mapA, mapA + ` local b = state.map("b")`, `local b = state.map("b") ` + mapA,
		mapA + ` local b, n = state.map("b"), state.value("n", 3)`}[rng.IntN(4)]
	more := []string{"", `migrate = function(from) for i = 1, 3 do a:set(i, math.random(9)) end end`,
		`migrate = function(from) a:set(ctx.index(), from) if from % 3 == 0 then error("3") end end`,
		`rollback = function(to) a:set("to", to) if to % 4 == 0 then fail("no", "4") end end`,
		`migrate = function() local function f() return 1 + f() end return f() end`,
	}[rng.IntN(5)]
	if strings.Contains(declare, `"b"`) && more == "" {
		more = `migrate = function(from) b:set(from, a:len()) emit("t", from) end`
	}
	next := shop(m.Version()+rng.IntN(3), declare, more)
	switch rng.IntN(12) {
	case 0:
		return install(t, shop(1+rng.IntN(2), declare, ""))
	case 1, 2, 3:
		return pushOver(t, m, next)
	case 4:
		return rollbackOf(t, m)
	case 5:
		return encode(t, "bad")
	case 6:
		data, err := EncodePush(next, sha256.Sum256(nil))
		return must(t, data, err)
	}
	return encode(t, "set", rng.IntN(5), rng.IntN(100))
}

// TestHeadOfSnapshotIsAsDrawn writes out what appendHead promises.
func TestHeadOfSnapshotIsAsDrawn(t *testing.T) {
	next := &tenure{program: &sandbox.Program{}, text: []byte("abc")}
	next.Version = 0x0203
	past := []edition{{index: 0x10, version: 0x11, text: []byte("de")}}
	want := "TLOCKLUA" + string([]byte{sandbox.Version, 0, 0, 0, 2, 0, 0, 0}) +
		"\x08\x07\x06\x05\x04\x03\x02\x01\x03\x02\x00\x00\x03\x00\x00\x00abc" +
		"\x10\x00\x00\x00\x00\x00\x00\x00\x11\x00\x00\x00\x02\x00\x00\x00de"
	if got := string(next.settle(0x0102030405060708, past).head); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := string((&tenure{}).settle(0, nil).head); got != want[:12]+"\x00\x00\x00\x00" {
		t.Errorf("without a script: got %q", got)
	}
}

// TestScriptDoesNotSeeItsFile installs one text under two names and restores it: what the script
// learns about its file as it loads is the same everywhere.
func TestScriptDoesNotSeeItsFile(t *testing.T) {
	text := []byte(`local _, said = pcall(function() error("x") end)
return { name = "m", version = 1, commands = { said = function() return said end } }`)
	a, b, c := newLiving(t, Default()), newLiving(t, Default()), newLiving(t, Default())
	a.do(install(t, Source{Name: "a.lua", Text: text}))
	b.do(install(t, Source{Name: "b.lua", Text: text}))
	if err := c.Restore(bytes.NewReader(snapshotOf(t, a.Machine))); err != nil {
		t.Fatal(err)
	}
	for _, l := range []*living{a, b, c} {
		l.want(encode(t, "said"), `"m.lua:1: x"`)
	}
	odd := Source{Name: "odd.lua", Text: []byte(`local _, said = pcall(function() error("x") end)
return { name = said:match("^[^.]+") .. "1", version = 1, commands = { f = function() end } }`)}
	c = newLiving(t, Default())
	c.wantNoTrace(install(t, odd), "refused: odd.lua:2: the name must not depend on what the file")
}
