package scripting

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/sandbox"
	"github.com/tidelock-raft/tidelock/scripting/state"
)

// hostileBefore and hostileAfter make a whole script of a chunk, with a command that does harm, one
// that lives a little, and one that shows that the machine still works.
const (
	hostileBefore = `local kv, other = state.map("kv"), state.map("other") ` +
		`return {name = "chunk", version = 1, ` + fewSteps + `commands = {run = function(...) `
	fewSteps        = `limits = {steps = 200000}, ` // for what does not ask for all that there are
	hostileAfter    = "\nend," + hostileCommands + "}}"
	hostileCommands = `
	live = function(how)
		local function deep() return 1 + deep() end
		if how == "deep" then return deep() end
		if how == "full" then while true do local s = ("x"):rep(2^20) end end
		if how == "wild" then return nil + 1 end
		kv:set("lived", {1, 2, 3}) kv:delete("lived")
		return pcall(error, {how})
	end,
	work = function() kv:set("a", (kv:get("a") or 0) == 0) return {kv:keys(), ctx.index()} end,`
)

// slow is how long one hostile command may take. It is generous: machines are busy.
const slow = time.Minute

// TestHostile lets scripts do their worst, on a machine that is new and on one with a past. Both
// come to the same result at the same cost, and to the same state, which is the one before if the
// result is a failure; and both work on.
func TestHostile(t *testing.T) {
	files, err := filepath.Glob("testdata/hostile/*.lua")
	if err != nil || len(files) == 0 {
		t.Fatal("no hostile files", err)
	}
	n := 0
	for _, file := range files {
		for _, c := range chunksOf(t, file) {
			n++
			t.Run(fmt.Sprintf("%s:%d", filepath.Base(c.file), c.line), c.testHostile)
		}
	}
	if n < 100 {
		t.Errorf("%d hostile scripts, want 100", n)
	}
}

func (c chunk) testHostile(t *testing.T) {
	if _, ok := c.want["refused"]; ok || c.whole {
		c.test(t)
		return
	}
	text := hostileBefore + c.script + hostileAfter
	if want := c.want["fails"]; strings.Contains(want, "2000000") || strings.Contains(want, "MiB") {
		text = strings.Replace(text, fewSteps, "", 1)
	}
	src := Source{Name: "test.lua", Text: []byte(text)}
	young, old := newMachine(t, src), newMachine(t, src)
	for i, how := range []string{"deep", "full", "wild", "other"} {
		apply(t, old, []core.Entry{commandEntry(core.Index(i+1), encode(t, "live", how))})
	}
	before := young.Digest()
	var results [2]core.Result
	var spent [2][2]int64
	for i, m := range []*Machine{young, old} {
		began := time.Now()
		results[i] = apply(t, m, []core.Entry{commandEntry(10, encode(t, "run"))})[0]
		if took := time.Since(began); took > slow {
			t.Errorf("took %v", took)
		}
		spent[i][0], spent[i][1] = m.Spent()
	}
	if !reflect.DeepEqual(results[0], results[1]) || spent[0] != spent[1] {
		t.Errorf("the new machine got %v for %v, the old one %v for %v", results[0], spent[0],
			results[1], spent[1])
	}
	if young.Digest() != old.Digest() || results[0].Failure != nil && young.Digest() != before {
		t.Errorf("digests %x and %x, before %x", young.Digest(), old.Digest(), before)
	}
	c.judge(t, results[0])
	work := []core.Entry{commandEntry(11, encode(t, "work"))}
	a, b := apply(t, young, work)[0], apply(t, old, work)[0]
	if a.Failure != nil || !reflect.DeepEqual(a, b) || young.Digest() != old.Digest() {
		t.Errorf("afterwards: %v and %v", a.Failure, b.Failure)
	}
}

// TestFullStateStopsTheMachine in front of a command: nothing of it is done, nor is it a failure of
// the command, which others might have room for.
func TestFullStateStopsTheMachine(t *testing.T) {
	m := newMachine(t, Default())
	batch := []core.Entry{
		commandEntry(1, encode(t, "put", "key", "value")),
		commandEntry(2, encode(t, "cas", "key", "value", strings.Repeat("x", 5000))),
	}
	apply(t, m, batch[:1])
	before := m.Digest()
	for !m.space.Full() {
		m.space.Spend(state.SpareBlocks)
	}
	for i := range batch {
		results, err := m.Apply(nil, batch[i:])
		if !errors.Is(err, state.ErrFull) || len(results) > 0 || m.Digest() != before {
			t.Errorf("got %v, %v", results, err)
		}
	}
}

// TestNoCommandFillsTheState that was not full before it. What takes a block of memory is a key or
// a value of more than 4 KiB, or many; timers can have an entry take the steps of two commands.
func TestNoCommandFillsTheState(t *testing.T) {
	const large = 4<<10 - 64 // with the head of an item
	most := 2 * sandbox.MaxSteps / min(keySteps(large), valueSteps(large))
	if most > state.SpareBlocks {
		t.Errorf("a command can take %d blocks, want at most %d", most, state.SpareBlocks)
	}
}
