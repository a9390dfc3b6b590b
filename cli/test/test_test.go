package test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
)

func command(ctx context.Context, words ...string) (code exit.Code, out, err string) {
	var stdout, stderr strings.Builder
	s := program.Streams{Out: &stdout, Err: &stderr}
	root := &cli.Command{Name: "p", Subcommands: []*cli.Command{New(s)}}
	code = program.Run(ctx, s, root, append([]string{"p", "test"}, words...))
	return code, stdout.String(), stderr.String()
}

const (
	good = "testdata/good/counter_test.lua"
	bad  = "testdata/bad/counter_test.lua"
)

func TestTest(t *testing.T) {
	for _, c := range []struct {
		words string
		code  exit.Code
		out   string
		err   string
	}{
		{good, exit.OK, "ok    " + good + ": 2 of 2 tests\n2 passed, 0 failed\n", ""},
		{"testdata/good/counter.lua testdata/good " + good, exit.OK,
			"ok    " + good + ": 2 of 2 tests\n2 passed, 0 failed\n", ""},
		{good + " -v", exit.OK, "ok    " + good + ": it adds\nok    " + good +
			": it begins with nothing\n      before\t0\n2 passed, 0 failed\n", ""},
		{good + " --run begins -v", exit.OK, "ok    " + good +
			": it begins with nothing\n      before\t0\n1 passed, 0 failed\n", ""},
		{good + " --random 20", exit.OK, "ok    " + good + ": 2 of 2 tests\nok    " + good +
			": random: 20 ok\n3 passed, 0 failed\n", ""},
		{bad, exit.Failed, "FAIL  " + bad + ": it adds too much\n      {1, 2}\n      " + bad +
			":6: got 2, want 3\n1 passed, 1 failed\n", ""},
		{bad + " --random 20 --seed 9 --run adds$", exit.Failed, "ok    " + bad +
			": 1 of 2 tests\nFAIL  " + bad + ": random\n" +
			"      the invariant does not hold: error: too much\n" +
			"        seed 9, 20 commands, of which these are enough:\n" +
			strings.Repeat("          t.call(\"add\", 10)\n", 5) + "1 passed, 1 failed\n", ""},
		{"testdata/bad testdata/refused", exit.Refused, "FAIL  " + bad + ": it adds too much\n" +
			"      {1, 2}\n      " + bad + ":6: got 2, want 3\nFAIL  testdata/refused/one_test.lua\n" +
			"      testdata/refused/one.lua:1: the script returns a number; it must return a table like " +
			"{name = ..., version = 1, commands = {...}, queries = {...}}\n1 passed, 2 failed\n", ""},
		{good + " --run nowhere", exit.Usage, "", "test: no test is called like that"},
		{good + " --run [", exit.Usage, "", "--run: error parsing regexp"},
		{good + " --random -1", exit.Usage, "", "--random is -1, want 0 to 1000000"},
		{good + " --output xml", exit.Usage, "", "--output is \"xml\", want table or json"},
		{"testdata/none", exit.Usage, "", "stat testdata/none: "},
		{"testdata/.hidden/none.lua", exit.Usage, "", "stat testdata/.hidden/none.lua: "},
		{"test_test.go", exit.Usage, "", "the tests of test_test.go: stat test_test.go_test.lua: "},
		{"../version", exit.Usage, "", "there is no *_test.lua in ../version"},
	} {
		code, out, err := command(t.Context(), strings.Fields(c.words)...)
		if code != c.code || out != c.out || !strings.Contains(err, c.err) ||
			(c.err == "") != (err == "") {
			t.Errorf("%s:\ngot  %d %s%s\nwant %d %s%s", c.words, code, out, err, c.code, c.out, c.err)
		}
	}
}

func TestJSON(t *testing.T) {
	code, out, _ := command(t.Context(), "testdata", "--output", "json", "--random", "10")
	var rows []map[string]any
	if err := json.Unmarshal([]byte(out), &rows); err != nil || code != exit.Refused {
		t.Fatalf("code %d, %v: %s", code, err, out)
	}
	var got []string
	for _, r := range rows {
		got = append(got, r["outcome"].(string)+" "+r["test"].(string))
	}
	want := "ok it adds,failed it adds too much,failed random," +
		"ok it adds,ok it begins with nothing,ok random,refused "
	if strings.Join(got, ",") != want {
		t.Errorf("got  %q\nwant %s", got, want)
	}
	for i, want := range []string{
		`{"file":"testdata/bad/counter_test.lua","line":3,"outcome":"ok","test":"it adds"}`,
		`{"file":"testdata/bad/counter_test.lua","line":4,"message":"testdata/bad/counter_test.lua:6: ` +
			`got 2, want 3","outcome":"failed","printed":["{1, 2}"],"test":"it adds too much"}`,
		``, ``, ``,
		`{"file":"testdata/good/counter_test.lua","outcome":"ok","tally":{"ok":10},"test":"random"}`,
	} {
		if row, _ := json.Marshal(rows[i]); want != "" && string(row) != want {
			t.Errorf("row %d: got %s, want %s", i, row, want)
		}
	}
}

// TestInterrupted ends between two tests.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if code, out, _ := command(ctx, good); code != exit.Unavailable || out != "" {
		t.Errorf("got %d %s", code, out)
	}
}
