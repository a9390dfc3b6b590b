package luatest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// TestAnyHistoryIsReproduced is the promise that replication rests on, for every machine that there
// is: any history of commands, with arguments that make sense or none, gives equal bytes, digests,
// results and costs on a machine that lives through it, on one that is restored from snapshots at
// any points, and on one that replays it.
func TestAnyHistoryIsReproduced(t *testing.T) {
	for _, f := range machines(t) {
		for seed := range uint64(20) {
			rng := rand.New(rand.NewPCG(seed, 1))
			steps, err := f.plan(1+rng.IntN(60), seed)
			if err != nil {
				t.Fatal(err)
			}
			for i := range steps {
				if rng.IntN(4) == 0 {
					steps[i].call = garbled(rng, steps[i].call)
				}
				steps[i].restore = rng.IntN(10) == 0
			}
			if _, at, err := f.trial(steps); err != nil {
				steps, err = f.shrink(steps[:min(at+1, len(steps))], err)
				t.Errorf("%s, seed %d: %v", f.Path, seed, &Broken{seed, len(steps), linesOf(steps), err})
			}
		}
	}
}

// garbled is a call as somebody might send it who does not know the machine.
func garbled(rng *rand.Rand, c Call) Call {
	junk := []any{nil, true, -1, 0.5, 1e300, "", "x", []any{}, map[string]any{"k": []any{1, nil}},
		strings.Repeat("long", 2000), 9007199254740992.0}
	args := append([]any{}, c.Args...)
	for i := range args {
		if rng.IntN(2) == 0 {
			args[i] = junk[rng.IntN(len(junk))]
		}
	}
	switch rng.IntN(8) {
	case 0:
		args = append(args, junk[rng.IntN(len(junk))])
	case 1:
		args = args[:rng.IntN(len(args)+1)]
	case 2:
		return Call{Command: "nothing", Args: args}
	}
	return Call{Command: c.Command, Args: args}
}

// TestEveryWorkloadDoesSomething wants each to succeed often, to fail sometimes, and but for the
// last one, which does everything, to make no nonsense.
func TestEveryWorkloadDoesSomething(t *testing.T) {
	files := machines(t)
	for i, f := range files {
		tally, err := f.Random(300, 3)
		nonsense := tally["error"] + tally["bad_arguments"] + tally["limit"]
		if err != nil || tally["ok"] < 30 || len(tally) < 2 || (nonsense > 0) != (i == len(files)-1) {
			t.Errorf("%s: %s: %v", f.Path, tally, err)
		}
	}
}

// bad is a machine in which the seventh thing put while another is held breaks the invariant.
const bad = `
local n, held = state.value("n", 0), state.value("held", false)
return { name = "bad", version = 1, commands = {
    hold = function(yes) held:set(yes) end,
    put = function(x) if held:get() then n:set(n:get() + 1) end end,
    idle = function() fail("idle", "nothing to do") end,
  }, invariant = function() assert(n:get() < 7, "seven") end }`

const badWorkload = `return { workload = function(random)
  if random(20) == 1 then return {"hold", random(2) == 1} end
  return {random {"put", "idle"}, nil, nil} end }`

func TestFailuresAreShrunk(t *testing.T) {
	f := suiteOf(t, bad, badWorkload)
	_, err := f.Random(1000, 5)
	var broken *Broken
	if !errors.As(err, &broken) {
		t.Fatalf("got %v", err)
	}
	want := "t.call(\"hold\", true)" + strings.Repeat("\nt.call(\"put\")", 7)
	if got := strings.Join(broken.Steps, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, part := range []string{"seven\n", "seed 5, 1000 commands, of which these are enough:"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("got %v, want %s", err, part)
		}
	}
	if _, again := f.Random(1000, 5); again.Error() != err.Error() {
		t.Errorf("the same seed gave\n%v\nand\n%v", err, again)
	}
	replay := "return { tests = { again = function(t)\n" + want + "\nend } }"
	if err := runOne(t, bad, replay); err == nil || !strings.Contains(err.Error(), ":9: after") {
		t.Errorf("the steps as a test: got %v", err)
	}
}

func runOne(t *testing.T, machine, test string) error {
	f := suiteOf(t, machine, test)
	return f.Run(f.Tests[0], nil)
}

