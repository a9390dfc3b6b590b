package server

import (
	"errors"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/session"
	"github.com/tidelock-raft/tidelock/scripting"
	"github.com/tidelock-raft/tidelock/scripting/sandbox"
	"github.com/tidelock-raft/tidelock/transport/client"
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

// TestLeaderKeepsOutWhatTheMachineDoesNotAdmit, in a session or not.
func TestLeaderKeepsOutWhatTheMachineDoesNotAdmit(t *testing.T) {
	header, err := session.Header{Op: session.OpCommand, Session: 300, Sequence: 7}.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := parts{made: fake{}}
	for _, c := range []struct {
		kind    core.RequestKind
		data    string
		refused bool
	}{
		{core.RequestCommand, "bad", true},
		{core.RequestCommand, "good", false},
		{core.RequestSession, string(header) + "bad", true},
		{core.RequestSession, string(header) + "good", false},
		{core.RequestSession, "bad", false}, // its entry does no harm
		{core.RequestChange, "bad", false},
	} {
		if got := p.admit(c.kind, []byte(c.data)); (got != nil) != c.refused {
			t.Errorf("%+v: got %v", c, got)
		}
	}
}

// TestPushForAnotherLanguageIsRefused: in the log it would stop every node for good.
func TestPushForAnotherLanguageIsRefused(t *testing.T) {
	n := runForTest(t, Config{ID: 1, Dir: t.TempDir()})
	defer n.close(t)
	n.do(t, core.RequestCommand, "put", "x", "1")
	push, err := scripting.EncodeCall("@push", "kv.lua", "return {}", sandbox.Version+1, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, sessions := range []bool{false, true} {
		c, err := client.New(client.Config{
			Endpoints: []string{n.api}, Timeout: patience, NoSession: !sessions,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, err = c.Do(t.Context(), client.Request{Kind: core.RequestCommand, Data: push})
		if err == nil || !strings.Contains(err.Error(), "language") {
			t.Errorf("sessions %t: got %v", sessions, err)
		}
	}
	if got := n.do(t, core.RequestQuery, "get", "x"); got != "1" {
		t.Errorf("get: got %v", got)
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
