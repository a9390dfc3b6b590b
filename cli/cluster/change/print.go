package change

import (
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/tidelock-raft/tidelock/cli/cluster/members"
	"github.com/tidelock-raft/tidelock/cli/internal/server"
	"github.com/tidelock-raft/tidelock/core"
)

// outcome is what came of a change, for programs.
type outcome struct {
	Leader string     `json:"leader,omitempty"`
	Index  core.Index `json:"index,omitempty"`
	Plan   bool       `json:"plan,omitempty"` // nothing was done
	core.ChangeReport
	Start string `json:"start,omitempty"` // how to start the node that was added
}

func (o outcome) print(w io.Writer, leader core.NodeID) error {
	var b strings.Builder
	if o.Plan {
		fmt.Fprintf(&b, "nothing is changed; this would be:\nbefore  %s\nafter   %s\n",
			words(o.Before), words(o.After))
		if o.Joint {
			b.WriteString("way     joint: meanwhile both majorities have to agree\n")
		}
		if o.Refused != "" {
			fmt.Fprintf(&b, "refused unless forced: %s\n", o.Refused)
		}
	} else {
		fmt.Fprintf(&b, "OK leader=%d index=%d\n%s\n", leader, o.Index, words(o.After))
	}
	if err := members.Table(&b, o.Members, leader, true); err != nil {
		return err
	}
	if o.Start != "" {
		fmt.Fprintf(&b, "\nstart it with:\n  %s\n", o.Start)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// words writes a strength for people.
func words(s core.Strength) string {
	text := fmt.Sprintf("%d voters, majority %d, %d answer: ", s.Voters, s.Majority, s.Answer)
	if s.Spare < 0 {
		return text + "nothing can be committed"
	}
	return text + fmt.Sprintf("%d may fail", s.Spare)
}

// start is the command that starts a node that was added.
func start(step core.ChangeStep, all []core.MemberStatus, cluster core.ClusterID) string {
	command := fmt.Sprintf("raft-node --id %d", step.Node)
	if cluster != server.ClusterID(server.DefaultCluster) {
		command += " --cluster NAME"
	}
	host, port, err := net.SplitHostPort(string(step.Addr))
	if err == nil && host != server.DefaultBind {
		command += " --bind " + host
	}
	if port != fmt.Sprint(server.DefaultBasePort+uint64(step.Node)) {
		command += " --listen " + string(step.Addr)
	}
	var others []string
	for _, m := range all {
		if m.ID != step.Node {
			others = append(others, fmt.Sprintf("%d=%s", m.ID, m.Addr))
		}
	}
	return command + " --join " + strings.Join(others, ",")
}
