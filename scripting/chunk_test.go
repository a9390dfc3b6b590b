package scripting

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// Chunk files hold many small scripts, parted by lines of dashes. Comments say what is expected:
//
//	-- want: JSON              the result of the command
//	-- fails: code: text       its failure: the code, and a part of the message
//	-- refused: line: text     New's *ScriptError: the line, and a part of the message
//
// The texts may leave out parts as " ... ". A chunk that is not a whole script (it has no line that
// begins with "return { ") is the body of a command, with the maps kv and other to write to.
const (
	wrapBefore = `local kv, other = state.map("kv"), state.map("other") ` +
		`return {name = "chunk", version = 1, commands = {run = function(...) `
	wrapAfter = "\nend}}"
)

type chunk struct {
	file, script string
	line         int
	whole        bool
	want         map[string]string
}

func chunksOf(tb testing.TB, file string) (all []chunk) {
	tb.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	line := 1
	for _, part := range strings.Split(string(b), "\n----\n") {
		c := chunk{file: file, line: line, script: part, want: map[string]string{}}
		for _, l := range strings.Split(part, "\n") {
			c.whole = c.whole || strings.HasPrefix(l+" ", "return { ")
			for _, kind := range []string{"want", "fails", "refused"} {
				if rest, ok := strings.CutPrefix(strings.TrimSpace(l), "-- "+kind+": "); ok {
					c.want[kind] = rest
				}
			}
		}
		all = append(all, c)
		line += strings.Count(part, "\n") + 2
	}
	return all
}

func TestChunks(t *testing.T) {
	files, err := filepath.Glob("testdata/*.lua")
	if err != nil || len(files) == 0 {
		t.Fatal("no chunk files", err)
	}
	for _, file := range files {
		for _, c := range chunksOf(t, file) {
			t.Run(fmt.Sprintf("%s:%d", filepath.Base(c.file), c.line), c.test)
		}
	}
}

func (c chunk) test(t *testing.T) {
	text := c.script
	if !c.whole {
		text = wrapBefore + text + wrapAfter
	}
	m, err := New(Source{Name: "test.lua", Text: []byte(text)}, Config{})
	if want, ok := c.want["refused"]; ok || err != nil {
		var refused *ScriptError
		if !errors.As(err, &refused) {
			t.Fatalf("got error %v, want refused: %s", err, want)
		}
		if got := fmt.Sprintf("%d: %s", refused.Line, refused.Message); !matches(got, want) {
			t.Fatalf("got refused: %s\nwant refused: %s", got, want)
		}
		return
	}
	before := m.Digest()
	results, err := m.Apply(nil, []core.Entry{commandEntry(7, encode(t, "run"))})
	if err != nil {
		t.Fatal(err)
	}
	if results[0].Failure != nil && m.Digest() != before {
		t.Error("the failed command left a trace")
	}
	c.judge(t, results[0])
}

// judge compares the result of a command with what the chunk expects.
func (c chunk) judge(t *testing.T, r core.Result) {
	t.Helper()
	if f := r.Failure; f != nil {
		if want, ok := c.want["fails"]; !ok || !matches(f.Error(), want) {
			t.Fatalf("got fails: %.300s\nwant fails: %s (or %s)", f, want, c.want["want"])
		}
		return
	}
	got := show(t, r.Value)
	if want, ok := c.want["want"]; !ok || got != want {
		t.Fatalf("got want: %s\nwant want: %s%s", got, want, c.want["fails"])
	}
}

// matches demands that got begins with the first word of want, and contains the others.
func matches(got, want string) bool {
	head, rest, _ := strings.Cut(want, " ")
	for _, part := range strings.Split(" "+rest, " ... ") {
		if !strings.Contains(got, strings.TrimSpace(part)) {
			return false
		}
	}
	return want != "" && strings.HasPrefix(got, head)
}

func show(tb testing.TB, data []byte) string {
	tb.Helper()
	v, err := DecodeValue(data)
	if err != nil {
		tb.Fatalf("result %x: %v", data, err)
	}
	b, err := json.Marshal(named(v))
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// named makes every key a string, as JSON wants them.
func named(v any) any {
	switch x := v.(type) {
	case []any:
		for i := range x {
			x[i] = named(x[i])
		}
	case map[string]any:
		for k := range x {
			x[k] = named(x[k])
		}
	case map[any]any:
		all := map[string]any{}
		for k, v := range x {
			all[fmt.Sprint(k)] = named(v)
		}
		return all
	}
	return v
}

func commandEntry(index core.Index, data []byte) core.Entry {
	return core.Entry{
		Position: core.Position{Term: 3, Index: index}, Kind: core.EntryCommand,
		Time: 1_700_000_000_000_000_000 + int64(index)*1_000_000, Data: data,
	}
}
