package engine

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/raft"
)

// handing is a transfer of leadership that somebody waits for.
type handing struct {
	call Call // its Term is that of the leader that hands over
	to   core.NodeID
	age  int // ticks since it began
}

// transferAsked begins to hand leadership over, or says why not.
func (g *group) transferAsked(data []byte, c Call, out *Effects) {
	transfer, err := core.DecodeTransfer(data)
	switch {
	case err != nil:
		g.fail(&c, codeInvalid, err.Error(), out)
		return
	case transfer.To == g.node:
		g.leadsNow(&c, g.node, out)
		return
	case g.handing != nil:
		g.fail(&c, codePending, fmt.Sprintf("node %d is about to take over", g.handing.to), out)
		return
	}
	switch err := g.raft.Transfer(transfer.To); {
	case errors.Is(err, raft.ErrBarred):
		g.fail(&c, codeBarred, fmt.Sprintf("node %d says that it may not lead: it is in quarantine, or "+
			"its disk is sick", transfer.To), out)
	case errors.Is(err, raft.ErrTransfer):
		g.fail(&c, codeInvalid, err.Error(), out)
	case err != nil:
		g.refuse(&c, err, out)
	default:
		c.Term = g.raft.Term()
		g.handing = &handing{call: c, to: g.raft.Status().Transfer}
	}
}

// handed over answers whoever waits for a transfer that is over.
func (g *group) handedOver(out *Effects) {
	h := g.handing
	if h == nil {
		return
	}
	leader := g.raft.Leader()
	switch {
	case leader == h.to:
		g.leadsNow(&h.call, leader, out)
	case g.leads() && g.raft.Term() == h.call.Term && g.raft.Status().Transfer == h.to:
		return
	case leader == 0 && h.age < 2*g.config.Raft.ElectionTicks:
		return
	default:
		now := "nobody leads for now"
		if leader != 0 {
			now = fmt.Sprintf("node %d leads", leader)
		}
		g.fail(&h.call, codeRemains, fmt.Sprintf("node %d did not take over in time; %s", h.to, now),
			out)
	}
	g.handing = nil
}

// leadsNow answers who leads after a transfer.
func (g *group) leadsNow(c *Call, leader core.NodeID, out *Effects) {
	value, err := json.Marshal(core.Transfer{To: leader})
	if err != nil {
		g.giveUp(c, out)
		return
	}
	g.reply(c, core.Reply{
		Result: core.Result{Value: value}, Index: g.raft.Commit(), Leader: leader,
	}, out)
}

func (g *group) tickHandover() {
	if g.handing != nil {
		g.handing.age++
	}
}
