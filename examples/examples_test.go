package examples

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
	"github.com/tidelock-raft/tidelock/scripting/luatest"
)

// TestExamplesDoWhatTheirTranscriptsSay runs NAME/NAME.txt against NAME/NAME.lua.
func TestExamplesDoWhatTheirTranscriptsSay(t *testing.T) {
	transcripts, err := filepath.Glob("*/*.txt")
	if err != nil || len(transcripts) < 3 {
		t.Fatalf("found %d transcripts, error %v", len(transcripts), err)
	}
	for _, path := range transcripts {
		t.Run(path, func(t *testing.T) {
			script := strings.TrimSuffix(path, ".txt") + ".lua"
			source, err := scripting.ReadSource(script)
			if err != nil {
				t.Fatal(err)
			}
			machine, err := scripting.New(source, scripting.Config{})
			if err != nil {
				t.Fatal(err)
			}
			defer machine.Close()
			transcript, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			run(t, machine, strings.Split(string(transcript), "\n"))
		})
	}
}

// TestExamplesPassTheirTests runs NAME/NAME_test.lua, which every NAME/NAME.lua has, and random
// commands of its workload.
func TestExamplesPassTheirTests(t *testing.T) {
	scripts, err := filepath.Glob("*/*.lua")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range scripts {
		folder, name := filepath.Split(path)
		if name != filepath.Base(folder)+".lua" {
			continue
		}
		t.Run(path, func(t *testing.T) {
			f, err := luatest.Load(luatest.Beside(path))
			if err != nil {
				t.Fatal(err)
			}
			for _, test := range f.Tests {
				if err := f.Run(test, func(line string) { t.Log(line) }); err != nil {
					t.Errorf("%s: %v", test.Name, err)
				}
			}
			if _, err := f.Random(500, 1); err != nil {
				t.Error(err)
			}
		})
	}
}

// run does what the lines say: time MS, call NAME ARGS, query NAME ARGS, and what must come back
// as = VALUE or ! CODE: MESSAGE.
func run(t *testing.T, m *scripting.Machine, lines []string) {
	var index core.Index
	var now int64
	var got string
	for i, line := range lines {
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "", "#":
		case "time":
			ms, err := strconv.ParseInt(rest, 10, 64)
			if err != nil {
				t.Fatalf("line %d: %v", i+1, err)
			}
			now = ms * 1e6
		case "call":
			index++
			entry := core.Entry{
				Position: core.Position{Term: 1, Index: index}, Kind: core.EntryCommand,
				Time: now, Data: request(t, rest),
			}
			results, err := m.Apply(nil, []core.Entry{entry})
			if err != nil {
				t.Fatalf("line %d: %v", i+1, err)
			}
			got = describe(t, results[0])
			if failure := m.Invariant(); failure != nil {
				t.Fatalf("line %d: invariant: %v", i+1, failure)
			}
		case "query":
			got = describe(t, m.Query(request(t, rest)))
		default:
			if got != line {
				t.Errorf("line %d: got %s, want %s", i+1, got, line)
			}
		}
	}
}

func request(t *testing.T, call string) []byte {
	t.Helper()
	name, list, _ := strings.Cut(call, " ")
	var arguments []any
	if err := json.Unmarshal([]byte(list), &arguments); err != nil {
		t.Fatalf("%s: %v", call, err)
	}
	data, err := scripting.EncodeCall(name, arguments...)
	if err != nil {
		t.Fatalf("%s: %v", call, err)
	}
	return data
}

func describe(t *testing.T, r core.Result) string {
	t.Helper()
	if r.Failure != nil {
		return "! " + r.Failure.Error()
	}
	value, err := scripting.DecodeValue(r.Value)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return "= " + string(text)
}
