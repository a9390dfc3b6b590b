package survey

import (
	"slices"
	"strings"

	"github.com/tidelock-raft/tidelock/core"
)

// Carrier is the transport by which a node sends to an address; empty: the node has not said.
func (n *Node) Carrier(to core.Addr) string {
	if n == nil || n.Status == nil || n.Status.Transport == "" {
		return ""
	}
	if name, _ := to.Split(); name != "" {
		return name
	}
	first, _, _ := strings.Cut(n.Status.Transport, ",")
	return first
}

// Runs reports whether a node runs a transport, as far as it has said.
func (n *Node) Runs(transport string) bool {
	return n == nil || n.Status == nil || n.Status.Transport == "" || transport == "" ||
		slices.Contains(strings.Split(n.Status.Transport, ","), transport)
}

// missing is the transport that has to run on a node so that messages go from one to another, and
// does not; on nil, none.
func missing(from, to *Replica) (on *Replica, transport string) {
	if to.Member == nil {
		return nil, ""
	}
	by := from.Node.Carrier(to.Member.Addr)
	switch {
	case !from.Node.Runs(by):
		return from, by
	case !to.Node.Runs(by):
		return to, by
	}
	return nil, ""
}

// astray finds nodes without a transport that addresses of members name, or that others take them
// to name.
func astray(p *Picture) (list []Finding) {
	for _, r := range p.Replicas {
		var f Finding
		for _, o := range p.Replicas {
			for _, way := range [][2]*Replica{{r, o}, {o, r}} {
				from, to := way[0], way[1]
				on, transport := missing(from, to)
				if on != r || from == to {
					continue
				}
				if f.Cause == "" {
					f = finding(Error, "wrong_transport", []*Replica{r}, "node %d runs transport %s, and not "+
						"%s, which addresses ask for", r.ID, r.Node.Status.Transport, transport)
					f.next("raft-node --id %d --transport %s,%s …: as it was started before, with both", r.ID,
						r.Node.Status.Transport, transport)
				}
				f.saw("node %d sends to node %d, at %s, by %s", from.ID, to.ID, to.Member.Addr, transport)
			}
		}
		if f.Cause != "" {
			list = append(list, f)
		}
	}
	return list
}

// misled reports whether messages between two nodes go astray in either direction.
func misled(a, b *Replica) bool {
	there, _ := missing(a, b)
	back, _ := missing(b, a)
	return there != nil || back != nil
}
