package server

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
)

// Peer is another node of the cluster.
type Peer struct {
	ID   core.NodeID
	Addr string // where it listens for peers; default the usual host and port of its id
	API  string // where it listens for clients; default its host and usual port
}

// ParsePeers reads a list of ids, 2,3, or of ids with addresses, 2=host:9002,3=host:9003, and such
// a list of the addresses that peers have for clients.
func ParsePeers(list, apis string) ([]Peer, error) {
	var peers []Peer
	for _, part := range split(list) {
		id, address, err := parsePeer("peers", part)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(peers, func(p Peer) bool { return p.ID == id }) {
			return nil, exit.Usagef("--peers: node %d is there twice", id)
		}
		peers = append(peers, Peer{ID: id, Addr: address})
	}
	for _, part := range split(apis) {
		id, address, err := parsePeer("peer-apis", part)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(peers, func(p Peer) bool { return p.ID == id })
		switch {
		case i < 0:
			return nil, exit.Usagef("--peer-apis: node %d is not one of --peers", id)
		case address == "":
			return nil, exit.Usagef("--peer-apis: %q has no address, want id=host:port", part)
		}
		peers[i].API = address
	}
	return peers, nil
}

func split(list string) []string {
	if strings.TrimSpace(list) == "" {
		return nil
	}
	return strings.Split(list, ",")
}

func parsePeer(flag, part string) (core.NodeID, string, error) {
	part = strings.TrimSpace(part)
	text, address, found := strings.Cut(part, "=")
	id, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, "", exit.Usagef("--%s: %q is not the id of a node", flag, text)
	}
	if id == 0 {
		return 0, "", exit.Usagef("--%s: 0 is the id of no node", flag)
	}
	if found {
		place := core.Addr(address)
		if flag == "peers" {
			_, place = place.Split()
		}
		if err := checkAddress(string(place)); err != nil {
			return 0, "", exit.Usagef("--%s: %q %w", flag, address, err)
		}
		if hostOf(address) == "" {
			return 0, "", exit.Usagef("--%s: %q names no host", flag, address)
		}
	}
	return core.NodeID(id), address, nil
}

// completePeers fills in the addresses that are not given and checks the list against this node.
func completePeers(self core.NodeID, peers []Peer, host string, base int) ([]Peer, error) {
	if len(peers) >= core.MaxMembers {
		return nil, exit.Usagef("--peers: %d nodes with this one, at most %d", len(peers)+1,
			core.MaxMembers)
	}
	peers = slices.Clone(peers)
	for i := range peers {
		p := &peers[i]
		if p.ID == self {
			return nil, exit.Usagef("--peers: node %d is this node; list only the others", p.ID)
		}
		var err error
		if p.Addr == "" {
			if p.Addr, err = usualAddress("peers", host, base, p.ID); err != nil {
				return nil, err
			}
		}
		if p.API == "" && p.ID <= 65535-DefaultAPIPort {
			if p.API, err = usualAddress("peer-apis", hostOf(p.Addr), DefaultAPIPort, p.ID); err != nil {
				return nil, err
			}
		}
	}
	return peers, nil
}
