package survey

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidelock-raft/tidelock/core"
)

// Finding is something that is wrong.
type Finding struct {
	Cause    string        `json:"cause"`    // for programs; docs/operations.md lists them
	Severity string        `json:"severity"` // Error or Warning
	Nodes    []core.NodeID `json:"nodes"`    // that it is about, ascending
	Text     string        `json:"text"`
	Evidence []string      `json:"evidence"`
	Next     []string      `json:"next"` // what to type or do
}

// The severities. Without an Error the cluster is healthy.
const (
	Error   = "error"
	Warning = "warning"
)

// What counts as wrong.
const (
	silence     = 2 * time.Second // without a message between a leader and a member
	slowWrite   = 100             // milliseconds, on average
	littleSpace = 256 << 20       // bytes that are left
	manyEntries = 1000            // to be applied yet
	someEntries = 100             // the same, if the state is old as well
	oldState    = 5 * time.Second // behind the newest
	clockDiffer = time.Second     // beyond what asking took
)

// rules look for one thing each, the gravest first.
var rules = []func(*Picture) []Finding{
	nobody, noQuorum, astray, unlinked, noLeader, wrongCluster, refusedLinks, sickDisks, down,
	quarantined, diverged, lagging, notPromoted, changing, littleRoom, versions, clocks, scripts,
	removed,
}

// Findings lists what is wrong, the gravest first; nothing if all is well.
func (p *Picture) Findings() []Finding {
	findings := []Finding{}
	for _, rule := range rules {
		findings = append(findings, rule(p)...)
	}
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return strings.Compare(a.Severity, b.Severity)
	})
	return findings
}

// Healthy reports whether no finding is an Error.
func Healthy(findings []Finding) bool {
	return !slices.ContainsFunc(findings, func(f Finding) bool { return f.Severity == Error })
}

// finding makes one; evidence and next are added to it.
func finding(severity, cause string, about []*Replica, text string, args ...any) Finding {
	f := Finding{Cause: cause, Severity: severity, Text: fmt.Sprintf(text, args...),
		Nodes: []core.NodeID{}, Evidence: []string{}, Next: []string{}}
	for _, r := range about {
		f.Nodes = append(f.Nodes, r.ID)
	}
	return f
}

func (f *Finding) saw(format string, args ...any) {
	f.Evidence = append(f.Evidence, fmt.Sprintf(format, args...))
}

func (f *Finding) next(format string, args ...any) {
	f.Next = append(f.Next, fmt.Sprintf(format, args...))
}

func nobody(p *Picture) []Finding {
	if len(p.answered())+len(p.Strays) > 0 {
		return nil
	}
	f := finding(Error, "nobody_answers", p.Replicas, "no node answers here")
	for _, n := range p.Nodes {
		f.saw("%s: %s", n.Endpoint, n.Error)
	}
	f.next("raft-client status --endpoints LIST, with the addresses of their --api-listen")
	f.next("on their machines: raft-node --id N, as they were started before")
	return []Finding{f}
}

func noQuorum(p *Picture) []Finding {
	var lacks, next []string
	away, survivors := map[*Replica]bool{}, map[*Replica]bool{}
	for what, h := range p.halves() {
		there, missing := p.split(h)
		for _, r := range there {
			survivors[r] = true
		}
		if len(there) >= h.Majority() {
			continue
		}
		lacks = append(lacks, fmt.Sprintf("%d of %s, a majority of %d is needed", len(there),
			count(len(h), what), h.Majority()))
		next = append(next, fmt.Sprintf("start again any %d of %s: raft-node --id %d, as it was started "+
			"before", h.Majority()-len(there), names(missing), missing[0].ID))
		for _, r := range missing {
			away[r] = true
		}
	}
	if lacks == nil {
		return nil
	}
	f := finding(Error, "no_quorum", p.among(away), "no quorum: %s; nothing can be written",
		strings.Join(lacks, ", and "))
	for _, r := range p.among(away) {
		f.saw("%s", p.absence(r))
	}
	f.Next = append(f.Next, next...)
	var ids []string
	for _, r := range p.among(survivors) {
		ids = append(ids, fmt.Sprint(r.ID))
	}
	f.next("only if their disks are lost for good, on the machine of a survivor, the node stopped: "+
		"tidelock recover DIR --survivors %s --plan", strings.Join(ids, ","))
	return []Finding{f}
}

