package server

import (
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/session"
)

// readier is a machine that is not always ready to be asked, as one that waits for its script.
// Ready may be called from any goroutine; once true, it stays so.
type readier interface{ Ready() bool }

// gate is the service of a node as clients get at it. While the machine is not ready they are told
// to ask elsewhere or again.
type gate struct {
	core.Service
	machine core.StateMachine
}

// Submit implements core.Service.
func (g gate) Submit(requests []core.Request) {
	if m, ok := g.machine.(readier); ok && !m.Ready() {
		g.refuse(requests)
		return
	}
	g.Service.Submit(requests)
}

// refuse sends everyone elsewhere, but those who insist on this node: they are asked for patience,
// unless only another node can help them.
func (g gate) refuse(requests []core.Request) {
	status := g.Status()
	leaders := make(map[core.GroupID]core.NodeID, len(status.Groups))
	for _, group := range status.Groups {
		if group.Leader != status.Node {
			leaders[group.Group] = group.Leader
		}
	}
	for _, r := range requests {
		leader := leaders[r.Group]
		reply := core.Reply{Err: &core.NotLeaderError{Leader: leader}, Leader: leader}
		if r.Local && (r.Kind != core.RequestCommand || leader == 0) {
			reply.Err = core.ErrBusy
		}
		r.Caller.Replied(r.Token, reply)
	}
}

// admitter is a machine that knows commands which must not get into the log. Admit depends on
// nothing but the command.
type admitter interface {
	Admit(command []byte) *core.Failure
}

// admit says why a leader keeps a command out of the log, with or without a session; nil: it does
// not.
func (p *parts) admit(kind core.RequestKind, data []byte) *core.Failure {
	m, ok := p.made.(admitter)
	if kind == core.RequestSession {
		_, command, err := session.Decode(data)
		ok, data = ok && err == nil, command
	}
	if !ok || kind != core.RequestCommand && kind != core.RequestSession {
		return nil
	}
	return m.Admit(data)
}
