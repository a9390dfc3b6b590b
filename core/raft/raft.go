package raft

import (
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/internal/ring"
	"github.com/tidelock-raft/tidelock/core/quorum"
)

// Raft is one replica of one group. Its invariants are listed in the package comment.
type Raft struct {
	c    Config
	err  error // what it could not go on after
	rand random

	role    Role
	term    core.Term
	vote    core.NodeID
	leader  core.NodeID
	elapsed int  // ticks since a leader was heard or a vote given; as leader, since the last check
	heard   bool // a leader was heard, or a vote given, since the last Take
	ticks   int  // since the start, modulo HeartbeatTicks
	age     int  // ticks since the start, up to ElectionTicks
	timeout int  // when elapsed reaches it, a follower or candidate campaigns
	beat    int  // leader: ticks since the last heartbeat

	log       journal
	commit    core.Index
	handed    core.Index // handed out by Output.Apply or Restore
	applied   core.Index // reported by Applied
	blank     bool       // knows nothing, perhaps because its disk was lost: see blank.go
	restoring core.Index // a snapshot handed out by Output.Restore and not yet reported; zero: none
	applying  ledger
	barred    bool // does not lead
	halted    bool // hands out nothing to be applied
	rebuild   bool // wants the next snapshot

	snapshot *core.SnapshotMeta // the newest recorded; replaced, never changed, as messages share it
	eras     []era
	voters   quorum.Joint
	peers    []peer

	removed  bool       // told that it is no member any more, for good
	transfer transfer   // leader: the handing over that is under way
	mark     core.Index // leader: a learner that holds the log up to here has caught up
	counted  bool       // leader: the quorum was checked in this term, so it is known who answers

	noop        core.Index // leader: the first entry of its term
	wall        int64      // leader: Entry.Time of the last entry
	uncommitted ledger
	grown       uint64 // bytes of entries appended as leader, since the start
	round       uint64 // leader: the number of the newest confirmation round, counted in this term
	echoed      uint64 // follower: the newest round answered in this term
	reads       reads

	seq    uint64           // of the newest write handed out
	writes ring.Ring[write] // handed out, not durable
	saved  core.HardState   // known to be durable
	staged staged
}

// New makes a replica from what its store knows. The machine has to hold the state of st.Snapshot.
// Memberships are looked for in the log after that snapshot, and the newest entries are kept in
// memory. Errors: core.ErrCorrupt for a state that breaks the store's invariants, and log's.
func New(c Config, st core.State, log Log) (*Raft, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := checkState(st); err != nil {
		return nil, fmt.Errorf("start group %d: %w", c.Group, err)
	}
	snapshot := st.Snapshot
	r := &Raft{
		c: c, rand: newRandom(c),
		term: st.Hard.Term, vote: st.Hard.Vote, saved: st.Hard,
		commit: max(snapshot.Index, min(st.Hard.Commit, st.Last.Index)),
		handed: snapshot.Index, applied: snapshot.Index,
		snapshot: &snapshot,
		eras:     []era{{snapshot.Index, snapshot.Membership}},
		log:      journal{disk: log, start: st.Start, last: st.Last},
	}
	r.staged.told = standing{Follower, r.term, 0}
	r.reads.number = uint64(c.Incarnation) << 32
	r.restartTimer()
	if err := r.recover(st); err != nil {
		return nil, fmt.Errorf("start group %d: read the log: %w", c.Group, err)
	}
	r.arrange()
	r.removed = r.MembershipAt(r.commit).Gone(c.ID)
	r.blank = isBlank(c.ID, st)
	return r, nil
}

// checkState returns an error unless st keeps the invariants of core.State.
func checkState(st core.State) error {
	s := st.Snapshot.Position
	switch {
	case st.Start.Index > s.Index || st.Start.Index > st.Last.Index,
		s.Index > st.Last.Index,
		st.Start.Index == st.Last.Index && st.Start != st.Last,
		st.Last.Term > st.Hard.Term, st.Start.Term > st.Last.Term, s.Term > st.Hard.Term,
		st.Hard.Term > maxTerm, st.Last.Index > maxIndex:
		return fmt.Errorf("%w: log from %v to %v, snapshot %v, term %d",
			core.ErrCorrupt, st.Start, st.Last, s, st.Hard.Term)
	}
	return st.Snapshot.Membership.Check()
}

// recover reads the log after the snapshot, for its memberships and to have the newest entries in
// memory.
func (r *Raft) recover(st core.State) error {
	disk := r.log
	at := st.Snapshot.Position
	r.log.last = at
	for at.Index < st.Last.Index {
		page, _, err := disk.load(at.Index+1, st.Last.Index+1, min(chunkBytes, r.c.CacheBytes))
		if err != nil {
			return err
		}
		if err := checkEntries(at, page, r.term); err != nil {
			return fmt.Errorf("%w: %w", core.ErrCorrupt, err)
		}
		r.log.append(page)
		r.log.trim(r.c.CacheBytes, r.log.last.Index)
		r.adopt(page)
		at = r.log.last
	}
	if at != st.Last {
		return fmt.Errorf("%w: last entry is %v, want %v", core.ErrCorrupt, at, st.Last)
	}
	r.log.durable, r.log.unwritten = at.Index, at.Index+1
	return r.err
}

// Tick tells that one tick of the owner's clock has passed.
func (r *Raft) Tick() {
	if r.err != nil {
		return
	}
	r.ticks = (r.ticks + 1) % r.c.HeartbeatTicks
	r.age = min(r.age+1, r.c.ElectionTicks)
	if !r.heard {
		r.elapsed++ // else, the tick may be one that was due before
	}
	if r.role == Leader {
		r.tickLeader()
		return
	}
	r.tickReads()
	if r.elapsed >= r.timeout {
		r.timedOut()
	}
}

