package change

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"slices"
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
func start(step core.ChangeStep, all []core.MemberStatus, as *core.NodeStatus) string {
	command := fmt.Sprintf("raft-node --id %d", step.Node)
	if name := as.ClusterName; name != "" && name != server.DefaultCluster {
		command += " --cluster " + quote(name)
	}
	if name := as.Transport; name != "" && name != server.DefaultTransport {
		command += " --transport " + quote(name)
	}
	_, place := step.Addr.Split()
	host, port, err := net.SplitHostPort(string(place))
	if err == nil && host != server.DefaultBind {
		command += " --bind " + host
	}
	if others := besides(step.Addr, as.Transport); len(others) > 0 ||
		port != fmt.Sprint(server.DefaultBasePort+uint64(step.Node)) {
		command += " --listen " + string(step.Addr)
		for _, other := range others {
			command += "," + other + "://HOST:PORT"
		}
	}
	var others []string
	for _, m := range all {
		if m.ID != step.Node {
			others = append(others, fmt.Sprintf("%d=%s", m.ID, m.Addr))
		}
	}
	return command + " --join " + strings.Join(others, ",")
}

// besides are the transports that run beside the one of an address.
func besides(addr core.Addr, running string) []string {
	names := strings.Split(running, ",")
	by, _ := addr.Split()
	by = cmp.Or(by, names[0])
	return slices.DeleteFunc(names, func(name string) bool { return name == by })
}

// quote writes a word so that a shell takes it as it is.
func quote(word string) string {
	plain := func(r rune) bool {
		return r < 0x80 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
			strings.ContainsRune("-._/:,", r))
	}
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool { return !plain(r) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
