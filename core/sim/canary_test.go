package sim

import (
	"errors"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/memory"
)

// cage is a world without nodes: a canary tells its observers what happens.
type cage struct {
	w      *World
	s      *shadow
	status map[core.NodeID]core.GroupStatus
	digest uint64
}

// newCage makes a cage with three hosts that have begun their group.
func newCage(watch func(s *shadow) []Observer) *cage {
	w := build(Options{Nodes: 3}.withDefaults())
	c := &cage{w: w, s: newShadow(w), status: map[core.NodeID]core.GroupStatus{}, digest: 1}
	c.s.status = func(h *Host) core.GroupStatus { return c.status[h.ID] }
	c.s.digest = func(*Host) uint64 { return c.digest }
	w.observers = watch(c.s)
	for _, h := range w.Hosts {
		c.writes(h.ID, core.Update{Install: &core.SnapshotMeta{Membership: w.Options.members()}})
		w.tell(func(o Observer) { o.Started(h) })
	}
	return c
}

func (c *cage) begins(id core.NodeID, updates ...core.Update) {
	for i := range updates {
		updates[i].Group = core.DefaultGroup
	}
	c.w.tell(func(o Observer) { o.Writing(c.w.Host(id), updates) })
}

func (c *cage) writes(id core.NodeID, updates ...core.Update) {
	c.begins(id, updates...)
	c.w.tell(func(o Observer) { o.Wrote(c.w.Host(id), updates) })
}

func (c *cage) hard(id core.NodeID, term core.Term, vote core.NodeID, entries ...core.Entry) {
	hard := core.HardState{Term: term, Vote: vote}
	c.writes(id, core.Update{Hard: hard, Entries: entries})
}

func (c *cage) steps(id core.NodeID, s core.GroupStatus) {
	c.status[id] = s
	c.w.tell(func(o Observer) { o.Stepped(c.w.Host(id)) })
}

func (c *cage) leads(id core.NodeID, term core.Term, last, commit core.Index) {
	c.steps(id, core.GroupStatus{Role: "leader", Term: term, LastIndex: last, CommitIndex: commit})
}

func (c *cage) sends(id core.NodeID, m core.Message) {
	m.From, m.Group = id, core.DefaultGroup
	c.w.tell(func(o Observer) { o.Sent(c.w.Host(id), &m) })
}

func (c *cage) applies(id core.NodeID, value string, entries ...core.Entry) {
	results := make([]core.Result, len(entries))
	for i := range results {
		results[i].Value = []byte(value)
	}
	c.w.tell(func(o Observer) { o.Applied(c.w.Host(id), entries, results) })
}

func (c *cage) starts(id core.NodeID) {
	c.w.tell(func(o Observer) { o.Started(c.w.Host(id)) })
}

// at is an entry of an index and term: the first of a term is empty, others are commands.
func at(term core.Term, i core.Index) core.Entry {
	e := core.Entry{Position: core.Position{Term: term, Index: i}, Kind: core.EntryCommand}
	e.Data = []byte{byte(i)}
	return e
}

// reign is what happens in every canary at first: host 1 is elected in term 1 and commits two
// entries with host 2, which both apply. Host 3 sees nothing of it.
func reign(c *cage) {
	c.hard(1, 1, 1)
	c.sends(1, core.Message{Kind: core.MsgVote, To: 2, Term: 1})
	c.hard(2, 1, 1)
	c.sends(2, core.Message{Kind: core.MsgVoteReply, To: 1, Term: 1})
	c.leads(1, 1, 2, 0)
	c.sends(1, core.Message{
		Kind: core.MsgAppend, To: 2, Term: 1, Entries: []core.Entry{at(1, 1), at(1, 2)},
	})
	c.hard(1, 1, 1, at(1, 1), at(1, 2))
	c.hard(2, 1, 1, at(1, 1), at(1, 2))
	c.sends(2, core.Message{Kind: core.MsgAppendReply, To: 1, Term: 1, Log: at(1, 2).Position})
	c.leads(1, 1, 2, 2)
	c.applies(1, "x", at(1, 1), at(1, 2))
	c.applies(2, "x", at(1, 1), at(1, 2))
}

