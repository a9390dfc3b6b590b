package run

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
	"github.com/tidelock-raft/tidelock/scripting"
)

func runLine(t *testing.T, input string, words ...string) (exit.Code, string, string) {
	t.Helper()
	var out, err strings.Builder
	s := program.Streams{In: strings.NewReader(input), Out: &out, Err: &err}
	root := &cli.Command{Name: "p", Subcommands: []*cli.Command{New(s)}}
	code := program.Run(context.Background(), s, root, append([]string{"p", "run"}, words...))
	return code, out.String(), err.String()
}

const counter = "testdata/counter.lua"

// cost is what the meter and the digest say: other tests look at them.
var cost = regexp.MustCompile(`,?"gas":\d+,"bytes":\d+,"digest":"[0-9a-f]{16}"`)

// TestEachLineHasItsOutcome also goes on from a snapshot after every line: nothing may change.
func TestEachLineHasItsOutcome(t *testing.T) {
	for _, c := range []struct {
		what, in, out string
		code          exit.Code
	}{
		{"nothing", "", "", exit.OK},
		{"blank lines", "\n \n", "", exit.OK},
		{"commands and queries", `["add",2]` + "\n" + ` ["add", 3]` + "\r\n" + `{"query":["get"]}`,
			`{"result":2}|{"result":5}|{"result":5}`, exit.OK},
		{"failures leave no trace", `["fail"]|{"query":["get"]}`,
			`{"error":{"code":"no","message":"not \"now\" <b>"}}|{"result":0}`, exit.OK},
		{"what the machine has not", `["get"]|{"query":["add",1]}|["add",1,2]`,
			`{"error":{"code":"unknown_command","message":"counter has no 'get'"}}|` +
				`{"error":{"code":"unknown_query","message":"counter has no 'add'"}}|` +
				`{"error":{"code":"bad_arguments","message":"add takes 1 arguments, got 2"}}`, exit.OK},
		{"the clock", `["time"]|["time"]|{"query":["get"]}|["time"]|{"time":60000}|["time"]|` +
			`{"time":70000,"query":["get"]}|["time"]`,
			`{"result":0}|{"result":1}|{"result":0}|{"result":3}|{"result":null}|{"result":60000}|` +
				`{"result":0}|{"result":70001}`, exit.OK},
		{"values", `["values"]|["mixed"]|["infinite"]`,
			`{"result":[1.5,"é",true,[],{"a":1},"<&>"]}|{"result":{"1":"y","[1]":"x"}}|` +
				`{"result":"[+Inf]"}`, exit.OK},
		{"timers fire at their time", `["later",100]|{"time":100}|{"query":["get"]}|["add",1]`,
			`{"result":null}|{"result":null}|{"result":10}|{"result":11,` +
				`"events":[{"topic":"told","value":{"at":101,"n":10}}]}`, exit.OK},
		{"events", `["tell"]|["add",0]`,
			`{"result":null,"events":[{"topic":"told","value":{"at":0,"n":0}}]}|{"result":0}`, exit.OK},
		{"a timer that sets itself anew", `["again"]|["add",1]`, `{"result":null}|{"result":1}`, exit.OK},
		{"a broken invariant", `["add",-3]|{"query":["get"]}|["add",3]`,
			`{"error":{"code":"invariant","message":"error: n is -3"}}|` +
				`{"result":-3}|{"result":0}`, exit.Failed},
	} {
		for _, words := range [][]string{{counter}, {counter, "--restore-between"}} {
			code, out, err := runLine(t, strings.ReplaceAll(c.in, "|", "\n"), words...)
			out = strings.ReplaceAll(cost.ReplaceAllString(out, ""), "\n", "|")
			if strings.TrimSuffix(out, "|") != c.out || code != c.code || err != "" {
				t.Errorf("%s %q:\ngot  %d %s%s\nwant %d %s", c.what, words, code, out, err, c.code, c.out)
			}
		}
	}
}

func TestBadLinesChangeNothing(t *testing.T) {
	for _, line := range []string{
		`add`, `"add"`, `1`, `null`, `{}`, `[]`, `[1]`, `["add",1`, `["add",1] 2`, `["add",1]["add",1]`,
		`{"query":[]}`, `{"query":"get"}`, `{"query":["get"],"limit":1}`, `{"time":"now"}`,
		`{"time":-1}`, `{"time":1.5}`, `{"time":9223372036854775807}`, `["add",9007199254740993]`,
		`["no name"]`, `["` + strings.Repeat("x", 100) + `"]`, `{"time":null}`, `{"query":null}`,
	} {
		code, out, _ := runLine(t, line+"\n[\"add\",1]\n", counter)
		bad, good, _ := strings.Cut(out, "\n")
		if code != exit.Failed || !strings.HasPrefix(bad, `{"error":{"code":"bad_line","message":"`) ||
			!strings.HasPrefix(good, `{"result":1,`) {
			t.Errorf("%s: got %d %s", line, code, out)
		}
	}
	code, _, err := runLine(t, strings.Repeat(" ", maxLine+1), counter)
	if code != exit.Failed || !strings.Contains(err, "read calls") {
		t.Errorf("a line without end: got %d %s", code, err)
	}
}

