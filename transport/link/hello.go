package link

import (
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
)

// Version is that of what nodes say to each other, whatever the transport. Nodes of different
// versions refuse each other, and both say so.
const Version = 1

// Hello is what a dialler says first, in the form that its transport gives it.
type Hello struct {
	Version     uint16
	Cluster     core.ClusterID
	From, To    core.NodeID // who dials, and whom it expects
	Incarnation uint64      // random, for each start of a node
}

// Answer is what the other side says to a Hello.
type Answer struct {
	Version     uint16         `json:"version"`
	Status      Status         `json:"status"`
	Cluster     core.ClusterID `json:"cluster,string"`
	Node        core.NodeID    `json:"node"`
	Incarnation uint64         `json:"incarnation,string"` // for people; nobody here decides by it
}

// Status says whether a hello was accepted. The numbers are part of the protocols.
type Status uint16

// The answers to a hello.
const (
	Accepted Status = iota
	WrongVersion
	WrongCluster
	WrongNode
	SameNode
	NotVerified
)

var statusText = map[Status]string{
	Accepted: "accepted", WrongVersion: "another protocol version", WrongCluster: "another cluster",
	WrongNode: "another node has this address", SameNode: "both have the same node id",
	NotVerified: "identity not verified",
}

// String says what the status means.
func (s Status) String() string {
	if text, ok := statusText[s]; ok {
		return text
	}
	return fmt.Sprintf("status(%d)", uint16(s))
}

// RefusedError is a handshake that ended with a reason. Who the other side is, it says itself.
type RefusedError struct {
	Status  Status
	Node    core.NodeID
	Cluster core.ClusterID
	Version uint16
	Want    uint16 // the version here
}

// Error says why, and who the other side is.
func (e *RefusedError) Error() string {
	detail := ""
	if e.Status == WrongVersion {
		detail = fmt.Sprintf(": got %d, want %d", e.Version, e.Want)
	}
	return fmt.Sprintf("refused: %v%s (it is node %d of cluster %d, version %d)",
		e.Status, detail, e.Node, e.Cluster, e.Version)
}

// judge decides about a hello.
func (t *Transport) judge(h Hello) Status {
	switch {
	case h.Version != t.config.Version:
		return WrongVersion
	case h.Cluster != t.config.Cluster:
		return WrongCluster
	case h.To != t.config.Node || h.From == 0:
		return WrongNode
	case h.From == t.config.Node:
		return SameNode
	}
	return Accepted
}

// Hello is what this node says to another.
func (t *Transport) Hello(to core.NodeID) Hello {
	return Hello{
		Version: t.config.Version, Cluster: t.config.Cluster, From: t.config.Node, To: to,
		Incarnation: t.incarnation,
	}
}

// Check decides about an answer from the node that was expected to be to. The error is a
// *RefusedError.
func (t *Transport) Check(a Answer, to core.NodeID) error {
	s := a.Status
	switch {
	case s != Accepted:
	case a.Version != t.config.Version:
		s = WrongVersion
	case a.Cluster != t.config.Cluster:
		s = WrongCluster
	case a.Node != to:
		s = WrongNode
	default:
		return nil
	}
	return t.refusal(s, a.Node, a.Cluster, a.Version)
}

func (t *Transport) refusal(s Status, n core.NodeID, c core.ClusterID, version uint16) error {
	return &RefusedError{Status: s, Node: n, Cluster: c, Version: version, Want: t.config.Version}
}
