package client_test

import (
	"errors"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// TestChangeAndTransfer asks for both, and reads the answers; a refusal is the service's own.
func TestChangeAndTransfer(t *testing.T) {
	c := newCluster(t, 1)
	var asked core.Request
	value, failure := `{"after":{"voters":4},"joint":true,"members":[]}`, (*core.Failure)(nil)
	c[0].set(func(r core.Request) *core.Reply {
		asked = r
		result := core.Result{Value: []byte(value), Failure: failure}
		return &core.Reply{Index: 9, Leader: 1, Result: result}
	})
	cl := open(t, client.Config{Endpoints: c.addrs()})
	report, reply, err := cl.Change(t.Context(), core.Change{
		Steps: []core.ChangeStep{{Op: core.ChangeRemove, Node: 3}}, Force: true,
	})
	if err != nil || report.After.Voters != 4 || !report.Joint || reply.Index != 9 {
		t.Errorf("got %+v, %+v, %v", report, reply, err)
	}
	if want := `{"steps":[{"op":"remove","node":3}],"force":true}`; string(asked.Data) != want ||
		asked.Kind != core.RequestChange {
		t.Errorf("asked for %d %s, want %s", asked.Kind, asked.Data, want)
	}
	value = `{"to":2}`
	leader, _, err := cl.Transfer(t.Context(), 2)
	if err != nil || leader != 2 || asked.Kind != core.RequestTransfer ||
		string(asked.Data) != value {
		t.Errorf("got %d, %v, asked for %d %s", leader, err, asked.Kind, asked.Data)
	}
	failure = &core.Failure{Code: "pending"}
	var refused *core.Failure
	if _, _, err = cl.Change(t.Context(), core.Change{}); !errors.As(err, &refused) {
		t.Errorf("got %v, want a failure", err)
	}
	failure, value = nil, "x"
	if _, _, err = cl.Transfer(t.Context(), 0); !errors.Is(err, core.ErrChange) {
		t.Errorf("got %v, want ErrChange", err)
	}
}

// TestUnansweredChangeIsUnknownAndNotRepeated because asking twice could change things twice.
func TestUnansweredChangeIsUnknownAndNotRepeated(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, c cluster, n network) {
		c[0].set(never)
		cl := open(t, client.Config{Endpoints: c.addrs(), Dial: n.dial})
		_, _, err := cl.Change(t.Context(), core.Change{})
		if asked := c[0].asked.Load(); !errors.Is(err, core.ErrUnknownOutcome) || asked != 1 {
			t.Errorf("got %v after %d requests, want an unknown outcome after one", err, asked)
		}
	})
}

// TestQueriesSayHowFreshTheyAre carries index and age to the service, and only where they belong.
func TestQueriesSayHowFreshTheyAre(t *testing.T) {
	c := newCluster(t, 1)
	var asked core.Request
	c[0].set(func(r core.Request) *core.Reply {
		asked = r
		return &core.Reply{}
	})
	cl := open(t, client.Config{Endpoints: c.addrs()})
	for _, q := range []struct {
		request  client.Request
		level    core.ReadLevel
		atLeast  core.Index
		maxStale int64
	}{
		{client.Request{Kind: core.RequestQuery, Level: core.Bounded, MaxStale: time.Second,
			AtLeast: 7}, core.Bounded, 7, 1e9},
		{client.Request{Kind: core.RequestQuery, Level: core.Lease, MaxStale: time.Second},
			core.Lease, 0, 0},
		{client.Request{AtLeast: 7, MaxStale: 1}, 0, 0, 0},
	} {
		if _, err := cl.Do(t.Context(), q.request); err != nil {
			t.Fatal(err)
		}
		if asked.Level != q.level || asked.AtLeast != q.atLeast || asked.MaxStale != q.maxStale {
			t.Errorf("%+v: the service was asked %+v", q.request, asked)
		}
	}
}

// TestReplicaThatLagsIsLeft asks for an index that one of two replicas does not come to have.
func TestReplicaThatLagsIsLeft(t *testing.T) {
	c := newCluster(t, 2)
	c[0].set(refuse(core.ErrBusy))
	for seed := range uint64(6) {
		cl := open(t, client.Config{Endpoints: c.addrs(), Seed: seed + 1})
		reply, err := cl.Do(t.Context(), client.Request{
			Kind: core.RequestQuery, Level: core.Stale, AtLeast: 7,
		})
		if err != nil || reply.Node != 2 {
			t.Errorf("got node %d, %v, want 2", reply.Node, err)
		}
	}
	if c[0].asked.Load() == 0 {
		t.Error("the replica that lags was never asked: the test does not test")
	}
}
