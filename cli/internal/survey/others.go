package survey

import (
	"context"
	"net"
	"strconv"
	"sync"

	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/core"
)

// askOthers asks the members whose endpoints nobody has named, such as those that joined lately,
// where they are to be expected: as far from their peer address as every other node is from its
// own. It returns those who answer and are who they should be.
func askOthers(ctx context.Context, c remote.Client, nodes []Node) []Node {
	distance, ok := distanceOf(nodes)
	if !ok {
		return nil
	}
	var others []Node
	var wanted []core.NodeID
	for id, addr := range strangers(nodes) {
		if host, port, ok := split(string(addr)); ok {
			endpoint := net.JoinHostPort(host, strconv.Itoa(port+distance))
			others, wanted = append(others, Node{Endpoint: endpoint, ID: id}), append(wanted, id)
		}
	}
	var group sync.WaitGroup
	for i := range others {
		group.Go(func() { others[i].ask(ctx, c) }) // ends within the timeout
	}
	group.Wait()
	var found []Node
	for i := range others {
		if others[i].Err == nil && others[i].ID == wanted[i] {
			found = append(found, others[i])
		}
	}
	return found
}

// strangers yields the members, as the nodes that answered know them, that are none of these nodes,
// each once.
func strangers(nodes []Node) func(yield func(core.NodeID, core.Addr) bool) {
	return func(yield func(core.NodeID, core.Addr) bool) {
		known := map[core.NodeID]bool{}
		for i := range nodes {
			known[nodes[i].ID] = true
		}
		for i := range nodes {
			for _, m := range members(&nodes[i]) {
				if !known[m.ID] && !yield(m.ID, m.Addr) {
					return
				}
				known[m.ID] = true
			}
		}
	}
}

func members(n *Node) []core.MemberStatus {
	if g := group(n); g != nil {
		return g.Members
	}
	return nil
}

// distanceOf returns by how much the API ports of all these nodes differ from their peer ports, if
// it is the same for all, and on the same hosts.
func distanceOf(nodes []Node) (distance int, ok bool) {
	for i := range nodes {
		for _, m := range members(&nodes[i]) {
			if m.ID != nodes[i].ID {
				continue
			}
			host, port, valid := split(nodes[i].Endpoint)
			peerHost, peerPort, peerValid := split(string(m.Addr))
			if !valid || !peerValid || host != peerHost || ok && port-peerPort != distance {
				return 0, false
			}
			distance, ok = port-peerPort, true
		}
	}
	return distance, ok
}

func split(address string) (host string, port int, ok bool) {
	_, place := core.Addr(address).Split()
	host, digits, err := net.SplitHostPort(string(place))
	if err != nil {
		return "", 0, false
	}
	port, err = strconv.Atoi(digits)
	return host, port, err == nil
}