// among are the replicas of a set, ascending.
func (p *Picture) among(set map[*Replica]bool) []*Replica {
	return slices.DeleteFunc(slices.Clone(p.Replicas), func(r *Replica) bool { return !set[r] })
}

// absence says what is known of a node that does not do its part.
func (p *Picture) absence(r *Replica) string {
	text := fmt.Sprintf("node %d does not answer its leader", r.ID)
	switch {
	case r.Node == nil:
		text = fmt.Sprintf("node %d: no endpoint is known to ask it at (--endpoints %d=HOST:PORT)",
			r.ID, r.ID)
	case r.Node.Err != nil:
		text = fmt.Sprintf("node %d does not answer: %s", r.ID, r.Node.Error)
	}
	for _, o := range p.Replicas {
		if peer := o.peer(r.ID); peer != nil && peer.Error != "" {
			return text + fmt.Sprintf("; node %d cannot reach it either: %s", o.ID, peer.Error)
		}
	}
	return text
}

// unlinked finds pairs of nodes that answer us and do not hear each other: all with the leader, or
// without one all voters.
func unlinked(p *Picture) (list []Finding) {
	for i, a := range p.Replicas {
		for _, b := range p.Replicas[i+1:] {
			if a.Group == nil || b.Group == nil || a.Member == nil || b.Member == nil || misled(a, b) {
				continue
			}
			if p.Leader != nil && a != p.Leader && b != p.Leader {
				continue // followers have nothing to tell each other
			}
			if p.Leader == nil && (!a.counts() || !b.counts()) {
				continue
			}
			if f, ok := link(a, b); ok {
				list = append(list, f)
			}
		}
	}
	return list
}

// link looks at what two nodes hear of each other.
func link(a, b *Replica) (Finding, bool) {
	deaf := func(r, to *Replica) bool {
		ago, ever := r.Heard(to.ID)
		return r.Node.Status.Peers != nil && (!ever || ago > silence)
	}
	both := []*Replica{a, b}
	var f Finding
	switch toA, toB := deaf(a, b), deaf(b, a); {
	case toA && toB:
		f = finding(Error, "partition", both, "nodes %d and %d answer here and do not hear each "+
			"other: "+
			"the network between them is cut", a.ID, b.ID)
	case toB:
		f = finding(Error, "one_way", both, "what node %d sends does not reach node %d; the other way "+
			"it does", a.ID, b.ID)
	case toA:
		f = finding(Error, "one_way", both, "what node %d sends does not reach node %d; the other way "+
			"it does", b.ID, a.ID)
	default:
		return f, false
	}
	for i, r := range both {
		other := both[1-i]
		if ago, ever := r.Heard(other.ID); ever {
			f.saw("node %d heard node %d %v ago; it is %s in term %d", r.ID, other.ID, ago, r.Group.Role,
				r.Group.Term)
		} else {
			f.saw("node %d has not heard node %d since it started; it is %s in term %d", r.ID, other.ID,
				r.Group.Role, r.Group.Term)
		}
		if peer := r.peer(other.ID); peer != nil && peer.Error != "" {
			f.saw("node %d cannot send to node %d: %s", r.ID, other.ID, peer.Error)
		}
		if host, port, ok := split(string(other.Member.Addr)); ok {
			f.next("on the machine of node %d: nc -vz %s %d", r.ID, host, port)
		}
	}
	return f, true
}