// TestDifferencesAreFound makes a log and then believes something else of one of its entries: in
// every respect that there is, a machine that follows the log is found to differ.
func TestDifferencesAreFound(t *testing.T) {
	f := suiteOf(t, counter, `return { workload = function() return {"add", 1} end }`)
	steps := []step{
		{call: Call{"add", []any{1}}}, {call: Call{"later", []any{5, 1}}}, {call: Call{"refuse", nil}},
	}
	for field := range reflect.TypeFor[seen]().Fields() {
		tr := newTrial(t, f)
		for i := range steps {
			if err := tr.step(&steps[i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := tr.replay(f); err != nil {
			t.Fatal(err)
		}
		other := map[string]any{
			"Failure": &core.Failure{Code: "refused", Message: "it is 2"}, "Value": []byte{1},
			"Steps": int64(1), "Bytes": int64(1), "Digest": uint64(1), "Timer": int64(1), "Waits": false,
		}
		last := &tr.log[len(tr.log)-1].seen
		reflect.ValueOf(last).Elem().FieldByName(field.Name).Set(reflect.ValueOf(other[field.Name]))
		err := tr.replay(f)
		const want = "the replayed machine differs at entry 3: got "
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v", field.Name, err)
		}
	}
}

// TestBytesAreCompared holds that states are told apart by their bytes at the end.
func TestBytesAreCompared(t *testing.T) {
	tr := newTrial(t, suiteOf(t, counter, `return { workload = function() return {"add", 1} end }`))
	if _, _, err := tr.restored.append(mustEncode(t, Call{"add", []any{1}})); err != nil {
		t.Fatal(err)
	}
	f := &File{Machine: tr.long.source}
	if err := tr.replay(f); err == nil ||
		!strings.HasPrefix(err.Error(), "the restored machine has other bytes") {
		t.Errorf("got %v", err)
	}
}

func mustEncode(t *testing.T, c Call) []byte {
	data, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func newTrial(t *testing.T, f *File) *trial {
	tr := &trial{tally: Tally{}}
	var errLong, errRestored error
	tr.long, errLong = newWorld(f.Machine)
	tr.restored, errRestored = newWorld(f.Machine)
	if err := errors.Join(errLong, errRestored); err != nil {
		t.Fatal(err)
	}
	return tr
}

func TestWorkloads(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{`return {"add", 1, nil, {x = 1}}`, `t.call("add", 1, nil, {x = 1})`},
		{`return {"add", now}`, `t.call("add", 42)`},
		{`return {"add", random(1), random(7, 7), random {"x"}, random(2^53, 2^53)}`,
			`t.call("add", 1, 7, "x", 9007199254740992)`},
		{`assert(random() < 1 and random() >= 0) for i = 1, 50 do local n = random(-1, 1)
		  assert(n >= -1 and n <= 1 and n % 1 == 0) end return {"add"}`, `t.call("add")`},
		{`return nil`, ":1: the workload returned nil: a call is a table of a command"},
		{`return {1}`, ":1: the workload returned {1}: a call begins with the name of a command"},
		{`return {"@fire"}`, ":1: the workload returned "},
		{`return {"add", x = 1}`, `: a call has no place "x"`},
		{`return {"add", [67] = 1}`, ": a call has no place 67"},
		{`return {"add", [1.5] = 1}`, ": a call has no place 1.5"},
		{`return {"add", print}`, ":1: the workload returned a table: a function cannot be stored"},
		{`return {"a b"}`, ": scripting: not a call"},
		{`return {random {}}`, ":1: random: the list is empty"},
		{`return {random(0)}`, ":1: random: there is no integer from 1 to 0"},
		{`return {random(1.5)}`, ":1: random: argument 1 must be an integer"},
		{`return {random("x", 1)}`, ":1: random: argument 1 must be an integer"},
		{`return {random(1, 2, 3)}`, ":1: random: argument 3 must be an integer"},
		{`return {random(2^53 + 2)}`, ":1: random: argument 1 must be an integer"},
		{`while true do end`, ":1: more than 10000000 steps"},
	} {
		f := suiteOf(t, counter, "return { workload = function(random, now) "+c.body+" end }")
		w, err := f.Workload(rand.NewPCG(1, 2))
		if err != nil {
			t.Fatal(err)
		}
		call, err := w.Next(42)
		if got := fmt.Sprint(call, " ", err); !strings.Contains(got, c.want) {
			t.Errorf("%s: got %s, want %s", c.body, got, c.want)
		}
	}
	f := suiteOf(t, counter, "return { tests = { x = function() end } }")
	if _, err := f.Workload(rand.NewPCG(1, 2)); !errors.Is(err, ErrNoWorkload) || f.HasWorkload() {
		t.Errorf("got %v, want ErrNoWorkload", err)
	}
	if _, err := f.Random(1, 1); !errors.Is(err, ErrNoWorkload) {
		t.Errorf("got %v, want ErrNoWorkload", err)
	}
	for _, n := range []int{-1, 0, MaxCommands + 1} {
		if _, err := f.Random(n, 1); err == nil {
			t.Errorf("%d commands were made", n)
		}
	}
}

// TestEqualSourcesGiveEqualCalls draws from two workloads side by side.
func TestEqualSourcesGiveEqualCalls(t *testing.T) {
	for _, f := range machines(t) {
		a, errA := f.Workload(rand.NewPCG(3, 4))
		b, errB := f.Workload(rand.NewPCG(3, 4))
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		for i := range int64(200) {
			x, errA := a.Next(i)
			if y, errB := b.Next(i); !reflect.DeepEqual(x, y) || errA != nil || errB != nil {
				t.Fatalf("%s: got %v and %v: %v, %v", f.Path, x, y, errA, errB)
			}
		}
	}
}
