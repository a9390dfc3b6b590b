package args

import (
	"errors"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
)

func appForTest() *cli.App {
	target := &cli.IntFlag{Name: "target", Aliases: []string{"t"}}
	stale := &cli.BoolFlag{Name: "stale"}
	return &cli.App{
		Flags: []cli.Flag{&cli.BoolFlag{Name: "version"}},
		Commands: []*cli.Command{
			{Name: "put", Flags: []cli.Flag{target}},
			{Name: "get", Aliases: []string{"g"}, Flags: []cli.Flag{target, stale}},
			{Name: "node", Flags: []cli.Flag{
				&cli.StringFlag{Name: "store"}, &cli.StringFlag{Name: "store.wal.size"},
				&cli.StringFlag{Name: "store.wal.sync"},
			}},
			{Name: "cluster", Subcommands: []*cli.Command{{Name: "add", Flags: []cli.Flag{target}}}},
		},
	}
}

func TestWordsAreSorted(t *testing.T) {
	for _, c := range []struct{ words, want string }{
		{"", ""},
		{"put x 2", "put -- x 2"},
		{"put x 2 --target 3", "put --target=3 -- x 2"},
		{"put x --target=3 2", "put --target=3 -- x 2"},
		{"put -t 3 x 2", "put --t=3 -- x 2"},
		{"--target 3 put x 2", "put --target=3 -- x 2"},
		{"get x --stale", "get --stale -- x"},
		{"get --stale x", "get --stale -- x"},
		{"g --stale=false x", "g --stale=false -- x"},
		{"put x -- --target 3", "put -- x --target 3"},
		{"put -- -- x", "put -- -- x"},
		{"put x -5", "put -- x -5"},
		{"put x -0.5e3 -", "put -- x -0.5e3 -"},
		{"put --target -5 x", "put --target=-5 -- x"},
		{"put help put", "put -- help put"},
		{"help put", "put --help"},
		{"help", "--help"},
		{"-h", "--h"},
		{"--version", "--version"},
		{"cluster add 4 --target 1", "cluster add --target=1 -- 4"},
		{"--target 1 cluster add 4", "cluster add --target=1 -- 4"},
		{"node --store.wal.size 4MiB --store wal", "node --store.wal.size=4MiB --store=wal"},
	} {
		got, err := Sort(appForTest(), append([]string{"prog"}, strings.Fields(c.words)...))
		if err != nil {
			t.Errorf("%s: %v", c.words, err)
		} else if want := strings.Fields("prog " + c.want); !equal(got, want) {
			t.Errorf("%s: got %q, want %q", c.words, got, want)
		}
	}
}

func equal(a, b []string) bool { return strings.Join(a, "\x00") == strings.Join(b, "\x00") }

func TestUnsortableWordsAreUsageErrors(t *testing.T) {
	for _, c := range []struct{ words, want string }{
		{"set x", `there is no command "set"; there are: put, get, node, cluster`},
		{"cluster x", `there is no command "x"; there are: add`},
		{"put x --target", "flag --target needs a value"},
		{"put x --colour red", "there is no flag --colour of put; there are: --target"},
		{"--colour", "there is no flag --colour; there are: --version"},
		{"cluster --target 3", "there is no flag --target of cluster"},
		{"node --stor wal", "there is no flag --stor of node; there are: --store"},
		{"node --store.wal.x 1",
			"there is no flag --store.wal.x of node; there are: --store.wal.size, --store.wal.sync"},
	} {
		_, err := Sort(appForTest(), append([]string{"prog"}, strings.Fields(c.words)...))
		if !errors.Is(err, exit.ErrUsage) || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", c.words, err, c.want)
		}
	}
}

// FuzzSort: no word is lost, none is invented, and whatever stands behind a double hyphen stays.
func FuzzSort(f *testing.F) {
	f.Add("put x 2 --target 3")
	f.Add("get -- --stale x")
	f.Fuzz(func(t *testing.T, line string) {
		words := append([]string{"prog"}, strings.Fields(line)...)
		got, err := Sort(appForTest(), words)
		if err != nil {
			return
		}
		if len(got) > len(words)+1 {
			t.Errorf("%q: got %q", words, got)
		}
		_, behind, _ := strings.Cut(strings.Join(words, " "), " -- ")
		if !strings.HasSuffix(strings.Join(got, " "), behind) {
			t.Errorf("%q: got %q", words, got)
		}
	})
}
