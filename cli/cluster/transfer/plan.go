package transfer

import (
	"fmt"
	"io"

	"github.com/tidelock-raft/tidelock/core"
)

// plan is what a transfer would do, for programs.
type plan struct {
	Plan    bool        `json:"plan"`
	From    core.NodeID `json:"from"` // who leads; zero: nobody
	To      core.NodeID `json:"to"`   // zero: nobody is fit
	Missing core.Index  `json:"missing"`
	Refused string      `json:"refused,omitempty"` // why it would not come about
}

// foresee says what a transfer would do, by what the leader knows of the members.
func foresee(g core.GroupStatus, node, to core.NodeID) plan {
	p := plan{Plan: true, To: to}
	if g.Role != "leader" {
		p.Refused = "nobody leads"
		return p
	}
	p.From = node
	if to == node {
		p.Refused = fmt.Sprintf("node %d leads already", node)
		return p
	}
	var best *core.MemberStatus
	for i := range g.Members {
		m := &g.Members[i]
		fit := m.Role == "voter" && m.Alive && m.ID != node
		switch {
		case m.ID == to && m.Role != "voter":
			p.Refused = fmt.Sprintf("node %d is no voter, but %s", to, m.Role)
			return p
		case m.ID == to && !fit:
			p.Refused = fmt.Sprintf("node %d does not answer", to)
			return p
		case m.ID == to && m.Barred:
			p.Refused = fmt.Sprintf("node %d says that it may not lead", to)
			return p
		case m.ID == to, to == 0 && fit && !m.Barred && (best == nil || m.Match > best.Match):
			best = m
		}
	}
	switch {
	case best != nil:
		p.To, p.Missing = best.ID, g.LastIndex-min(best.Match, g.LastIndex)
	case to == 0:
		p.Refused = "no other voter that may lead answers"
	default:
		p.Refused = fmt.Sprintf("node %d is no member", to)
	}
	return p
}

func (p plan) print(w io.Writer) error {
	text := "nothing is changed; this would be:\n"
	if p.Refused != "" {
		text += "refused: " + p.Refused + "\n"
	} else {
		text += fmt.Sprintf("leader  %d, then %d\nwait    until node %d holds %d more entries; new "+
			"writes "+
			"wait meanwhile\nlimit   an election timeout; after it node %d leads "+
			"on\n", p.From, p.To, p.To,
			p.Missing, p.From)
	}
	_, err := io.WriteString(w, text)
	return err
}
