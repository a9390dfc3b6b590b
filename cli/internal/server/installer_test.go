package server

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/node"
	"github.com/tidelock-raft/tidelock/scripting"
)

// refusing is a leader that refuses all commands, and counts them.
type refusing struct{ asked *int }

func (s refusing) Submit(requests []core.Request) {
	*s.asked += len(requests)
	failure := core.Failure{Code: "bad", Message: "not this one"}
	for _, r := range requests {
		r.Caller.Replied(r.Token, core.Reply{Result: core.Result{Failure: &failure}})
	}
}

func (refusing) Status() core.NodeStatus {
	return core.NodeStatus{Groups: []core.GroupStatus{{Group: core.DefaultGroup, Role: "leader"}}}
}

func TestRefusedScriptIsToldOnceAndNotTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		machine, err := scripting.NewEmpty(scripting.Default(), scripting.Config{})
		if err != nil {
			t.Fatal(err)
		}
		var told strings.Builder
		asked := 0
		log := slog.New(slog.NewTextHandler(&told, nil))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		i := &installer{refusing{&asked}, machine, false, log}
		if err := i.run(ctx); err != nil || asked != 1 ||
			strings.Count(told.String(), "level=ERROR") != 1 || !strings.Contains(told.String(), "bad: ") {
			t.Errorf("asked %d times, told %q, %v", asked, told.String(), err)
		}
	})
}

// early is a clock that is two hours ahead.
type early struct{ core.Clock }

func (c early) Wall() int64 { return c.Clock.Wall() + int64(2*time.Hour) }

// TestTimersFireByTheClockOfTheNode which stamps the entries that set them.
func TestTimersFireByTheClockOfTheNode(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "alarm.lua")
	text := `local fired = state.value("fired", false)
return {name = "alarm", version = 1,
commands = {
	set = function() timer.at(ctx.time() + 1, "ring") end,
	ring = function() fired:set(true) end,
},
queries = {fired = function() return fired:get() end}}`
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	n := runForTest(t, Config{
		ID: 1, Dir: dir, Clock: early{node.NewClock()},
		Machine: Choice{Name: "lua", Options: map[string]string{"script": script}},
	})
	defer n.close(t)
	n.do(t, core.RequestCommand, "set")
	for deadline := time.Now().Add(patience); n.do(t, core.RequestQuery, "fired") != true; {
		if time.Now().After(deadline) {
			t.Fatal("the timer does not fire")
		}
	}
}