// canaries are histories that may not be: what comes before bad is reign.
var canaries = []struct {
	rule  string
	watch func(s *shadow) []Observer
	bad   map[string]func(c *cage)
}{
	{"one leader", func(s *shadow) []Observer { return []Observer{s, newLeadersChecker(s)} },
		map[string]func(c *cage){
			"two lead":       func(c *cage) { c.leads(2, 1, 2, 2) },
			"another speaks": func(c *cage) { c.sends(2, core.Message{Kind: core.MsgAppend, Term: 1}) },
			"another resigns": func(c *cage) {
				c.sends(3, core.Message{Kind: core.MsgTimeoutNow, Term: 1})
			},
			"as of a new term": func(c *cage) { c.leads(2, 2, 2, 2); c.leads(3, 2, 2, 2) },
		}},
	{"durable votes", func(s *shadow) []Observer { return []Observer{newVotesChecker(s), s} },
		map[string]func(c *cage){
			"another vote":                 func(c *cage) { c.hard(2, 1, 2) },
			"a vote lost":                  func(c *cage) { c.hard(2, 1, 0) },
			"a lower term":                 func(c *cage) { c.hard(2, 2, 0); c.hard(2, 1, 1) },
			"a vote that nobody asked for": func(c *cage) { c.hard(2, 2, 1) },
			"two votes told": func(c *cage) {
				c.sends(2, core.Message{Kind: core.MsgVoteReply, To: 3, Term: 1})
			},
		}},
	{"progress", func(s *shadow) []Observer { return []Observer{s, newProgressChecker(s)} },
		map[string]func(c *cage){
			"commit falls":     func(c *cage) { c.leads(1, 1, 2, 1) },
			"term falls":       func(c *cage) { c.leads(1, 0, 2, 2) },
			"beyond the log":   func(c *cage) { c.leads(1, 1, 2, 3) },
			"below the disk's": func(c *cage) { c.starts(2); c.steps(2, core.GroupStatus{}) },
		}},
	{"leader append-only",
		func(s *shadow) []Observer { return []Observer{s, newAppendOnlyChecker(s)} },
		map[string]func(c *cage){
			"overwrites": func(c *cage) { c.hard(1, 1, 1, at(1, 2)) },
			"deletes":    func(c *cage) { c.leads(1, 1, 1, 1) },
		}},
	{"log matching", func(s *shadow) []Observer { return []Observer{newMatchingChecker(s), s} },
		map[string]func(c *cage){
			"other data": func(c *cage) {
				e := at(1, 2)
				e.Data = []byte("other")
				c.hard(3, 1, 0, at(1, 1), e)
			},
			"behind another term": func(c *cage) {
				c.sends(1, core.Message{Kind: core.MsgAppend, Term: 2,
					Log: core.Position{Term: 1, Index: 2}, Entries: []core.Entry{at(2, 3)}})
				c.hard(3, 2, 0, at(1, 1), at(2, 2), at(2, 3))
			},
			"a gap": func(c *cage) {
				c.sends(1, core.Message{Kind: core.MsgAppend, Term: 1, Entries: []core.Entry{at(1, 2)}})
			},
		}},
	{"leader completeness", func(s *shadow) []Observer {
		return []Observer{s, newCommitChecker(s), newCompletenessChecker(s)}
	}, map[string]func(c *cage){
		"a short log": func(c *cage) { c.leads(3, 2, 1, 0) },
		"another log": func(c *cage) {
			c.hard(3, 2, 3, at(1, 1), at(2, 2))
			c.leads(3, 2, 2, 0)
		},
		"another log is sent": func(c *cage) {
			c.sends(3, core.Message{Kind: core.MsgAppend, Term: 3,
				Log: core.Position{Term: 1, Index: 1}, Entries: []core.Entry{at(3, 2)}})
		},
	}},
	{"commit", func(s *shadow) []Observer { return []Observer{s, newCommitChecker(s)} },
		map[string]func(c *cage){
			"without a quorum": func(c *cage) { c.hard(1, 1, 1, at(1, 3)); c.leads(1, 1, 3, 3) },
			"told without a quorum": func(c *cage) {
				c.hard(1, 1, 1, at(1, 3))
				c.sends(1, core.Message{Kind: core.MsgAppend, Term: 1, Commit: 3})
			},
			"by counting an old term": func(c *cage) {
				c.hard(1, 1, 1, at(1, 3))
				c.hard(2, 1, 1, at(1, 3))
				c.leads(2, 2, 3, 3)
			},
			"another entry": func(c *cage) {
				c.writes(3, core.Update{Hard: core.HardState{Term: 2, Commit: 2},
					Entries: []core.Entry{at(1, 1), at(2, 2)}})
			},
		}},
	{"durable messages", func(s *shadow) []Observer { return []Observer{s, newMessagesChecker(s)} },
		map[string]func(c *cage){
			"a vote": func(c *cage) { c.sends(3, core.Message{Kind: core.MsgVoteReply, To: 1, Term: 1}) },
			"a candidacy": func(c *cage) {
				c.hard(3, 1, 0)
				c.sends(3, core.Message{Kind: core.MsgVote, To: 1, Term: 1})
			},
			"a term": func(c *cage) { c.sends(3, core.Message{Kind: core.MsgReadIndex, Term: 1}) },
			"entries under way": func(c *cage) {
				c.begins(2, core.Update{Hard: core.HardState{Term: 1, Vote: 1},
					Entries: []core.Entry{at(1, 3)}})
				c.sends(2, core.Message{Kind: core.MsgAppendReply, Term: 1, Log: at(1, 3).Position})
			},
		}},
	{"state machine safety",
		func(s *shadow) []Observer { return []Observer{s, newAppliedChecker(s)} },
		map[string]func(c *cage){
			"another entry":  func(c *cage) { c.applies(3, "x", at(1, 1), at(2, 2)) },
			"another result": func(c *cage) { c.applies(3, "x", at(1, 1)); c.applies(3, "y", at(1, 2)) },
			"once more":      func(c *cage) { c.applies(2, "x", at(1, 2)) },
			"a command left out": func(c *cage) {
				c.hard(3, 1, 0, at(1, 1), at(1, 2))
				c.applies(3, "x", at(1, 2))
			},
		}},
	{"applied is committed", func(s *shadow) []Observer {
		return []Observer{s, newCommitChecker(s), newAheadChecker(s)}
	}, map[string]func(c *cage){
		"before it is committed": func(c *cage) {
			c.hard(2, 1, 1, at(1, 3))
			c.applies(2, "x", at(1, 3))
		},
		"before it is durable": func(c *cage) { c.applies(3, "x", at(1, 1)) },
	}},
	{"equal digests", func(s *shadow) []Observer { return []Observer{s, newDigestsChecker(s)} },
		map[string]func(c *cage){
			"another state": func(c *cage) { c.digest = 2; c.applies(3, "x", at(1, 1), at(1, 2)) },
		}},
	{"durability", func(s *shadow) []Observer { return []Observer{newDurabilityChecker(s), s} },
		map[string]func(c *cage){
			"all is gone":      func(c *cage) { c.kept(2); c.starts(2) },
			"an entry is gone": func(c *cage) { c.kept(2, 1); c.starts(2) },
			"a vote is gone":   func(c *cage) { c.hard(2, 2, 3); c.kept(2, 1, 2); c.starts(2) },
		}},
}

