package plugins

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
	_ "github.com/tidelock-raft/tidelock/plugins/standard"
)

func runLine(t *testing.T, words ...string) (exit.Code, string, string) {
	t.Helper()
	var out, err strings.Builder
	s := program.Streams{Out: &out, Err: &err}
	root := &cli.Command{Name: "p", Subcommands: []*cli.Command{New(s)}}
	code := program.Run(context.Background(), s, root, append([]string{"p", "plugins"}, words...))
	return code, out.String(), err.String()
}

func TestListShowsEveryPluginWithItsOptions(t *testing.T) {
	code, out, _ := runLine(t)
	for _, want := range []string{
		"transport tcp\n", "store memory\nstore pebble\n", "machine lua\n",
		"  segment             bytes     64MiB  length of a segment file\n",
	} {
		if !strings.Contains(squeeze(out), squeeze(want)) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if code != exit.OK {
		t.Errorf("got code %d", code)
	}
}

// squeeze makes runs of blanks one blank.
func squeeze(s string) string {
	for strings.Contains(s, "  ") {
		s = strings.ReplaceAll(s, "  ", " ")
	}
	return s
}

func TestListIsJSONForPrograms(t *testing.T) {
	_, out, _ := runLine(t, "--output", "json")
	var list []plugin
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) < 7 || list[0].Kind != "transport" || list[len(list)-1].Kind != "machine" {
		t.Errorf("got %s", out)
	}
}

func TestUsage(t *testing.T) {
	for _, words := range [][]string{{"x"}, {"--output", "xml"}} {
		if code, _, text := runLine(t, words...); code != exit.Usage || text == "" {
			t.Errorf("%q: got code %d, %s", words, code, text)
		}
	}
}
