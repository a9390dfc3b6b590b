package engine

import "github.com/tidelock-raft/tidelock/core"

// Status describes every group, ascending. What only the node knows stays empty.
func (e *Engine) Status() []core.GroupStatus {
	statuses := make([]core.GroupStatus, 0, len(e.groups))
	for _, g := range e.groups {
		statuses = append(statuses, g.status())
	}
	return statuses
}

func (g *group) status() core.GroupStatus {
	s := g.raft.Status()
	status := core.GroupStatus{
		Group: g.id, Role: s.Role.String(), Term: s.Term, Leader: s.Leader,
		CommitIndex: s.Commit, AppliedIndex: s.Applied,
		FirstIndex: s.First, LastIndex: s.Last, SnapshotIndex: s.Snapshot,
		Quarantined: g.quarantine,
	}
	for _, p := range s.Peers {
		m := core.MemberStatus{
			ID: p.ID, Addr: p.Member.Addr, Role: roleName(p.Member.Role),
			Outgoing: p.Member.Role&core.Outgoing != 0,
		}
		if g.leads() && p.ID != g.node {
			m.State, m.Match, m.Next = p.State.String(), p.Match, p.Next
			m.Alive, m.Barred = p.Active, p.Barred
		}
		status.Members = append(status.Members, m)
	}
	if s.Removed {
		status.Role = "removed"
	}
	return status
}

func roleName(r core.Role) string {
	switch {
	case r&core.Voter != 0:
		return "voter"
	case r&core.Outgoing != 0:
		return "outgoing"
	case r&core.Joining != 0:
		return "joining"
	}
	return "learner"
}

// Addr returns where a node of a group is found, as far as this one knows.
func (e *Engine) Addr(id core.GroupID, node core.NodeID) (core.Addr, bool) {
	g := e.byID[id]
	if g == nil {
		return "", false
	}
	return g.addr(node)
}

// giveUpRequests ends what callers of a leader wait for that is not in the log.
func (g *group) giveUpRequests(out *Effects) {
	if g.changing != nil {
		g.giveUp(&g.changing.call, out)
	}
	if g.handing != nil {
		g.giveUp(&g.handing.call, out)
	}
	g.changing, g.handing = nil, nil
}

// Abandon ends everything that callers wait for, because the node stops: commands end with
// core.ErrUnknownOutcome, what was not begun with core.ErrClosed. No Step may follow.
func (e *Engine) Abandon(out *Effects) {
	out.reset(e.batch)
	for _, g := range e.groups {
		for i := range g.batchCalls {
			g.refuse(&g.batchCalls[i], core.ErrClosed, out)
		}
		g.giveUpCalls(out)
		g.giveUpRequests(out)
		g.refuseReads(core.ErrClosed, out)
		g.endResync(core.Reply{Err: core.ErrClosed}, out)
	}
	e.forwards.tick(-1, out)
}
