package engine

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/raft"
)

// changing is a change of membership that this leader has begun and somebody waits for.
type changing struct {
	call   Call // its Position is that of the entry that begins the change
	report []byte
}

// The codes of what a change or a transfer is refused with.
const (
	codeInvalid = "invalid"     // it makes no sense
	codePending = "pending"     // another one is under way
	codeUnsafe  = "unsafe"      // it is not done unless forced
	codeRemains = "no_takeover" // the node did not take over in time
	codeBarred  = "barred"      // the node may not lead: it is in quarantine, or its disk is sick
)

// changeAsked begins a change of membership, or says why not.
func (g *group) changeAsked(data []byte, wall int64, c Call, out *Effects) {
	change, err := core.DecodeChange(data)
	status := g.raft.Status()
	switch {
	case err != nil:
		g.fail(&c, codeInvalid, err.Error(), out)
		return
	case !status.Counted || !status.ReadyToRead:
		g.refuse(&c, core.ErrBusy, out) // it has only just begun to lead
		return
	case g.changing != nil || !g.raft.Settled():
		g.fail(&c, codePending, "another change is under way: "+status.Membership.String(), out)
		return
	}
	next, err := target(status.Membership, change)
	first := status.Membership.Enter(next)
	if err == nil {
		err = cmp.Or(first.Follows(status.Membership), first.Check(),
			status.Membership.Succeeded(next).Check())
	}
	if err != nil {
		g.fail(&c, codeInvalid, err.Error(), out)
		return
	}
	report := weigh(status, next)
	report.Joint = first.Joint()
	encoded, err := json.Marshal(report)
	switch {
	case err != nil:
		g.fail(&c, codeInvalid, err.Error(), out)
	case change.Plan:
		g.reply(&c, core.Reply{Result: core.Result{Value: encoded}, Leader: g.node}, out)
	case report.Refused != "" && !change.Force:
		g.fail(&c, codeUnsafe, report.Refused+"; it can be forced", out)
	default:
		g.begin(first, wall, changing{c, encoded}, out)
	}
}

// begin proposes the membership that a change begins with. Raft carries it on from there.
func (g *group) begin(m core.Membership, wall int64, c changing, out *Effects) {
	data, err := m.AppendBinary(nil)
	entries := []core.Entry{{Kind: core.EntryMembership, Time: wall, Data: data}}
	if err == nil {
		err = g.raft.Propose(entries)
	}
	if err != nil {
		g.refuse(&c.call, err, out)
		return
	}
	c.call.Position = entries[0].Position
	g.changing = &c
}

// changed answers whoever waits for a change that is over, or that another leader would have to
// end.
func (g *group) changed(out *Effects) {
	c := g.changing
	switch {
	case c == nil:
		return
	case g.raft.Term() == c.call.Term && g.raft.Concluded():
		g.reply(&c.call, core.Reply{
			Result: core.Result{Value: c.report}, Index: c.call.Index, Leader: g.raft.Leader(),
		}, out)
	case g.leads():
		return
	default:
		g.giveUp(&c.call, out)
	}
	g.changing = nil
}

// fail answers a request with a refusal in words.
func (g *group) fail(c *Call, code, message string, out *Effects) {
	failure := &core.Failure{Code: code, Message: message}
	g.reply(c, core.Reply{Result: core.Result{Failure: failure}, Leader: g.raft.Leader()}, out)
}

// reply answers a request that did not go through the machine, to a client or to the node that
// passed it on.
func (g *group) reply(c *Call, r core.Reply, out *Effects) {
	if c.Caller != nil {
		out.Answers = append(out.Answers, Answer{c.Token, c.Caller, r})
		return
	}
	g.send(out, core.Message{
		Kind: core.MsgForwardReply, To: c.From, Token: c.Token,
		Data: AppendReply(nil, r.Index, r.Result),
	})
}

var errStep = errors.New("change of membership")

