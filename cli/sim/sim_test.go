package sim

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
	"github.com/tidelock-raft/tidelock/core/sim"
)

func command(ctx context.Context, words ...string) (code exit.Code, out, err string) {
	var stdout, stderr strings.Builder
	s := program.Streams{Out: &stdout, Err: &stderr}
	root := &cli.Command{Name: "p", Subcommands: []*cli.Command{New(s)}}
	code = program.Run(ctx, s, root, append([]string{"p", "sim"}, words...))
	return code, stdout.String(), stderr.String()
}

// summary is what programs read of a run.
func summary(t *testing.T, words ...string) (report, exit.Code) {
	t.Helper()
	code, out, errors := command(t.Context(), append(words, "--output", "json")...)
	var r report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%q: code %d, %v: %s%s", words, code, err, out, errors)
	}
	return r, code
}

const careless = "testdata/careless.lua"

// TestSameSeedSameTrace runs seeds alone, twice, and beside others.
func TestSameSeedSameTrace(t *testing.T) {
	for _, script := range []string{"", "../../examples/reminder/reminder.lua"} {
		words := []string{"--seeds", "1", "--seed", "3", "--nodes", "3"}
		if script != "" {
			words = append(words, script)
		}
		a, code := summary(t, words...)
		b, _ := summary(t, words...)
		if code != exit.OK || a.Trace != b.Trace || len(a.Trace) != 16 || a.Events != b.Events {
			t.Errorf("%s: code %d, got %+v, then %+v", script, code, a, b)
		}
	}
	traces := func(workers int) (all []uint64) {
		o := Options{Seed: 1, Seeds: 4, Workers: workers}
		if err := o.each(t.Context(), func(out *sim.Outcome) error {
			if out.Options.Seed != uint64(len(all))+1 {
				t.Errorf("seed %d after %d others", out.Options.Seed, len(all))
			}
			all = append(all, out.Trace)
			return nil
		}); err != nil {
			t.Error(err)
		}
		return all
	}
	alone, beside := traces(1), traces(4)
	for i := range alone {
		if len(beside) != len(alone) || alone[i] != beside[i] {
			t.Fatalf("on one worker %x, on four %x", alone, beside)
		}
	}
}

// TestPlantedBugIsFound runs a bank that loses count when somebody pays himself: the invariant
// fails, an account and one payment are enough, and no fault is needed.
func TestPlantedBugIsFound(t *testing.T) {
	code, out, _ := command(t.Context(), careless, "--seeds", "5")
	for _, want := range []string{
		`^seed 1 failed: invariant violated at [0-9.]+ s: host \d: unbalanced: `,
		`\n  trace=[0-9a-f]{16}\n`, `\n  faults, 0 of \d+\n`,
		`\n  history:\n.*t\.call\("open", "(\w+)", \d+\) = nil at index \d+\n` +
			`.*t\.call\("transfer", "(\w+)", "(\w+)", \d+\).*\nto see it again: ` +
			`tidelock sim testdata/careless.lua --seed 1 --seeds 1\n1 seeds from 1 on, 1 failed\n`,
	} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("want %s in\n%s", want, out)
		}
	}
	if code != exit.Failed {
		t.Errorf("got code %d", code)
	}
}

// TestFailuresAreListed goes on after failures, and leaves each as it is.
func TestFailuresAreListed(t *testing.T) {
	r, code := summary(t, careless, "--seeds", "3", "--keep-going", "--no-shrink", "--faults", "none",
		"--nodes", "1..3")
	if code != exit.Failed || r.Seeds != 3 || r.Failed != 3 || len(r.Failures) != 3 {
		t.Fatalf("code %d, %+v", code, r)
	}
	for i, f := range r.Failures {
		if f.Seed != uint64(i+1) || f.Rule != "invariant" || f.Options != f.Smallest ||
			len(f.History) == 0 || f.Faults+len(f.Schedule) != 0 || len(r.Faults) != 0 {
			t.Errorf("failure %d is %+v", i, f)
		}
	}
}

// TestFaultsAreChosen draws the faults of many seeds: those of the classes asked for, and as they
// are when all are.
func TestFaultsAreChosen(t *testing.T) {
	for faults, most := range map[string]int{"none": 0, "power-cut": 1, "power cut,disk": 13} {
		kinds, err := parseFaults(faults)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[sim.FaultKind]bool{}
		for seed := range uint64(100) {
			all, some := Options{}, Options{Faults: kinds}
			whole := sim.DrawSchedule(all.world(seed)).String()
			for _, f := range some.world(seed).Schedule {
				seen[f.Kind] = true
				if !slices.Contains(kinds, f.Kind) || !strings.Contains(whole, f.String()+"\n") {
					t.Errorf("%s: seed %d has %v", faults, seed, f)
				}
			}
		}
		if len(seen) != len(kinds) || len(seen) < most {
			t.Errorf("%s: seen %v, want %v", faults, seen, kinds)
		}
	}
}

