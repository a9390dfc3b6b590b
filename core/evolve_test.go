package core_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// TestRetiredIDsAreNeverForgotten removes far more nodes than are remembered one by one, in random
// order, and compares with a list of all.
func TestRetiredIDsAreNeverForgotten(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		m := membership(core.Member{ID: 40, Role: core.Voter})
		all := map[core.NodeID]bool{}
		for range 600 {
			id := core.NodeID(1 + random.IntN(5000))
			if id == 40 || m.Gone(id) {
				continue
			}
			with := append([]core.Member{{ID: id, Role: core.Learner}}, m.Members...)
			slices.SortFunc(with, func(a, b core.Member) int { return int(a.ID) - int(b.ID) })
			larger := core.Membership{Members: with, Retired: m.Retired}
			next := larger.Succeeded(m.Members)
			if err := errors.Join(next.Check(), larger.Follows(m), next.Follows(larger)); err != nil {
				t.Fatal(err)
			}
			m = next
			all[id] = true
		}
		for id := range all {
			if !m.Gone(id) {
				t.Fatalf("node %d is forgotten", id)
			}
		}
		if len(m.Retired.IDs) > core.MaxRetired || m.Gone(40) {
			t.Fatalf("%d ids are listed; is the member gone: %v", len(m.Retired.IDs), m.Gone(40))
		}
		data, err := m.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, rest, err := core.DecodeMembership(data); err != nil || len(rest) > 0 || !got.Equal(m) {
			t.Fatalf("got %v and %d bytes, %v; want %v", got, len(rest), err, m)
		}
		if len(data) > 1000 {
			t.Errorf("%d retired ids take %d bytes", len(all), len(data))
		}
	}
}

// TestJointMembershipsLeadFromOneToTheOther enters and leaves random changes.
func TestJointMembershipsLeadFromOneToTheOther(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	draw := func() (m core.Membership) {
		m.Members = append(m.Members, core.Member{ID: 1, Role: core.Voter})
		for id := core.NodeID(2); id < 8; id++ {
			if role := core.Role(random.IntN(3)); role > 0 {
				m.Members = append(m.Members, core.Member{ID: id, Role: role * role * core.Voter})
			}
		}
		return m
	}
	for range 2000 {
		from, to := draw(), draw()
		first := from.Enter(to.Members)
		if err := errors.Join(first.Check(), first.Follows(from)); err != nil {
			t.Fatalf("%v to %v by way of %v: %v", from, to, first, err)
		}
		if joint := !slices.Equal(from.With(core.Voter), to.With(core.Voter)); first.Joint() != joint {
			t.Fatalf("%v to %v by way of %v", from, to, first)
		}
		if first.Joint() && (!slices.Equal(first.With(core.Outgoing), from.With(core.Voter)) ||
			!slices.Equal(first.With(core.Voter), to.With(core.Voter))) {
			t.Fatalf("%v to %v by way of %v", from, to, first)
		}
		last := first.Leave()
		if err := errors.Join(last.Check(), last.Follows(first)); err != nil ||
			!slices.Equal(last.Members, to.Members) {
			t.Fatalf("%v to %v ended at %v: %v", from, to, last, err)
		}
	}
}

func TestRetiredNamesItsBrokenInvariant(t *testing.T) {
	one := []core.Member{{ID: 5, Role: core.Voter}}
	for want, retired := range map[string]core.Retired{
		"": {Floor: 3, IDs: []core.NodeID{4, 9}},
		"core: invalid membership: retired id 3 after 3":           {Floor: 3, IDs: []core.NodeID{3}},
		"core: invalid membership: retired id 9 after 9":           {IDs: []core.NodeID{9, 9}},
		"core: invalid membership: node 5 is a member and retired": {IDs: []core.NodeID{5}},
		"core: invalid membership: 257 retired ids, limit 256":     {IDs: make([]core.NodeID, 257)},
	} {
		got := ""
		if err := (core.Membership{Members: one, Retired: retired}).Check(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// FuzzDecodeChange has what it accepts come out the same after a round trip.
func FuzzDecodeChange(f *testing.F) {
	f.Add([]byte(`{"steps":[{"op":"add","node":4,"addr":"h:1","learner":true}],"force":true}`))
	f.Add([]byte(`{"steps":[{"op":"remove","node":1}],"plan":true}`))
	f.Add([]byte(`{"steps":[]}`))
	f.Add([]byte(`{"steps":[{"op":"add","nodes":4}]} {}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := core.DecodeChange(data)
		if err != nil {
			if !errors.Is(err, core.ErrChange) {
				t.Errorf("got %v, want ErrChange", err)
			}
			return
		}
		if n := len(c.Steps); n == 0 || n > core.MaxMembers {
			t.Errorf("%d steps", n)
		}
		again, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		twice, err := core.DecodeChange(again)
		if err != nil || !slices.Equal(c.Steps, twice.Steps) || c.Force != twice.Force ||
			c.Plan != twice.Plan {
			t.Errorf("got %+v, %v; want %+v", twice, err, c)
		}
	})
}

func TestDecodeTransferIsStrict(t *testing.T) {
	for text, want := range map[string]bool{
		`{"to":3}`: true, `{}`: true, `{"to":-1}`: false, `{"too":1}`: false, `{"to":1}x`: false,
		``: false,
	} {
		if _, err := core.DecodeTransfer([]byte(text)); (err == nil) != want {
			t.Errorf("%s: got %v", text, err)
		}
	}
	long := make([]byte, core.MaxChangeBytes+1)
	if _, err := core.DecodeTransfer(long); !errors.Is(err, core.ErrChange) {
		t.Errorf("too long: got %v", err)
	}
}