func noLeader(p *Picture) []Finding {
	if p.Leader != nil || len(p.Voters) == 0 || len(noQuorum(p)) > 0 {
		return nil
	}
	voters := slices.DeleteFunc(slices.Clone(p.Replicas), func(r *Replica) bool { return !r.counts() })
	f := finding(Error, "no_leader", voters, "a majority answers here, and nobody leads: an "+
		"election is under way, or none succeeds")
	for _, r := range voters {
		if r.Group != nil {
			f.saw("node %d: %s in term %d, last entry %d", r.ID, r.Group.Role, r.Group.Term,
				r.Group.LastIndex)
		}
	}
	f.next("raft-client cluster why, once more in a second; if it stays so, see the other findings")
	return []Finding{f}
}

func wrongCluster(p *Picture) (list []Finding) {
	for _, n := range p.Strays {
		f := finding(Error, "wrong_cluster", []*Replica{{ID: n.ID}},
			"node %d at %s belongs to another cluster", n.ID, n.Endpoint)
		f.saw("its cluster is %d, that of the others %d", n.Status.Cluster, p.cluster())
		for _, r := range p.Replicas {
			if peer := r.peer(n.ID); peer != nil && peer.Error != "" {
				f.saw("node %d cannot send to it: %s", r.ID, peer.Error)
			}
		}
		f.next("raft-node --id %d --cluster NAME --data EMPTY_DIR …: with the NAME that the others "+
			"were "+
			"started with; or take %s out of --endpoints", n.ID, n.Endpoint)
		list = append(list, f)
	}
	return list
}

func (p *Picture) cluster() core.ClusterID {
	for _, r := range p.Replicas {
		if r.Group != nil {
			return r.Node.Status.Cluster
		}
	}
	return 0
}

// refusals are what a connection can be refused for, and what follows from it.
var refusals = []struct{ text, cause, next string }{
	{"another cluster", "wrong_cluster", "raft-node --id %d --cluster NAME …: with the NAME of the " +
		"others"},
	{"another protocol version", "version_skew", "update the program of node %d"},
	{"another node has this address", "wrong_address", "raft-client cluster address %d HOST:PORT"},
	{"both have the same node id", "wrong_address", "start node %d with an --id of its own"},
	{"identity not verified", "wrong_certificate", "give node %d a certificate that names it"},
}

// refusedLinks finds nodes whose connections are refused with a reason.
func refusedLinks(p *Picture) (list []Finding) {
	stray := func(id core.NodeID) bool {
		return slices.ContainsFunc(p.Strays, func(n *Node) bool { return n.ID == id })
	}
	for _, r := range p.Replicas {
		for _, o := range p.Replicas {
			peer := r.peer(o.ID)
			if peer == nil || peer.Error == "" || stray(o.ID) || p.Leader != nil && r != p.Leader {
				continue
			}
			for _, refusal := range refusals {
				if strings.Contains(peer.Error, refusal.text) {
					f := finding(Error, refusal.cause, []*Replica{o}, "node %d is refused: %s", o.ID,
						refusal.text)
					f.saw("node %d cannot send to it: %s", r.ID, peer.Error)
					f.next(refusal.next, o.ID)
					list = append(list, f)
				}
			}
		}
	}
	return list
}

func down(p *Picture) (list []Finding) {
	for _, r := range p.Replicas {
		if r.Group != nil || r.Member == nil || r.Member.Role == "joining" ||
			slices.ContainsFunc(p.Strays, func(n *Node) bool { return n.ID == r.ID }) {
			continue
		}
		if p.Leader != nil && r.Member.Alive {
			if r.Node != nil {
				f := finding(Warning, "api_unreachable", []*Replica{r}, "node %d takes part, and cannot "+
					"be "+
					"asked from here", r.ID)
				f.saw("%s: %s", r.Node.Endpoint, r.Node.Error)
				f.next("raft-client status --endpoints %d=HOST:PORT, with the address of its --api-listen",
					r.ID)
				list = append(list, f)
			}
			continue
		}
		f := finding(Error, "down", []*Replica{r}, "node %d is down, or nobody reaches it", r.ID)
		f.saw("%s", p.absence(r))
		f.next("on its machine: raft-node --id %d, as it was started before", r.ID)
		f.next("if it refuses to start: raft-client cluster why --data DIR, with its data directory")
		list = append(list, f)
	}
	return list
}
