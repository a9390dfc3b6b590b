// Package status is the command that says how a cluster is and what it can bear, with a row for
// each node.
package status

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/cli/internal/survey"
	"github.com/tidelock-raft/tidelock/core"
)

// New makes the command.
func New(env remote.Env) *cli.Command {
	return remote.Bare(env, "status", "say how the cluster is and what it can bear",
		"Asks every node. The first line says how many failures the cluster tolerates; "+
			"then\n"+
			"there is a row for each node. LAG is how many committed entries the node has yet to "+
			"apply,\n"+
			"and how much older its state is; CONTACT is when it last heard the leader. The exit code "+
			"is\n"+
			"0 if all is well, 5 if it is not (cluster why says more), and 2 if no node answers.\n\n"+
			"  raft-client cluster status\n"+
			"  raft-client cluster status --output json",
		run)
}

// summary is the whole for programs.
type summary struct {
	Healthy  bool             `json:"healthy"`
	Headline string           `json:"headline"`
	Leader   core.NodeID      `json:"leader"` // zero: none
	Voters   int              `json:"voters"`
	Majority int              `json:"majority"`
	Spare    int              `json:"spare"`              // negative: nothing can be written
	Outgoing *half            `json:"outgoing,omitempty"` // of a joint membership
	Commit   core.Index       `json:"commit_index"`
	Nodes    []row            `json:"nodes"`
	Findings []survey.Finding `json:"findings"`
}

// half is the voters of a joint membership that are being left: their majority has to agree, too.
type half struct {
	Voters   int `json:"voters"`
	Majority int `json:"majority"`
}

// row is one node.
type row struct {
	Node       core.NodeID `json:"node"` // zero: not known
	Endpoint   string      `json:"endpoint,omitempty"`
	Role       string      `json:"role"`             // as in status, or unreachable, stranger
	Member     string      `json:"member,omitempty"` // voter, learner, joining, outgoing
	Outgoing   bool        `json:"outgoing,omitempty"`
	Term       core.Term   `json:"term"`
	Commit     core.Index  `json:"commit_index"`
	Applied    core.Index  `json:"applied_index"`
	LagEntries core.Index  `json:"lag_entries"`
	LagMS      int64       `json:"lag_ms"`     // -1: not known
	ContactMS  int64       `json:"contact_ms"` // since it heard the leader; -1: not known
	Problems   []string    `json:"problems"`   // causes of findings about it
	Error      string      `json:"error,omitempty"`
}

func run(ctx context.Context, o remote.Options) error {
	nodes, err := survey.Ask(ctx, o)
	if err != nil {
		return o.Report(err, 0)
	}
	s := summarise(survey.Draw(nodes))
	if o.JSON {
		err = remote.PrintJSON(o.Out, s)
	} else {
		err = s.print(o.Out)
	}
	if err == nil {
		err = survey.Reachable(nodes)
	}
	if err == nil && !s.Healthy {
		err = exit.ErrUnhealthy
	}
	return exit.Reported(err)
}

func summarise(p *survey.Picture) summary {
	findings := p.Findings()
	s := summary{
		Healthy: survey.Healthy(findings), Headline: p.Headline(), Voters: len(p.Voters),
		Majority: p.Voters.Majority(), Spare: p.Spare(), Commit: p.Commit, Findings: findings,
	}
	if n := len(p.Outgoing); n > 0 {
		s.Outgoing = &half{n, p.Outgoing.Majority()}
	}
	if p.Leader != nil {
		s.Leader = p.Leader.ID
	}
	for _, r := range p.Replicas {
		s.Nodes = append(s.Nodes, describe(p, r))
	}
	for _, n := range p.Strays {
		s.Nodes = append(s.Nodes, row{Node: n.ID, Endpoint: n.Endpoint, Role: "stranger", LagMS: -1,
			ContactMS: -1})
	}
	for i := range p.Nodes {
		if n := &p.Nodes[i]; n.ID == 0 {
			s.Nodes = append(s.Nodes, describe(p, &survey.Replica{Node: n}))
		}
	}
	for i := range s.Nodes {
		s.Nodes[i].Problems = problems(findings, s.Nodes[i].Node)
	}
	return s
}

// describe makes the row of a replica.
func describe(p *survey.Picture, r *survey.Replica) row {
	line := row{Node: r.ID, Role: "unreachable", LagMS: -1, ContactMS: -1}
	if r.Member != nil {
		line.Member, line.Outgoing = r.Member.Role, r.Member.Outgoing
	}
	if r.Node == nil {
		line.Error = "no endpoint of it is known"
		return line
	}
	line.Endpoint, line.Error = r.Node.Endpoint, r.Node.Error
	g := r.Group
	if g == nil {
		return line
	}
	line.Role, line.Term, line.Commit, line.Applied = g.Role, g.Term, g.CommitIndex, g.AppliedIndex
	entries, age, known := p.Lag(r)
	line.LagEntries = entries
	if known {
		line.LagMS = age.Milliseconds()
	}
	if p.Leader != nil && p.Leader != r {
		if ago, ever := r.Heard(p.Leader.ID); ever {
			line.ContactMS = ago.Milliseconds()
		}
	}
	return line
}

// problems are the causes of the findings about a node, once each.
func problems(findings []survey.Finding, id core.NodeID) []string {
	list := []string{}
	for _, f := range findings {
		for _, about := range f.Nodes {
			if about == id && (len(list) == 0 || list[len(list)-1] != f.Cause) {
				list = append(list, f.Cause)
			}
		}
	}
	return list
}

// maxColumns is how wide the table gets.
const maxColumns = 100

func (s summary) print(w io.Writer) error {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NODE\tROLE\tTERM\tCOMMIT\tAPPLIED\tLAG\tCONTACT\tPROBLEM")
	for _, r := range s.Nodes {
		fmt.Fprintln(table, strings.Join(r.cells(), "\t"))
	}
	_ = table.Flush() // a strings.Builder takes everything
	text := s.Headline + "\n"
	for line := range strings.Lines(b.String()) {
		if cells := []rune(strings.TrimRight(line, " \n")); len(cells) > maxColumns {
			line = string(cells[:maxColumns-1]) + "…\n"
		}
		text += line
	}
	if len(s.Findings) > 0 {
		text += "raft-client cluster why says more\n"
	}
	_, err := io.WriteString(w, text)
	return err
}

func (r row) cells() []string {
	node := "-"
	if r.Node != 0 {
		node = fmt.Sprint(r.Node)
	}
	problem := strings.Join(r.Problems, ",")
	if problem == "" {
		problem = "-"
	}
	if r.Role == "unreachable" || r.Role == "stranger" {
		if r.Error != "" {
			problem += ": " + r.Error
		}
		return []string{node, r.Role, "-", "-", "-", "-", "-", problem}
	}
	role, lag, contact := r.Role, fmt.Sprint(r.LagEntries), "-"
	switch {
	case r.Member == "voter" && r.Outgoing:
		role += " (in both halves)"
	case r.Member != "" && r.Member != "voter":
		role += " (" + r.Member + ")"
	}
	if r.LagEntries > 0 && r.LagMS >= 0 {
		lag += ", " + short(r.LagMS)
	}
	if r.ContactMS >= 0 {
		contact = short(r.ContactMS)
	}
	return []string{node, role, fmt.Sprint(r.Term), fmt.Sprint(r.Commit), fmt.Sprint(r.Applied), lag,
		contact, problem}
}

// short writes milliseconds so that a column stays narrow.
func short(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	if d >= time.Minute {
		return d.Round(time.Second).String()
	}
	return d.Round(10 * time.Millisecond).String()
}
