package raftscript

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/raft"
)

// Group is the group that a Cluster replicates.
const Group core.GroupID = 1

// Cluster is some nodes and the messages between them. After each of its methods the nodes have
// carried out all they can; an error means that a promise was broken, and what came before counts.
type Cluster struct {
	nodes   []*Node
	links   []*link // ascending by from, to
	bodies  map[core.Position]machine
	held    []flight
	checker checker
	print   func(format string, args ...any)
}

// link is the way from one node to another.
type link struct {
	from, to core.NodeID
	cut      bool
	queue    []flight
}

// flight is a message under way, with the fingerprint that its entries had when it left.
type flight struct {
	message core.Message
	print   uint64
}

// NewCluster starts nodes with the members' ids. config's limits hold for each. print is told what
// happens, in lines; nil if nobody wants to know.
func NewCluster(
	config raft.Config, members core.Membership, print func(format string, args ...any),
) (*Cluster, error) {
	c := &Cluster{bodies: map[core.Position]machine{}, print: print}
	if print == nil {
		c.print = func(string, ...any) {}
	}
	c.checker.init()
	for _, m := range members.Members {
		if err := c.Add(config, m.ID, members); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Add starts one more node, empty but for a membership.
func (c *Cluster) Add(config raft.Config, id core.NodeID, members core.Membership) error {
	config.ID, config.Group = id, Group
	n := &Node{ID: id, c: c, config: config, disk: NewDisk(members)}
	n.auto.write, n.auto.apply = true, true
	for _, other := range c.nodes {
		c.links = append(c.links, &link{from: id, to: other.ID}, &link{from: other.ID, to: id})
	}
	slices.SortFunc(c.links, func(a, b *link) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
	})
	c.nodes = append(c.nodes, n)
	return n.start()
}

// Nodes returns the nodes, ascending.
func (c *Cluster) Nodes() []*Node { return c.nodes }

// Node returns the node with this id, nil if there is none.
func (c *Cluster) Node(id core.NodeID) *Node {
	for _, n := range c.nodes {
		if n.ID == id {
			return n
		}
	}
	return nil
}

// Link returns how many messages are under way from one node to another.
func (c *Cluster) Link(from, to core.NodeID) int { return len(c.link(from, to).queue) }

func (c *Cluster) link(from, to core.NodeID) *link {
	for _, l := range c.links {
		if l.from == from && l.to == to {
			return l
		}
	}
	return &link{from: from, to: to}
}

// send puts a message on its way. One to a node that does not exist, or over a cut, is lost.
func (c *Cluster) send(n *Node, m core.Message) error {
	c.print("%d: send %s", n.ID, describe(m))
	if err := c.checker.send(n, m); err != nil {
		return err
	}
	if l := c.link(m.From, m.To); !l.cut {
		l.queue = append(l.queue, flight{m, fingerprint(m.Entries)})
	}
	return nil
}

// Step lets a node that is up do something, and carries out what comes of it.
func (c *Cluster) Step(n *Node, do func(*raft.Raft)) error {
	if n.Raft == nil {
		return nil
	}
	do(n.Raft)
	return n.settle()
}

// Deliver takes the message at place i of a link to its receiver; it is lost on one that is down.
func (c *Cluster) Deliver(from, to core.NodeID, i int) error {
	l := c.link(from, to)
	f := l.queue[i]
	l.queue = slices.Delete(l.queue, i, i+1)
	if fingerprint(f.message.Entries) != f.print {
		return fmt.Errorf("entries of %v were overwritten", f.message)
	}
	n := c.Node(to)
	return c.Step(n, func(r *raft.Raft) { r.Step(f.message) })
}

// Drop loses the message at place i of a link.
func (c *Cluster) Drop(from, to core.NodeID, i int) {
	l := c.link(from, to)
	l.queue = slices.Delete(l.queue, i, i+1)
}

// Double puts a copy of the message at place i at the end of the link.
func (c *Cluster) Double(from, to core.NodeID, i int) {
	l := c.link(from, to)
	l.queue = append(l.queue, l.queue[i])
}

// TakeOver sends a node the wish of another, in that one's term, that it campaign.
func (c *Cluster) TakeOver(from, to core.NodeID) {
	if n, l := c.Node(from), c.link(from, to); n.Raft != nil && !l.cut {
		l.queue = append(l.queue, flight{core.Message{
			Kind: core.MsgTimeoutNow, Group: Group, From: from, To: to, Term: n.Raft.Term(),
		}, fingerprint(nil)})
	}
}

// Rebuild has a node want the next snapshot, and another, if it leads, send its newest.
func (c *Cluster) Rebuild(from, to core.NodeID) error {
	leader, n, l := c.Node(from), c.Node(to), c.link(from, to)
	if leader.Raft == nil || leader.Raft.Role() != raft.Leader || l.cut {
		return nil
	}
	if s := leader.Raft.Snapshot(); s.Index > 0 {
		l.queue = append(l.queue, flight{core.Message{
			Kind: core.MsgSnapshot, Group: Group, From: from, To: to, Term: leader.Raft.Term(),
			Snapshot: s,
		}, fingerprint(nil)})
	}
	return c.Step(n, func(r *raft.Raft) { r.Rebuild(true) })
}

// Cut opens or heals the link in one direction. What is under way over a link that is cut is lost.
func (c *Cluster) Cut(from, to core.NodeID, cut bool) {
	l := c.link(from, to)
	l.cut = cut
	if cut {
		l.queue = nil
	}
}

// maxDeliveries bounds how long nodes may talk without anything having happened.
const maxDeliveries = 20000

// DeliverAll delivers messages, link by link, until none is under way.
func (c *Cluster) DeliverAll() error {
	for range maxDeliveries {
		busy := slices.IndexFunc(c.links, func(l *link) bool { return len(l.queue) > 0 })
		if busy < 0 {
			return nil
		}
		if err := c.Deliver(c.links[busy].from, c.links[busy].to, 0); err != nil {
			return err
		}
	}
	return fmt.Errorf("nodes still talk after %d messages", maxDeliveries)
}

// Propose lets a node append commands.
func (c *Cluster) Propose(n *Node, kind core.EntryKind, data ...[]byte) error {
	var entries []core.Entry
	for _, d := range data {
		entries = append(entries, core.Entry{Kind: kind, Data: d})
	}
	var err error
	if broken := c.Step(n, func(r *raft.Raft) { err = r.Propose(entries) }); broken != nil {
		return broken
	}
	if err != nil {
		c.print("%d: %v", n.ID, err)
	}
	return nil
}

// HandOver lets a node hand its leadership over, zero for to whom it thinks best.
func (c *Cluster) HandOver(n *Node, to core.NodeID) error {
	var err error
	if broken := c.Step(n, func(r *raft.Raft) { err = r.Transfer(to) }); broken != nil {
		return broken
	}
	if err != nil {
		c.print("%d: %v", n.ID, err)
	}
	return nil
}

// Read lets a node ask for a read index.
func (c *Cluster) Read(n *Node, token uint64) error {
	var err error
	c.checker.asked(token)
	if broken := c.Step(n, func(r *raft.Raft) { err = r.Read(token) }); broken != nil {
		return broken
	}
	if err != nil {
		c.print("%d: read %d: %v", n.ID, token, err)
	}
	return nil
}

// Wrote makes the oldest write of a node durable, if one is under way, and reports whether so.
func (c *Cluster) Wrote(n *Node) (bool, error) {
	if n.Raft == nil || len(n.writes) == 0 {
		return false, nil
	}
	if err := n.wrote(); err != nil {
		return false, err
	}
	return true, n.settle()
}

// Apply lets a node's machine carry out its oldest work, if there is any, and reports whether so.
func (c *Cluster) Apply(n *Node) (bool, error) {
	if n.Raft == nil || len(n.work) == 0 {
		return false, nil
	}
	if err := n.apply(); err != nil {
		return false, err
	}
	return true, n.settle()
}

// Snapshot lets a node take a snapshot of what its machine holds, and keep that many entries before
// it in the log.
func (c *Cluster) Snapshot(n *Node, keep core.Index) error {
	if n.Raft == nil {
		return nil
	}
	if err := n.snapshot(n.machine.applied - min(keep, n.machine.applied)); err != nil {
		c.print("%d: %v", n.ID, err)
		return n.Raft.Err()
	}
	return n.settle()
}

// Auto says whether a node's writes are durable at once, and its entries applied at once.
func (n *Node) Auto(write, apply bool) { n.auto.write, n.auto.apply = write, apply }

// Writes returns how many writes are under way.
func (n *Node) Writes() int { return len(n.writes) }

// Crash takes a node down; the first lucky writes under way still become durable.
func (c *Cluster) Crash(n *Node, lucky int) error {
	if n.Raft == nil {
		return nil
	}
	return n.crash(lucky)
}

// Restart brings a node up from what its disk holds.
func (c *Cluster) Restart(n *Node) error {
	if n.Raft != nil {
		return nil
	}
	c.checker.restarted(n)
	return n.start()
}