// TestGeneratedWorkloadReachesEverything runs a machine without a test file: each command and query
// must succeed now and then.
func TestGeneratedWorkloadReachesEverything(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.lua")
	const shop = `local stock = state.map("stock")
return { name = "shop", version = 1,
  commands = {
    add = function(what, n) stock:set(what, (stock:get(what) or 0) + n) return stock:get(what) end,
    note = function(t) return #t end,
    tick = function(ms) timer.at(ctx.time() + ms, "add", "time", 1) end,
  },
  queries = {
    get = function(what) return stock:get(what) end,
    len = function() return stock:len() end,
  },
}`
	if err := os.WriteFile(path, []byte(shop), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := load(path)
	if err != nil || m.tests != nil || len(m.commands) != 3 || len(m.queries) != 2 {
		t.Fatalf("got %+v, %v", m, err)
	}
	reached := map[string]int{}
	o := Options{Seed: 1, Seeds: 8, Workers: 1, Least: 1, Most: 3, machine: m}
	for seed := range uint64(8) {
		out := play(o.world(seed))
		if out.Failed() {
			t.Fatal(out)
		}
		for _, op := range out.History {
			if op.Fate == sim.Acked && op.Reply.Result.Failure == nil {
				reached[op.Name]++
			}
		}
	}
	delete(reached, "@open") // of sessions
	if len(reached) != 5 {
		t.Errorf("reached %v", reached)
	}
}

func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const fine = `return { name = "m", version = 1, commands = { c = function() end } }`
	broken := write("broken.lua", "return 1")
	tests := write("tests.lua", fine)
	write("tests_test.lua", "return 1")
	workload := write("workload.lua", fine)
	write("workload_test.lua", `return { workload = function(random) return random {} end }`)
	for _, c := range []struct {
		words string
		code  exit.Code
		text  string
	}{
		{"none.lua", exit.Usage, "open none.lua: "},
		{broken, exit.Refused, "the script returns a number"},
		{tests, exit.Refused, "tests_test.lua:1: the file returns a number"},
		{workload + " --seeds 9", exit.Refused, "seed 1 failed: workload violated at"},
		{"a.lua b.lua", exit.Usage, "2 arguments given"},
		{"--seeds 0", exit.Usage, "--seeds is 0, want 1 to"},
		{"--seeds -1", exit.Usage, "--seeds is -1, want 1 to"},
		{"--minutes NaN", exit.Usage, "--minutes is NaN, want 0 to"},
		{"--minutes -1", exit.Usage, "--minutes is -1, want 0 to"},
		{"--workers 0", exit.Usage, "--workers is 0, want 1 to"},
		{"--nodes 8", exit.Usage, `--nodes is "8", want a number from 1 to 7`},
		{"--nodes 5..3", exit.Usage, `--nodes is "5..3"`},
		{"--nodes 3..", exit.Usage, `--nodes is "3.."`},
		{"--faults disk,rain", exit.Usage, `--faults: there are no faults called "rain"; there are ` +
			"network, process, clock, disk, membership, and single kinds"},
		{"--output xml", exit.Usage, `--output is "xml"`},
	} {
		code, out, err := command(t.Context(), strings.Fields(c.words)...)
		if code != c.code || !strings.Contains(out+err, c.text) {
			t.Errorf("%s: got %d %s%s, want %d %s", c.words, code, out, err, c.code, c.text)
		}
	}
}

// TestPanicIsAFailure: one world that stops must not end the others.
func TestPanicIsAFailure(t *testing.T) {
	o := sim.Options{Seed: 1, Schedule: sim.Schedule{}, Span: sim.Second}
	o.Workload = func(*sim.World) func(*sim.Client) *sim.Operation { panic("planted") }
	if out := play(o); out.Rule() != rulePanic || !strings.Contains(out.Err.Error(), "planted") {
		t.Errorf("got %v", out.Err)
	}
}

// TestInterrupted ends with what there was.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	code, out, _ := command(ctx, "--seeds", "100000")
	if code != exit.Unavailable || !strings.Contains(out, " seeds from 1 on, 0 failed\n") {
		t.Errorf("got %d %s", code, out)
	}
}