// kept gives a host a store that holds entries of term 1.
func (c *cage) kept(id core.NodeID, indexes ...core.Index) {
	store := memory.New()
	u := core.Update{Group: core.DefaultGroup,
		Install: &core.SnapshotMeta{Membership: c.w.Options.members()}}
	if len(indexes) > 0 {
		u.Hard = core.HardState{Term: 1, Vote: 1}
	}
	for _, i := range indexes {
		u.Entries = append(u.Entries, at(1, i))
	}
	if err := store.Write([]core.Update{u}); err != nil {
		panic(err)
	}
	c.w.Host(id).store = store
}

// TestCheckersComplain tells each checker first what is right, then what may not be.
func TestCheckersComplain(t *testing.T) {
	for _, canary := range canaries {
		for name, bad := range canary.bad {
			c := newCage(canary.watch)
			reign(c)
			if err := c.w.Err(); err != nil {
				t.Errorf("%s: a history that is right: %v", canary.rule, err)
			}
			bad(c)
			var v *Violation
			if !errors.As(c.w.Err(), &v) || v.Rule != canary.rule {
				t.Errorf("%s, %s: got %v", canary.rule, name, c.w.Err())
			}
		}
	}
}

// TestStoresMayKeepMore lets a crash find a write that was under way done, and a host that was
// restarted go on.
func TestStoresMayKeepMore(t *testing.T) {
	c := newCage(func(s *shadow) []Observer {
		return append([]Observer{newDurabilityChecker(s)}, s, newAppliedChecker(s))
	})
	reign(c)
	c.begins(2, core.Update{Hard: core.HardState{Term: 1, Vote: 1}, Entries: []core.Entry{at(1, 3)}})
	c.kept(2, 1, 2, 3)
	c.starts(2)
	c.applies(2, "x", at(1, 1), at(1, 2), at(1, 3))
	if err := c.w.Err(); err != nil {
		t.Error(err)
	}
	if last := c.s.disk(2).last(); last != at(1, 3).Position {
		t.Errorf("the disk ends at %v, want %v", last, at(1, 3).Position)
	}
}
