package script

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remotetest"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
)

const hash1 = "0101010101010101010101010101010101010101010101010101010101010101"

// cluster answers as one does that runs a script of version 1 and takes the next.
func cluster(fail map[string]*core.Failure) *remotetest.Cluster {
	taken := map[string]any{"name": "kv", "version": 2, "hash": "22ff", "index": 9}
	return &remotetest.Cluster{Answer: func(call string) (any, error) {
		name := strings.Fields(strings.TrimPrefix(call, "query "))[0]
		if failure := fail[name]; failure != nil {
			return nil, failure
		}
		switch name {
		case "@script":
			return map[string]any{
				"name": "kv", "version": 1, "hash": hash1, "index": 2, "language": 1,
				"source": "return {}\n", "history": []any{
					map[string]any{"version": 0, "hash": "00ee", "index": 1},
				},
			}, nil
		case "@rehearse":
			return map[string]any{
				"name": "kv", "version": 2, "hash": "22ff", "index": 8, "from": 1, "replaces": hash1,
				"steps": 12, "memory": 345, "before": map[string]any{"kv": 3, "old": 1},
				"after": map[string]any{"kv": 3, "n": 1}, "hidden": map[string]any{"old": 1},
			}, nil
		case "@push", "@rollback":
			return taken, nil
		}
		return nil, fmt.Errorf("unexpected call %s", call)
	}}
}

func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "next.lua")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestScriptCommands(t *testing.T) {
	good, bad := script(t, string(scripting.Default().Text)), script(t, "return {\n")
	const (
		ok     = "OK version=2 hash=22ff index=9\n"
		report = "OK kv from=1 version=2 hash=22ff steps=12 memory=345\n" +
			"COLLECTION  BEFORE  AFTER\n" +
			"kv          3       3\n" +
			"n           -       1\n" +
			"old         1       1, kept out of reach\n"
	)
	failure := func(code string) *core.Failure { return &core.Failure{Code: code, Message: "why"} }
	for _, c := range []struct {
		name  string
		words []string
		fail  map[string]*core.Failure
		calls string // by their names
		want  remotetest.Outcome
	}{
		{"show", []string{"show"}, nil, "@script", remotetest.Outcome{Out: "" +
			"NAME    VERSION  INDEX  HASH\n" +
			"kv      1        2      " + hash1 + "\n" +
			"before  0        1      00ee\n"}},
		{"show as json", []string{"show", "--output", "json"}, nil, "@script", remotetest.Outcome{
			Out: `{"hash":"` + hash1 + `","history":[{"hash":"00ee","index":1,"version":0}],"index":2,` +
				`"language":1,"name":"kv","version":1}` + "\n"}},
		{"source", []string{"show", "--source"}, nil, "@script", remotetest.Outcome{Out: "return {}\n"}},
		{"nothing to show", []string{"show"}, map[string]*core.Failure{"@script": failure("no_script")},
			"@script", remotetest.Outcome{Code: exit.Failed,
				Out: `{"error":"no_script","message":"why"}` + "\n"}},
		{"check", []string{"check", good}, nil, "@rehearse", remotetest.Outcome{Out: report}},
		{"plan", []string{"push", good, "--plan"}, nil, "@rehearse", remotetest.Outcome{Out: report}},
		{"check as json", []string{"check", good, "--output", "json"}, nil, "@rehearse",
			remotetest.Outcome{Out: `{"after":{"kv":3,"n":1},"before":{"kv":3,"old":1},"from":1,` +
				`"hash":"22ff","hidden":{"old":1},"index":8,"memory":345,"name":"kv","replaces":"` + hash1 +
				`","steps":12,"version":2}` + "\n"}},
		{"push", []string{"push", good}, nil, "@rehearse @push", remotetest.Outcome{Out: ok}},
		{"push as json", []string{"push", "--output", "json", good}, nil, "@rehearse @push",
			remotetest.Outcome{Out: `{"hash":"22ff","index":9,"name":"kv","version":2}` + "\n"}},
		{"migrate fails", []string{"push", good}, map[string]*core.Failure{"@rehearse": failure("mine")},
			"@rehearse", remotetest.Outcome{Code: exit.Refused,
				Out: `{"error":"mine","message":"why"}` + "\n"}},
		{"migrate fails in the end", []string{"push", good},
			map[string]*core.Failure{"@push": failure("limit")}, "@rehearse @push",
			remotetest.Outcome{Code: exit.Refused, Out: `{"error":"limit","message":"why"}` + "\n"}},
		{"somebody else was first", []string{"push", good},
			map[string]*core.Failure{"@push": failure("outdated")}, "@rehearse @push",
			remotetest.Outcome{Code: exit.Failed, Out: `{"error":"outdated","message":"why"}` + "\n"}},
		{"rollback", []string{"rollback"}, nil, "@script @rollback", remotetest.Outcome{Out: ok}},
		{"no history", []string{"rollback"}, map[string]*core.Failure{"@rollback": failure("no_history")},
			"@script @rollback", remotetest.Outcome{Code: exit.Failed,
				Out: `{"error":"no_history","message":"why"}` + "\n"}},
		{"bad script", []string{"push", bad}, nil, "", remotetest.Outcome{Code: exit.Refused,
			Out: `{"error":"refused","message":"next.lua:1: syntax error at the end of the script"}` +
				"\n"}},
		{"no file", []string{"push"}, nil, "", remotetest.Outcome{Code: exit.Usage,
			Err: "prog: push: 0 arguments given, want FILE\nTry: prog --help\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cluster := cluster(c.fail)
			got := cluster.Run(t, New, "", append([]string{"script"}, c.words...)...)
			if names := names(cluster); got != c.want || names != c.calls {
				t.Errorf("got  %+v by %s\nwant %+v by %s", got, names, c.want, c.calls)
			}
		})
	}
}

// names are those of the calls that came.
func names(c *remotetest.Cluster) string {
	var names []string
	for _, call := range c.Calls {
		names = append(names, strings.Fields(strings.TrimPrefix(call, "query "))[0])
	}
	return strings.Join(names, " ")
}

func TestMissingFileIsUsage(t *testing.T) {
	cluster := cluster(nil)
	got := cluster.Run(t, New, "", "script", "push", filepath.Join(t.TempDir(), "none.lua"))
	if got.Code != exit.Usage || !strings.Contains(got.Err, "no such file") || len(cluster.Calls) > 0 {
		t.Errorf("got %+v, %q", got, cluster.Calls)
	}
}
