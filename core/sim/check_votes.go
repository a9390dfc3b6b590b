package sim

import "github.com/tidelock-raft/tidelock/core"

// votesChecker: what is durable of terms and votes only grows: a term never falls, a host has one
// vote in each term and never takes it back, and it votes only for who asked for that vote in that
// term (Raft §5.2; a vote kept under a new term was nats#7956).
type votesChecker struct {
	Bystander
	s     *shadow
	asked map[ballot]bool
	given map[ballot]core.NodeID // by whom and in which term; to is zero
}

// ballot is a request for a vote.
type ballot struct {
	from, to core.NodeID
	term     core.Term
}

func newVotesChecker(s *shadow) Observer {
	return &votesChecker{s: s, asked: map[ballot]bool{}, given: map[ballot]core.NodeID{}}
}

// Sent implements Observer.
func (c *votesChecker) Sent(h *Host, m *core.Message) {
	if m.Kind == core.MsgVote {
		c.asked[ballot{h.ID, m.To, m.Term}] = true
		c.give(h, m.Term, h.ID)
	}
	if m.Kind == core.MsgVoteReply && !m.Reject {
		c.give(h, m.Term, m.To)
	}
}

// give notes that a host tells of its vote.
func (c *votesChecker) give(h *Host, term core.Term, id core.NodeID) {
	vote := ballot{from: h.ID, term: term}
	if to := c.given[vote]; to != 0 && to != id && !h.suspect {
		c.s.w.Fail("durable votes", "host %d gives its vote of term %d to %d and to %d",
			h.ID, term, to, id)
	}
	c.given[vote] = id
}

// Writing implements Observer.
func (c *votesChecker) Writing(h *Host, batch []core.Update) {
	d := c.s.disk(h.ID)
	term, commit := d.hard.Term, d.hard.Commit
	for i := range batch {
		hard := batch[i].Hard
		if hard.Term == 0 || h.suspect {
			continue
		}
		if hard.Term < term || hard.Commit < commit {
			c.s.w.Fail("durable votes", "host %d writes term %d, commit %d after term %d, commit %d",
				h.ID, hard.Term, hard.Commit, term, commit)
		}
		if was := d.voted[hard.Term]; was != 0 && was != hard.Vote {
			c.s.w.Fail("durable votes", "host %d gives its vote of term %d to %d after %d",
				h.ID, hard.Term, hard.Vote, was)
		}
		v := hard.Vote
		known := v != 0 && v != h.ID && int(v) <= len(c.s.w.Hosts)
		if known && !c.asked[ballot{v, h.ID, hard.Term}] {
			c.s.w.Fail("durable votes", "host %d votes for %d in term %d, which did not ask",
				h.ID, v, hard.Term)
		}
		term, commit = hard.Term, hard.Commit
	}
}
