package survey

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/tidelock-raft/tidelock/core"
)

// Picture is what the nodes say, side by side. It is about the default group.
type Picture struct {
	Nodes    []Node     // as asked
	Strays   []*Node    // those that belong to another cluster; they are not in Replicas
	Replicas []*Replica // members and whoever else answers, ascending by id

	Leader   *Replica // of the newest term; nil: none is known
	Voters   Half
	Outgoing Half       // in a joint membership the voters that are being left; else none
	Commit   core.Index // the newest that anybody knows of
	newest   *Replica   // which has applied most
}

// Half is a set of voters. The half of a joint membership needs a majority of its own; as a rule
// there is but one half, which is the whole.
type Half []*Replica

// Majority is how many of them have to agree.
func (h Half) Majority() int { return min(len(h), len(h)/2+1) }

// Replica is one node as itself and the others see it.
type Replica struct {
	ID     core.NodeID
	Node   *Node              // nil: no endpoint of it is known
	Group  *core.GroupStatus  // nil: it has not answered
	Member *core.MemberStatus // as the leader knows it, or else whoever knows most; nil: no member
}

// Draw lays answers side by side.
func Draw(nodes []Node) *Picture {
	p := &Picture{Nodes: nodes}
	home := p.home()
	for i := range nodes {
		n := &nodes[i]
		if n.Status != nil && n.Status.Cluster != home {
			p.Strays = append(p.Strays, n)
			continue
		}
		if n.ID == 0 {
			continue // neither it nor its endpoint says who it is
		}
		r := p.replica(n.ID)
		if r.Node == nil || r.Node.Status == nil {
			r.Node, r.Group = n, group(n)
		}
	}
	p.lead()
	p.enlist()
	for _, r := range p.Replicas {
		if r.Group != nil {
			p.Commit = max(p.Commit, r.Group.CommitIndex, r.Group.AppliedIndex)
			if p.newest == nil || r.Group.AppliedIndex > p.newest.Group.AppliedIndex {
				p.newest = r
			}
		}
	}
	return p
}

func group(n *Node) *core.GroupStatus {
	if n.Status == nil {
		return nil
	}
	for i := range n.Status.Groups {
		if n.Status.Groups[i].Group == core.DefaultGroup {
			return &n.Status.Groups[i]
		}
	}
	return nil
}

// home is the cluster that most of those who answer belong to; of two, that of the first.
func (p *Picture) home() (home core.ClusterID) {
	count := map[core.ClusterID]int{}
	for _, n := range p.Nodes {
		if n.Status != nil {
			count[n.Status.Cluster]++
		}
	}
	most := 0
	for _, n := range p.Nodes {
		if n.Status != nil && count[n.Status.Cluster] > most {
			home, most = n.Status.Cluster, count[n.Status.Cluster]
		}
	}
	return home
}

func (p *Picture) replica(id core.NodeID) *Replica {
	at, found := slices.BinarySearchFunc(p.Replicas, id, func(r *Replica, id core.NodeID) int {
		return cmp.Compare(r.ID, id)
	})
	if !found {
		p.Replicas = slices.Insert(p.Replicas, at, &Replica{ID: id})
	}
	return p.Replicas[at]
}

// lead finds the leader: of two that say so, that of the newer term.
func (p *Picture) lead() {
	for _, r := range p.Replicas {
		if r.Group != nil && r.Group.Role == "leader" &&
			(p.Leader == nil || r.Group.Term > p.Leader.Group.Term) {
			p.Leader = r
		}
	}
}

// enlist notes who is a member, by the leader or else by the replica whose log is newest.
func (p *Picture) enlist() {
	best := p.Leader
	for _, r := range p.Replicas {
		if p.Leader == nil && r.Group != nil && (best == nil || r.Group.Term > best.Group.Term ||
			r.Group.Term == best.Group.Term && r.Group.LastIndex > best.Group.LastIndex) {
			best = r
		}
	}
	if best == nil {
		return
	}
	for i := range best.Group.Members {
		m := &best.Group.Members[i]
		r := p.replica(m.ID)
		r.Member = m
		if m.Role == "voter" {
			p.Voters = append(p.Voters, r)
		}
		if m.Outgoing {
			p.Outgoing = append(p.Outgoing, r)
		}
	}
}

