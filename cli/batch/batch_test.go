package batch

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remotetest"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/client"
)

const input = `# three keys
put x 1
  put "a key" 'its "value"'

get x
call cas x 1 2
query len
del x
set y 1
`

const output = `OK leader=1 index=1
OK leader=1 index=2
1
{"error":"conflict","message":"no","line":6}
7
OK leader=1 index=6
{"error":"usage","message":"there is no command \"set\" in a batch; there are: put, get, del, ` +
	`call, query","line":9}
`

func clusterForTest() *remotetest.Cluster {
	return &remotetest.Cluster{Answer: func(call string) (any, error) {
		switch {
		case strings.HasPrefix(call, "cas"):
			return nil, &core.Failure{Code: "conflict", Message: "no"}
		case strings.HasPrefix(call, "query get"):
			return "1", nil
		case strings.HasPrefix(call, "query len"):
			return 7, nil
		}
		return nil, nil
	}}
}

func TestBatchRunsEachLine(t *testing.T) {
	cluster := clusterForTest()
	got := cluster.Run(t, New, input, "batch", "-")
	if want := (remotetest.Outcome{Code: exit.Failed, Out: output}); got != want {
		t.Errorf("got code %d %q\n%s\nwant\n%s", got.Code, got.Err, got.Out, want.Out)
	}
	want := []string{`put ["x","1"]`, `put ["a key","its \"value\""]`, `query get ["x"]`,
		`cas ["x",1,2]`, `query len []`, `del ["x"]`}
	if !slices.Equal(cluster.Calls, want) || cluster.Closed != 1 {
		t.Errorf("got calls %q, want %q", cluster.Calls, want)
	}
}

func TestStopOnErrorStops(t *testing.T) {
	file := filepath.Join(t.TempDir(), "batch")
	if err := os.WriteFile(file, []byte(input), 0o600); err != nil {
		t.Fatal(err)
	}
	cluster := clusterForTest()
	got := cluster.Run(t, New, "", "batch", file, "--stop-on-error")
	want := output[:strings.Index(output, "7\n")]
	if got.Code != exit.Failed || got.Out != want || len(cluster.Calls) != 4 {
		t.Errorf("got %+v after %d calls, want %s", got, len(cluster.Calls), want)
	}
}

func TestExitCodeIsThatOfTheFirstError(t *testing.T) {
	cluster := &remotetest.Cluster{Answer: func(call string) (any, error) {
		return nil, &client.NotLeader{Leader: 3}
	}}
	got := cluster.Run(t, New, "put x 1\nset\n", "batch", "-")
	if got.Code != exit.NotLeader {
		t.Errorf("got %+v", got)
	}
}

func TestInputThatCannotBeRead(t *testing.T) {
	got := clusterForTest().Run(t, New, "", "batch", "/there/is/none")
	if got.Code != exit.Usage || !strings.Contains(got.Out, "no such file") {
		t.Errorf("got %+v", got)
	}
	long := "get x\nput x " + strings.Repeat("a", maxLineBytes)
	got = clusterForTest().Run(t, New, long, "batch", "-")
	want := "1\n" + `{"error":"usage","message":"read -: the line is longer than 1048576 bytes",` +
		`"line":2}` + "\n"
	if got.Code != exit.Usage || got.Out != want {
		t.Errorf("got %+v", got)
	}
}

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		line string
		want []string
	}{
		{"", nil},
		{" \t ", nil},
		{" # put x", nil},
		{"a  b\tc\r", []string{"a", "b", "c"}},
		{"a#b #c", []string{"a#b", "#c"}},
		{`'a b'"c d"e`, []string{"a bc de"}},
		{`"" ''`, []string{"", ""}},
		{`"a\"b" 'a\b' a\ b \\`, []string{`a"b`, `a\b`, "a b", `\`}},
	} {
		if got, err := split(c.line); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q: got %q, %v; want %q", c.line, got, err, c.want)
		}
	}
	for line, want := range map[string]string{
		`a "b`: `a quote " is not closed`,
		`'`:    `a quote ' is not closed`,
		`a \`:  `a backslash at the end of the line`,
	} {
		if _, err := split(line); !errors.Is(err, exit.ErrUsage) || err.Error() != want {
			t.Errorf("%q: got %v, want %s", line, err, want)
		}
	}
}

// FuzzSplit: words that are quoted come back as they were.
func FuzzSplit(f *testing.F) {
	f.Add("put", "a b")
	f.Add("", `\"'#`)
	f.Fuzz(func(t *testing.T, a, b string) {
		a, b = strings.ToValidUTF8(a, "?"), strings.ToValidUTF8(b, "?")
		quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
		line := `"` + quote.Replace(a) + `" "` + quote.Replace(b) + `"`
		if got, err := split(line); err != nil || !slices.Equal(got, []string{a, b}) {
			t.Errorf("%q: got %q, %v", line, got, err)
		}
		_, _ = split(a) // must not panic
	})
}
