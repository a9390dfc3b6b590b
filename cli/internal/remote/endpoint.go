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
		if !IsAddress(address) {
			return nil, exit.Usagef("--endpoints: %q is not host:port or id=host:port", part)
		}
		_, port, _ := net.SplitHostPort(address)
		n, _ := strconv.Atoi(port) // it is an address
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

// ParseNode reads the id of a node, an argument of a command.
func ParseNode(command, word string) (core.NodeID, error) {
	id, err := strconv.ParseUint(word, 10, 64)
	if err != nil || id == 0 {
		return 0, exit.Usagef("%s: %q is not the id of a node", command, word)
	}
	return core.NodeID(id), nil
}

// IsAddress reports whether a word is host:port.
func IsAddress(word string) bool {
	host, port, err := net.SplitHostPort(word)
	n, portErr := strconv.ParseUint(port, 10, 16)
	return err == nil && portErr == nil && n > 0 && host != ""
}
