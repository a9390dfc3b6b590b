package check

import (
	"context"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
)

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		words []string
		code  exit.Code
		out   string
		err   string
	}{
		{[]string{"../../examples/invoice/invoice.lua"}, exit.OK, "", ""},
		{[]string{"--output", "json", "../../scripting/machines/kv.lua"}, exit.OK, "[]\n", ""},
		{[]string{"testdata/refused.lua"}, exit.Refused,
			"testdata/refused.lua:4: assignment to 'count', a variable from outside the function that " +
				"would outlive the command; keep what must last in state.map or state.value\n" +
				"testdata/refused.lua:5: os.time is not available: ctx.time() is the time of the " +
				"command, in milliseconds\n" +
				"testdata/refused.lua:6: the returned table has no version; add version = 1\n" +
				"testdata/refused_part.lua:2: undefined variable 'unknown'; define it with 'local' " +
				"before its use\n", ""},
		{[]string{"testdata/warned.lua"}, exit.OK,
			"testdata/warned.lua:1: warning: no command or query uses the collection 'unused'\n", ""},
		{[]string{"testdata/warned.lua", "--output=json"}, exit.OK,
			`[{"file":"testdata/warned.lua","line":1,"severity":"warning",` +
				`"message":"no command or query uses the collection 'unused'"}]` + "\n", ""},
		{[]string{"testdata/lines.lua"}, exit.Refused, "testdata/lines.lua:1: two lines\n", ""},
		{nil, exit.Usage, "", "check: 0 arguments given, want SCRIPT"},
		{[]string{"a", "b"}, exit.Usage, "", "check: 2 arguments given"},
		{[]string{"a", "--output", "xml"}, exit.Usage, "", "--output is \"xml\""},
		{[]string{"testdata/none.lua"}, exit.Usage, "", "read script: open testdata/none.lua"},
	} {
		var out, err strings.Builder
		s := program.Streams{Out: &out, Err: &err}
		root := &cli.Command{Name: "p", Subcommands: []*cli.Command{New(s)}}
		code := program.Run(context.Background(), s, root, append([]string{"p", "check"}, c.words...))
		if code != c.code || out.String() != c.out || !strings.Contains(err.String(), c.err) ||
			(c.err == "") != (err.Len() == 0) {
			t.Errorf("%q: got  %d %s%s\nwant %d %s%s", c.words, code, out.String(), err.String(),
				c.code, c.out, c.err)
		}
	}
}
