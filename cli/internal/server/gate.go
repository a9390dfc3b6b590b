package server

import "github.com/tidelock-raft/tidelock/core"

// readier is a machine that is not always ready to be asked, as one that waits for its script.
// Ready may be called from any goroutine; once true, it stays so.
type readier interface{ Ready() bool }

// admitter is a machine that knows commands which must not get into the log.
type admitter interface {
	Admit(command []byte) *core.Failure
}

// gate is the service of a node as clients get at it. While the machine is not ready they are told
// to ask elsewhere or again, and what the machine does not admit is answered at once.
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
	if m, ok := g.machine.(admitter); ok {
		requests = admitted(m, requests)
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

// admitted answers the commands that are not admitted and returns the other requests.
func admitted(m admitter, requests []core.Request) []core.Request {
	kept := requests[:0]
	for _, r := range requests {
		if r.Kind == core.RequestCommand {
			if failure := m.Admit(r.Data); failure != nil {
				r.Caller.Replied(r.Token, core.Reply{Result: core.Result{Failure: failure}})
				continue
			}
		}
		kept = append(kept, r)
	}
	return kept
}
