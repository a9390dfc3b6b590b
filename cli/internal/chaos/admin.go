package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/tidelock-raft/tidelock/cli/internal/trial"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// adminFaults are what an administrator does amid all this. What is begun is carried through,
// however long that takes.
var adminFaults = []fault{
	{"transfer", (*nemesis).transfer},
	{"demote and promote", (*nemesis).demote},
	{"replace a node", (*nemesis).replace},
}

// administer is the administrator's lane. The script is replaced at half time.
func (n *nemesis) administer(ctx context.Context, number uint64) {
	half, cancel := context.WithTimeout(ctx, n.options.duration/2)
	defer cancel()
	n.lane(half, number, adminFaults)
	begin := time.Since(n.start)
	n.insist("push a script", n.push)
	n.happened(event{"new script", "all", begin, time.Since(n.start)})
	n.lane(ctx, number+1, adminFaults)
}

// insist tries until something is so.
func (n *nemesis) insist(what string, isSo func() bool) {
	n.cluster.finding(trial.Await(context.Background(), what, isSo))
}

// adminTime is how long the administrator waits for an answer.
const adminTime = 3 * time.Second

// transfer hands leadership over to a member, or to whoever is best. Often it cannot be done.
func (n *nemesis) transfer(r *rand.Rand) (heal func(), whom string) {
	to := core.NodeID(0)
	if r.IntN(2) == 0 {
		to = anyone(n, r)[0].id
	}
	ctx, cancel := context.WithTimeout(context.Background(), adminTime)
	defer cancel()
	begin := time.Since(n.start)
	leads, _, err := n.cluster.admin.Transfer(ctx, to)
	if err != nil {
		n.happened(event{"transfer that fails", err.Error(), begin, time.Since(n.start)})
		return nil, ""
	}
	return func() {}, fmt.Sprintf("to %d: %d leads", to, leads)
}

// role is what the leader knows a node as, empty for nothing; "?" is unknown, as between elections
// and in a joint membership.
func (n *nemesis) role(id core.NodeID) string {
	leader, s := n.cluster.led()
	if leader == nil || slices.ContainsFunc(s.Members, func(m core.MemberStatus) bool {
		return m.Outgoing
	}) {
		return "?"
	}
	for _, m := range s.Members {
		if m.ID == id {
			return m.Role
		}
	}
	return ""
}

// become changes the membership until a node has one of some roles.
func (n *nemesis) become(step core.ChangeStep, roles ...string) {
	n.insist(fmt.Sprintf("%s node %d", step.Op, step.Node), func() bool {
		now := n.role(step.Node)
		if now == "?" || slices.Contains(roles, now) {
			return now != "?"
		}
		ctx, cancel := context.WithTimeout(context.Background(), adminTime)
		defer cancel()
		// Refused, unknown or done: the next look tells.
		_, _, _ = n.cluster.admin.Change(ctx, core.Change{
			Steps: []core.ChangeStep{step}, Force: step.Op == core.ChangeDemote, // four bear less than five
		})
		return false
	})
}

// demote makes a voter a learner, and a voter again.
func (n *nemesis) demote(r *rand.Rand) (heal func(), whom string) {
	one := anyone(n, r)[0]
	n.become(core.ChangeStep{Op: core.ChangeDemote, Node: one.id}, "learner")
	return func() {
		n.become(core.ChangeStep{Op: core.ChangePromote, Node: one.id}, "voter")
	}, fmt.Sprint(one.id)
}

// replace adds a node, and removes another for ever once the new one votes.
func (n *nemesis) replace(r *rand.Rand) (heal func(), whom string) {
	old := anyone(n, r)[0]
	fresh := n.cluster.newcomer()
	if fresh == nil {
		return nil, ""
	}
	n.become(core.ChangeStep{
		Op: core.ChangeAdd, Node: fresh.id, Addr: core.Addr(fresh.proxy.address()),
	}, "joining", "learner", "voter")
	n.cluster.finding(fresh.start())
	return func() {
		n.insist("join", func() bool { return n.role(fresh.id) == "voter" })
		n.become(core.ChangeStep{Op: core.ChangeRemove, Node: old.id}, "")
		old.leave()
	}, fmt.Sprintf("%d by %d", old.id, fresh.id)
}

// push installs the next version of the script, and reports whether it runs.
func (n *nemesis) push() bool {
	if leader, s := n.cluster.led(); leader == nil || strings.Contains(s.Machine, "v2") {
		return leader != nil
	}
	n.cluster.finding(n.tryPush(scripting.Source{
		Name: "chaos.lua", Text: []byte(strings.Replace(machine, "version = 1", "version = 2", 1)),
	}))
	return false
}

// tryPush is an error only where the machine refuses.
func (n *nemesis) tryPush(next scripting.Source) error {
	ctx, cancel := context.WithTimeout(context.Background(), adminTime)
	defer cancel()
	data, err := scripting.EncodeRehearse(next)
	if err != nil {
		return err
	}
	answer, err := n.ask(ctx, client.Request{Kind: core.RequestQuery, Data: data})
	if err != nil {
		return err
	}
	text, _ := answer["replaces"].(string)
	hash, err := hex.DecodeString(text)
	if err != nil || len(hash) != 32 {
		return nil // nobody answered
	}
	if data, err = scripting.EncodePush(next, [32]byte(hash)); err != nil {
		return err
	}
	_, err = n.ask(ctx, client.Request{Data: data})
	return err
}

func (n *nemesis) ask(ctx context.Context, r client.Request) (map[string]any, error) {
	reply, err := n.cluster.admin.Do(ctx, r)
	if failure := new(core.Failure); errors.As(err, &failure) && failure.Code != "version" &&
		failure.Code != "outdated" {
		return nil, fmt.Errorf("push a script: %w", err)
	}
	if err != nil {
		return nil, nil // asked again
	}
	value, err := scripting.DecodeValue(reply.Value)
	answer, _ := value.(map[string]any)
	return answer, err
}
