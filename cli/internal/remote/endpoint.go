package remote

import (
	"net"
	"strconv"
	"strings"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// apiPort plus its id is the port of a node's API, where nothing else is said.
const apiPort = 8100

// Endpoint is the API address of a node.
type Endpoint struct {
	ID      core.NodeID // zero: not known
	Address string
}

// ParseEndpoints reads a list of host:port or id=host:port, separated by commas. Where there is no
// id, the usual port tells it.
func ParseEndpoints(list string) ([]Endpoint, error) {
	var endpoints []Endpoint
	for part := range strings.SplitSeq(list, ",") {
		part = strings.TrimSpace(part)
		id, address, found := strings.Cut(part, "=")
		if !found {
			id, address = "", part
		}
		host, port, err := net.SplitHostPort(address)
		n, portErr := strconv.ParseUint(port, 10, 16)
		if err != nil || portErr != nil || n == 0 || host == "" {
			return nil, exit.Usagef("--endpoints: %q is not host:port or id=host:port", part)
		}
		e := Endpoint{Address: address}
		if found {
			number, err := strconv.ParseUint(id, 10, 64)
			if err != nil || number == 0 {
				return nil, exit.Usagef("--endpoints: %q is not the id of a node", id)
			}
			e.ID = core.NodeID(number)
		} else if n > apiPort && n <= apiPort+99 {
			e.ID = core.NodeID(n - apiPort)
		}
		endpoints = append(endpoints, e)
	}
	if len(endpoints) > client.MaxEndpoints {
		return nil, exit.Usagef("--endpoints: %d are given, at most %d", len(endpoints),
			client.MaxEndpoints)
	}
	return endpoints, nil
}

// addressOf finds the endpoint of a node. Unless the list was given, a node that is not in it is
// looked for on this machine.
func addressOf(id core.NodeID, endpoints []Endpoint, given bool) (string, error) {
	for _, e := range endpoints {
		if e.ID == id {
			return e.Address, nil
		}
	}
	if given || id > 65535-apiPort {
		return "", exit.Usagef("no endpoint of node %d is known; say %d=host:port in --endpoints",
			id, id)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(apiPort+int(id))), nil
}
