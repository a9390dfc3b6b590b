package plugins

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
	stored "github.com/tidelock-raft/tidelock/persist/memory"
	"github.com/tidelock-raft/tidelock/persist/vfs"
	"github.com/tidelock-raft/tidelock/persist/wal"
	"github.com/tidelock-raft/tidelock/plugins"
	"github.com/tidelock-raft/tidelock/scripting"
	"github.com/tidelock-raft/tidelock/transport/memory"
)

// The broken plugins: each breaks one rule.
func init() {
	plugins.RegisterTransport("endless", func(e plugins.Env, _ struct{}) (core.Transport, error) {
		t, err := memory.Named("endless").Join(
			memory.Config{Node: e.Node, Cluster: e.Cluster, Addr: e.Listen}, e.Inbox)
		return &endless{t}, err
	})
	plugins.RegisterStore("forgetful", func(plugins.Env, struct{}) (core.Store, error) {
		return struct{ core.Store }{stored.New()}, nil
	})
	plugins.RegisterStore("hasty", func(e plugins.Env, _ struct{}) (core.Store, error) {
		return wal.Open(hasty{e.FS}, e.Dir, wal.Config{SegmentBytes: 4 << 10, Inline: true, Salt: 1})
	})
	plugins.RegisterMachine("dice", func(plugins.Env, struct{}) (core.StateMachine, error) {
		m, err := scripting.New(scripting.Default(), scripting.Config{})
		return &dice{m}, err
	})
}

// endless takes any number of Closes.
type endless struct{ core.Transport }

func (e *endless) Close() error {
	_ = e.Transport.Close()
	return nil
}

// hasty is a file system that leaves it to chance what lasts.
type hasty struct{ vfs.FS }

type hastyFile struct{ vfs.File }

func (h hasty) Create(path string) (vfs.File, error) {
	f, err := h.FS.Create(path)
	if err != nil {
		return nil, err
	}
	return hastyFile{f}, nil
}

func (hastyFile) Sync() error { return nil }

// dice answers as chance will have it.
type dice struct{ core.StateMachine }

func (d *dice) Apply(dst []core.Result, entries []core.Entry) ([]core.Result, error) {
	dst, err := d.StateMachine.Apply(dst, entries)
	if n := len(dst); n > 0 && rand.IntN(2) == 0 {
		dst[n-1] = core.Result{Value: []byte{byte(rand.IntN(6))}}
	}
	return dst, err
}

func TestVerifyNamesTheRuleThatABrokenPluginBreaks(t *testing.T) {
	for name, want := range map[string]string{
		"endless":   "FAIL    CloseTwice            A second Close returns ErrClosed.",
		"forgetful": "FAIL    Reopen                When it returns nil, everything is synced.",
		"hasty":     "FAIL    PowerCutAfterWrite    When it returns nil, everything is synced.",
		"dice": "FAIL    Deterministic         A StateMachine is a deterministic automaton over " +
			"commands.",
	} {
		t.Run(name, func(t *testing.T) {
			code, out, text := runLine(t, "verify", name)
			if code != exit.Unhealthy || !strings.Contains(out, want) ||
				!strings.Contains(out, name+": grade F: ") {
				t.Errorf("got code %d, %s%s\nwant code %d, %s", code, out, text, exit.Unhealthy, want)
			}
		})
	}
}

func TestVerifyGradesWhatIsBuiltIn(t *testing.T) {
	for name, grade := range map[string]string{
		"wal": "A", "store.memory": "B", "transport.memory": "A", "lua": "A",
	} {
		words := []string{"verify", name, "--output", "json"}
		if name == "wal" {
			words = append(words, "--option", "segment=4KiB")
		}
		code, out, text := runLine(t, words...)
		var r report
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatalf("%s: %v: %s%s", name, err, out, text)
		}
		if code != exit.OK || r.Grade != grade || r.Results[pass] < 12 || r.Results[fail] > 0 ||
			len(r.Checks) != r.Results[pass]+r.Results[skipped] {
			t.Errorf("%s: got code %d, %+v, want grade %s", name, code, r, grade)
		}
		for _, v := range r.Checks {
			if v.Rule == "" || (v.Result == skipped) != (v.Reason != "") {
				t.Errorf("%s: got %+v", name, v)
			}
		}
	}
}

func TestVerifyCallsAMachineAsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "calls.jsonl")
	calls := "[\"put\",\"x\",1]\n\n{\"query\":[\"get\",\"x\"]}\n"
	if err := os.WriteFile(path, []byte(calls), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, _ := runLine(t, "verify", "lua", "--calls", path)
	if code != exit.OK || !strings.Contains(out, "grade B") ||
		!strings.Contains(out, "none of its commands fails") {
		t.Errorf("got code %d, %s", code, out)
	}
}

func TestDescribeShowsOnePlugin(t *testing.T) {
	code, out, _ := runLine(t, "describe", "bbolt")
	if code != exit.OK || !strings.HasPrefix(out, "store bbolt\n") || strings.Contains(out, "wal") {
		t.Errorf("got code %d, %s", code, out)
	}
}

func TestNamesAndOptionsThatCannotBe(t *testing.T) {
	for line, want := range map[string]string{
		"describe":                          "describe: 0 arguments given, want NAME",
		"describe memory":                   `"memory" is more than one; say transport.memory or `,
		"verify nothing":                    `no plugin is named "nothing"; built in: machine.dice, `,
		"verify wal --option segment":       `--option is "segment", want OPTION=VALUE`,
		"verify wal --option size=1":        "option size: is not known; there are: segment, ",
		"verify wal --option segment=large": `option segment: "large" is wrong: `,
		"verify lua --calls nowhere":        "open nowhere: ",
	} {
		code, _, text := runLine(t, strings.Fields(line)...)
		if code != exit.Usage || !strings.Contains(text, want) {
			t.Errorf("%s: got code %d, %s\nwant %s", line, code, text, want)
		}
	}
}