// target returns the members after a change, ascending, or what about it makes no sense.
func target(m core.Membership, change core.Change) ([]core.Member, error) {
	next := slices.Clone(m.Members)
	for i := range change.Steps {
		s := &change.Steps[i]
		at, known := slices.BinarySearchFunc(next, s.Node, func(m core.Member, id core.NodeID) int {
			return cmp.Compare(m.ID, id)
		})
		if change, ok := steps[s.Op]; !ok {
			return nil, fmt.Errorf("%w: there is no %q", errStep, s.Op)
		} else if known == (s.Op == core.ChangeAdd) {
			return nil, fmt.Errorf("%w: node %d is %s member", errStep, s.Node,
				map[bool]string{true: "already a", false: "no"}[known])
		} else if problem := change(&next, at, s); problem != "" {
			return nil, fmt.Errorf("%w: node %d %s", errStep, s.Node, problem)
		}
	}
	for _, s := range change.Steps {
		at := slices.IndexFunc(next, func(m core.Member) bool { return m.ID == s.Node })
		if change.Force && at >= 0 && next[at].Role&core.Joining != 0 {
			next[at].Role = core.Voter
		}
	}
	return next, nil
}

// steps says what each operation does to the members; at is the node's place. They return what is
// wrong, if anything is.
var steps = map[core.ChangeOp]func(all *[]core.Member, at int, s *core.ChangeStep) string{
	core.ChangeAdd: func(all *[]core.Member, at int, s *core.ChangeStep) string {
		member := core.Member{ID: s.Node, Role: core.Learner | core.Joining, Addr: s.Addr}
		if s.Learner {
			member.Role = core.Learner
		}
		*all = slices.Insert(*all, at, member)
		return ""
	},
	core.ChangePromote: func(all *[]core.Member, at int, _ *core.ChangeStep) string {
		if (*all)[at].Role&core.Voter != 0 {
			return "is a voter already"
		}
		(*all)[at].Role = core.Learner | core.Joining
		return ""
	},
	core.ChangeDemote: func(all *[]core.Member, at int, _ *core.ChangeStep) string {
		if (*all)[at].Role == core.Learner {
			return "is a learner already"
		}
		(*all)[at].Role = core.Learner
		return ""
	},
	core.ChangeRemove: func(all *[]core.Member, at int, _ *core.ChangeStep) string {
		*all = slices.Delete(*all, at, at+1)
		return ""
	},
	core.ChangeAddress: func(all *[]core.Member, at int, s *core.ChangeStep) string {
		if (*all)[at].Addr == s.Addr {
			return "is there already"
		}
		(*all)[at].Addr = s.Addr
		return ""
	},
}

// weigh compares what the membership can bear before and after a change, and says why it had better
// not be made: because nothing could be committed afterwards, or because fewer nodes may fail.
func weigh(s raft.Status, next []core.Member) core.ChangeReport {
	silent := make(map[core.NodeID]bool)
	for _, p := range s.Peers {
		silent[p.ID] = !p.Active && p.ID != s.ID
	}
	report := core.ChangeReport{
		Before: strength(s.Membership.Members, silent), After: strength(next, silent),
	}
	var absent []string
	for _, member := range next {
		mute, known := silent[member.ID]
		report.Members = append(report.Members, core.MemberStatus{
			ID: member.ID, Addr: member.Addr, Role: roleName(member.Role), Alive: known && !mute,
		})
		if mute && member.Role&core.Voter != 0 {
			absent = append(absent, fmt.Sprint("node ", member.ID))
		}
	}
	before, after := report.Before, report.After
	count := fmt.Sprintf("of %d voters a majority of %d is needed and %d answer", after.Voters,
		after.Majority, after.Answer)
	if len(absent) > 0 {
		count += " (not " + strings.Join(absent, ", ") + ")"
	}
	switch {
	case after.Spare < 0:
		report.Refused = "nothing could be committed any more: " + count
	case after.Spare < before.Spare:
		report.Refused = fmt.Sprintf("%s, so %d may fail then; now %d of %d answer, and %d may fail",
			count, after.Spare, before.Answer, before.Voters, before.Spare)
	}
	return report
}

// strength counts voters. One that is new counts as answering no sooner than it does.
func strength(members []core.Member, silent map[core.NodeID]bool) core.Strength {
	var s core.Strength
	for _, member := range members {
		if member.Role&core.Voter == 0 {
			continue
		}
		s.Voters++
		if mute, known := silent[member.ID]; known && !mute {
			s.Answer++
		}
	}
	s.Majority = s.Voters/2 + 1
	s.Spare = s.Answer - s.Majority
	return s
}