type handler func(*Raft, core.Message)

// handlers says who does what: [role][kind]. What is not listed is ignored.
var handlers = [roleCount][core.MsgTimeoutNow + 1]handler{
	Follower: {
		core.MsgPreVote:        (*Raft).answerPreVote,
		core.MsgVote:           (*Raft).answerVote,
		core.MsgAppend:         (*Raft).followAppend,
		core.MsgSnapshot:       (*Raft).followSnapshot,
		core.MsgReadIndex:      (*Raft).refuseRead,
		core.MsgReadIndexReply: (*Raft).readAnswered,
		core.MsgTimeoutNow:     (*Raft).takeOver,
	},
	PreCandidate: {
		core.MsgPreVote:      (*Raft).answerPreVote,
		core.MsgPreVoteReply: (*Raft).countPreVote,
		core.MsgVote:         (*Raft).answerVote,
		core.MsgAppend:       (*Raft).followAppend,
		core.MsgSnapshot:     (*Raft).followSnapshot,
		core.MsgReadIndex:    (*Raft).refuseRead,
	},
	Candidate: {
		core.MsgPreVote:   (*Raft).answerPreVote,
		core.MsgVote:      (*Raft).answerVote,
		core.MsgVoteReply: (*Raft).countVote,
		core.MsgAppend:    (*Raft).followAppend,
		core.MsgSnapshot:  (*Raft).followSnapshot,
		core.MsgReadIndex: (*Raft).refuseRead,
	},
	Leader: {
		core.MsgPreVote:     (*Raft).answerPreVote,
		core.MsgVote:        (*Raft).answerVote,
		core.MsgAppendReply: (*Raft).appendAnswered,
		core.MsgReadIndex:   (*Raft).serveRead,
	},
}

// Step takes a message. One that no correct node sends is ignored.
func (r *Raft) Step(m core.Message) {
	if r.err != nil || !r.credible(&m) {
		return
	}
	switch {
	case m.Kind == core.MsgRemoved:
		r.expelled()
		return
	case r.gone(m.From):
		r.dismiss(m)
		return
	case m.Term > r.term:
		if !r.meetHigherTerm(&m) {
			return
		}
	case m.Term < r.term:
		r.answerLowerTerm(&m)
		return
	}
	if handle := handlers[r.role][m.Kind]; handle != nil {
		handle(r, m)
	}
}

// meetHigherTerm follows a message into its term (Raft §5.1), and reports whether the message is to
// be handled further.
func (r *Raft) meetHigherTerm(m *core.Message) bool {
	switch {
	case m.Kind == core.MsgPreVote, m.Kind == core.MsgPreVoteReply && !m.Reject:
		return true // its term is not one that anybody is in yet
	case m.Kind == core.MsgVote && !m.Force && r.sticky():
		return false
	case m.Kind == core.MsgAppend, m.Kind == core.MsgSnapshot:
		r.becomeFollower(m.Term, m.From)
	default:
		r.becomeFollower(m.Term, 0)
	}
	return true
}

// answerLowerTerm tells a node that has fallen behind the current term, so that it can join again:
// without an answer, pre-vote would keep its term low for ever (thesis §9.6).
func (r *Raft) answerLowerTerm(m *core.Message) {
	switch m.Kind {
	case core.MsgPreVote:
		r.send(core.Message{Kind: core.MsgPreVoteReply, To: m.From, Reject: true})
	case core.MsgVote:
		r.send(core.Message{Kind: core.MsgVoteReply, To: m.From, Reject: true})
	case core.MsgAppend, core.MsgSnapshot:
		r.send(core.Message{Kind: core.MsgAppendReply, To: m.From, Reject: true, Log: m.Log})
	case core.MsgReadIndex:
		r.refuseRead(*m)
	}
}

// becomeFollower enters a term, or stays in it, as a follower of leader, zero if it is not known
// (Raft §5.2). A vote ends with its term, never before.
func (r *Raft) becomeFollower(term core.Term, leader core.NodeID) {
	if term != r.term || leader != r.leader || r.role != Follower {
		r.loseReads()
	}
	if term != r.term {
		r.term, r.vote, r.echoed = term, 0, 0
		r.staged.hard = true
	}
	if r.role != Follower {
		r.restartTimer()
		r.uncommitted.clear()
		r.transfer = transfer{}
		for i := range r.peers {
			r.peers[i].inflight.clear()
		}
	}
	r.role, r.leader = Follower, leader
}

// restartTimer draws a new election timeout, so that splits of the vote are rare (Raft §5.2).
func (r *Raft) restartTimer() {
	r.elapsed = 0
	r.timeout = (1+r.c.Priority)*r.c.ElectionTicks + r.rand.below(r.c.ElectionTicks)
}

// Err returns why this replica cannot go on, nil while it can. After an error every method but the
// getters does nothing.
func (r *Raft) Err() error { return r.err }

// fail ends this replica: its log could not be read. What another error would come of is moot.
func (r *Raft) fail(doing string, err error) {
	if r.err == nil {
		r.err = fmt.Errorf("group %d: %s: %w", r.c.Group, doing, err)
	}
}

func (r *Raft) hardState() core.HardState {
	return core.HardState{Term: r.term, Vote: r.vote, Commit: r.commit}
}

// Role returns the part that this replica plays.
func (r *Raft) Role() Role { return r.role }

// Leader returns the leader of the current term, zero if it is not known.
func (r *Raft) Leader() core.NodeID { return r.leader }

// Term returns the current term.
func (r *Raft) Term() core.Term { return r.term }

// Commit returns the index up to which the log is known to be committed.
func (r *Raft) Commit() core.Index { return r.commit }
