package server

import (
	"errors"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// inner is a service that carries everything out, for node 1.
type inner struct{ leader core.NodeID }

func (inner) Submit(requests []core.Request) {
	for _, r := range requests {
		r.Caller.Replied(r.Token, core.Reply{Index: 7})
	}
}

func (s inner) Status() core.NodeStatus {
	return core.NodeStatus{
		Node: 1, Groups: []core.GroupStatus{{Group: core.DefaultGroup, Leader: s.leader}},
	}
}

// heard gathers replies by token.
type heard map[uint64]core.Reply

func (h heard) Replied(token uint64, r core.Reply) { h[token] = r }

// fake is a machine whose readiness and taste are given.
type fake struct {
	core.StateMachine
	ready bool
}

func (f fake) Ready() bool { return f.ready }

func (f fake) Admit(command []byte) *core.Failure {
	if string(command) == "bad" {
		return &core.Failure{Code: "bad"}
	}
	return nil
}

func TestGateIsClosedUntilTheMachineIsReady(t *testing.T) {
	for _, c := range []struct {
		ready, local bool
		kind         core.RequestKind
		leader       core.NodeID
		want         error
		told         core.NodeID
	}{
		{true, false, core.RequestCommand, 2, nil, 0},
		{false, false, core.RequestCommand, 0, core.ErrNotLeader, 0},
		{false, false, core.RequestCommand, 1, core.ErrNotLeader, 0},
		{false, false, core.RequestCommand, 2, core.ErrNotLeader, 2},
		{false, true, core.RequestCommand, 2, core.ErrNotLeader, 2},
		{false, true, core.RequestCommand, 1, core.ErrBusy, 0},
		{false, false, core.RequestQuery, 2, core.ErrNotLeader, 2},
		{false, true, core.RequestQuery, 2, core.ErrBusy, 2},
	} {
		got := heard{}
		gate{inner{c.leader}, fake{ready: c.ready}}.Submit([]core.Request{{
			Group: core.DefaultGroup, Kind: c.kind, Local: c.local, Token: 3, Caller: got,
		}})
		if r := got[3]; len(got) != 1 || !errors.Is(r.Err, c.want) || r.Leader != c.told {
			t.Errorf("%+v: got %+v", c, got)
		}
	}
}

func TestGateKeepsOutWhatTheMachineDoesNotAdmit(t *testing.T) {
	got := heard{}
	gate{inner{}, fake{ready: true}}.Submit([]core.Request{
		{Kind: core.RequestCommand, Data: []byte("good"), Token: 1, Caller: got},
		{Kind: core.RequestCommand, Data: []byte("bad"), Token: 2, Caller: got},
		{Kind: core.RequestQuery, Data: []byte("bad"), Token: 3, Caller: got},
	})
	if len(got) != 3 || got[1].Index != 7 || got[3].Index != 7 || got[2].Index != 0 ||
		got[2].Result.Failure == nil || got[2].Result.Failure.Code != "bad" {
		t.Errorf("got %+v", got)
	}
}

// TestNativeMachineHasNoGate holds that a machine that is always ready is served as before.
func TestNativeMachineHasNoGate(t *testing.T) {
	got := heard{}
	gate{inner{}, struct{ core.StateMachine }{}}.Submit([]core.Request{{Token: 1, Caller: got}})
	if got[1].Index != 7 {
		t.Errorf("got %+v", got)
	}
	p := parts{made: struct{ core.StateMachine }{}}
	p.install(t.Context(), inner{})() // ends at once
}

// TestRestartedNodeFindsItsScriptInTheLog restarts a node and writes.
func TestRestartedNodeFindsItsScriptInTheLog(t *testing.T) {
	c := Config{ID: 1, Dir: t.TempDir()}
	for range 3 {
		n := runForTest(t, c)
		if got := n.do(t, core.RequestCommand, "incr", "starts"); got == nil {
			t.Error("no answer")
		}
		n.close(t)
	}
	n := runForTest(t, c)
	defer n.close(t)
	if got := n.do(t, core.RequestQuery, "get", "starts"); got != int64(3) {
		t.Errorf("got %v starts, want 3", got)
	}
}