// TestCostAndDigest: what a call costs does not depend on what was before it, and the digest names
// the state.
func TestCostAndDigest(t *testing.T) {
	_, out, _ := runLine(t, strings.Repeat("[\"add\",0]\n", 2)+"{\"query\":[\"get\"]}\n[\"add\",1]\n"+
		"[\"fail\"]\n{}\n[\"add\",-1]\n", counter)
	var lines []outcome
	for line := range strings.Lines(out) {
		var o outcome
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, o)
	}
	first, same, query, other, failed, bad, back := lines[0], lines[1], lines[2], lines[3], lines[4],
		lines[5], lines[6]
	switch {
	case first.Gas <= 0 || first.Gas != same.Gas || first.Bytes != same.Bytes:
		t.Errorf("the same command: %+v, %+v", first, same)
	case query.Gas <= 0 || query.Gas >= first.Gas || failed.Gas <= 0 || bad.Gas != 0:
		t.Errorf("got %s", out)
	case query.Digest != same.Digest || other.Digest == same.Digest || failed.Digest != other.Digest:
		t.Errorf("digests: %s", out)
	case back.Result == nil || bad.Digest != failed.Digest:
		t.Errorf("a bad line: %s", out)
	}
}

// TestRestoreBetweenChangesNothing runs random calls on every example.
func TestRestoreBetweenChangesNothing(t *testing.T) {
	scripts, err := filepath.Glob("../../examples/*/*.txt")
	if err != nil || len(scripts) < 3 {
		t.Fatalf("found %d examples, error %v", len(scripts), err)
	}
	const calls = 60
	for i := range scripts {
		scripts[i] = strings.TrimSuffix(scripts[i], ".txt") + ".lua"
	}
	for _, script := range append(scripts, counter, "../../scripting/machines/kv.lua") {
		t.Run(filepath.Base(script), func(t *testing.T) {
			input := randomCalls(t, script, calls)
			code, straight, _ := runLine(t, input, script)
			restored, between, _ := runLine(t, input, script, "--restore-between")
			if straight != between || code != restored || strings.Count(straight, "\n") != calls {
				t.Errorf("codes %d and %d\n%s", code, restored, firstDifference(input, straight, between))
			}
		})
	}
}

func randomCalls(t *testing.T, script string, n int) string {
	t.Helper()
	src, err := scripting.ReadSource(script)
	if err != nil {
		t.Fatal(err)
	}
	machine, err := scripting.New(src, scripting.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer machine.Close()
	rng := rand.New(rand.NewPCG(1, 2))
	arguments := []string{`"a"`, `"b"`, `"c"`, `1`, `2`, `5`, `100`, `"10.00"`, `[1,{"x":2}]`, `null`}
	var b strings.Builder
	for range n {
		names, form := machine.Commands(), "%s\n"
		if rng.IntN(4) == 0 && len(machine.Queries()) > 0 {
			names, form = machine.Queries(), "{\"query\":%s}\n"
		}
		name := names[rng.IntN(len(names))]
		if name == "again" { // fires as often as it can: once is tested elsewhere
			name = "tell"
		}
		call := fmt.Sprintf("[%q", name)
		for range rng.IntN(4) {
			call += "," + arguments[rng.IntN(len(arguments))]
		}
		fmt.Fprintf(&b, form, call+"]")
	}
	return b.String()
}

func firstDifference(calls, a, b string) string {
	in, one, two := strings.Split(calls, "\n"), strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(one), len(two), len(in)) {
		if one[i] != two[i] {
			return fmt.Sprintf("line %d %s:\n%s\n%s", i+1, in[i], one[i], two[i])
		}
	}
	return "one is longer"
}

func TestScriptsThatDoNotLoadAreRefused(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.lua")
	if err := os.WriteFile(bad, []byte("return 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		words []string
		code  exit.Code
		want  string
	}{
		{[]string{bad}, exit.Refused, "p: bad.lua:1: the script returns a number"},
		{[]string{bad + "x"}, exit.Usage, "p: read script: open "},
		{nil, exit.Usage, "p: run: 0 arguments given, want SCRIPT"},
		{[]string{bad, bad}, exit.Usage, "p: run: 2 arguments given"},
	} {
		code, out, err := runLine(t, "[\"f\"]\n", c.words...)
		if code != c.code || out != "" || !strings.HasPrefix(err, c.want) {
			t.Errorf("%q: got %d %q %q", c.words, code, out, err)
		}
	}
}