// halves yields the sets of voters that have to agree, and what their members are called.
func (p *Picture) halves() iter.Seq2[string, Half] {
	return func(yield func(string, Half) bool) {
		if len(p.Voters) > 0 && yield("voter", p.Voters) && len(p.Outgoing) > 0 {
			yield("outgoing voter", p.Outgoing)
		}
	}
}

// counts reports whether a replica is a voter in either half.
func (r *Replica) counts() bool {
	return r.Member != nil && (r.Member.Role == "voter" || r.Member.Outgoing)
}

// Answers reports whether a voter does what a majority is for: it answers the leader. As long as
// there is none, whoever answers us may.
func (p *Picture) Answers(r *Replica) bool {
	switch {
	case p.Leader == nil:
		return r.Group != nil
	case r == p.Leader:
		return true
	}
	return r.Member != nil && r.Member.Alive
}

// split tells voters that answer from those that do not.
func (p *Picture) split(h Half) (there, away Half) {
	for _, r := range h {
		if p.Answers(r) {
			there = append(there, r)
		} else {
			away = append(away, r)
		}
	}
	return there, away
}

// Spare is how many voters may fail before nothing can be committed; negative: nothing can be. Of
// two halves the weaker decides, for all that fail may be in it.
func (p *Picture) Spare() int {
	spare := math.MaxInt
	for _, h := range p.halves() {
		there, _ := p.split(h)
		spare = min(spare, len(there)-h.Majority())
	}
	if p.Leader == nil || len(p.Voters) == 0 {
		spare = min(spare, -1)
	}
	return spare
}

// Headline says what the cluster can bear.
func (p *Picture) Headline() string {
	if len(p.Voters) == 0 {
		return "no node answers that knows the members"
	}
	var halves []string
	for what, h := range p.halves() {
		text := count(len(h), what)
		if there, away := p.split(h); len(away) > 0 {
			text += fmt.Sprintf(", %d answer", len(there))
			if p.Leader != nil && len(there) < h.Majority() {
				text += fmt.Sprintf(" of %d needed", h.Majority())
			}
		}
		halves = append(halves, text)
	}
	text := strings.Join(halves, " and ")
	switch spare := p.Spare(); {
	case p.Leader == nil:
		text += ", no leader: nothing can be committed"
	case spare < 0:
		text += ": nothing can be committed"
	default:
		text += ", tolerates " + count(spare, "failure")
	}
	learners := 0
	for _, r := range p.Replicas {
		if r.Member != nil && !r.counts() && r.Member.Role != "outgoing" {
			learners++
		}
	}
	if learners > 0 {
		text += "; " + count(learners, "learner")
	}
	return text
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// Heard is how long ago a replica last heard another; false: never, or it does not say.
func (r *Replica) Heard(id core.NodeID) (time.Duration, bool) {
	if p := r.peer(id); p != nil && p.HeardMS >= 0 {
		return time.Duration(p.HeardMS) * time.Millisecond, true
	}
	return 0, false
}

func (r *Replica) peer(id core.NodeID) *core.PeerStatus {
	if r.Node == nil || r.Node.Status == nil {
		return nil
	}
	for i := range r.Node.Status.Peers {
		if r.Node.Status.Peers[i].Node == id {
			return &r.Node.Status.Peers[i]
		}
	}
	return nil
}

// Lag is how many committed entries a replica has yet to apply, and how much older its state is
// than the newest, by the time of the entries; false: that is not known.
func (p *Picture) Lag(r *Replica) (entries core.Index, age time.Duration, known bool) {
	entries = p.Commit - r.Group.AppliedIndex
	if entries == 0 {
		return 0, 0, true
	}
	newest, here := p.newest.Group.AppliedTime, r.Group.AppliedTime
	return entries, time.Duration(newest - here), here != 0 && newest > here
}

// names writes replicas as node 1, node 2.
func names(list []*Replica) string {
	var words []string
	for _, r := range list {
		words = append(words, fmt.Sprint("node ", r.ID))
	}
	return strings.Join(words, ", ")
}
