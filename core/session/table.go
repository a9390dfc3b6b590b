package session

import (
	"cmp"
	"hash/crc64"
	"slices"

	"github.com/tidelock-raft/tidelock/core"
)

// Limits of the table. They are part of what is replicated: every replica has to forget the same.
const (
	// MaxSessions is how many sessions there can be: one more, and the one that was used least
	// recently is forgotten.
	MaxSessions = 65_536
	// IdleTime is how long a session that is not used is kept, in nanoseconds of log time: 1 h.
	IdleTime = 3_600e9
	// MaxWindow is how far a command's number may be ahead of the first that is not done.
	MaxWindow = 4096
	// MaxReplyBytes bounds the replies that are kept for all sessions together. Beyond it the
	// sessions that were used least recently are forgotten, when the log passes a multiple of
	// trimEvery: at a place that does not depend on how entries come in batches.
	MaxReplyBytes = 256 << 20
	trimEvery     = 256

	// replyOverhead is what a reply weighs beside its bytes.
	replyOverhead = 64
)

// table is the sessions, in order of their last use.
//
// Invariants:
//  1. byID holds exactly the sessions between oldest and newest; indexes ascend along the list.
//  2. bytes is the sum of weight over all replies; digest the XOR of all sums.
//  3. The replies of a session ascend by sequence, and all lie above its done.
type table struct {
	byID           map[uint64]*session
	oldest, newest *session
	bytes          int
	digest         uint64
}

// session is one client's.
type session struct {
	id           uint64
	index        core.Index // of the entry by which it was last used
	time         int64      // of that entry
	done         uint64
	replies      []reply
	frozen       bool    // a snapshot has these very replies: they must not change
	front        []reply // where replies began, gone ago
	gone         int
	older, newer *session
}

// reply is what a command came to.
type reply struct {
	sequence uint64
	pending  bool // the command is about to be carried out: there is no result yet
	result   core.Result
	sum      uint64 // of session, sequence and result
}

func newTable() table { return table{byID: map[uint64]*session{}} }

// open makes a session.
func (t *table) open(e *core.Entry) *session {
	if len(t.byID) >= MaxSessions {
		t.forget(t.oldest)
	}
	s := &session{id: uint64(e.Index), index: e.Index, time: e.Time}
	t.byID[s.id] = s
	t.link(s)
	t.digest ^= s.sum()
	return s
}

// use notes that a session was used, and that its client has all replies up to done.
func (t *table) use(s *session, e *core.Entry, done uint64) {
	if s.frozen {
		s.replies, s.front, s.gone, s.frozen = slices.Clone(s.replies), nil, 0, false
	}
	t.digest ^= s.sum()
	t.unlink(s)
	s.index, s.time, s.done = e.Index, e.Time, max(s.done, done)
	t.link(s)
	t.digest ^= s.sum()
	n := 0
	for n < len(s.replies) && s.replies[n].sequence <= s.done {
		t.drop(&s.replies[n])
		n++
	}
	s.shift(n)
}

// shift takes the first n replies away. The others stay where they are: there may be thousands.
func (s *session) shift(n int) {
	if s.gone == 0 {
		s.front = s.replies
	}
	clear(s.replies[:n])
	s.replies = s.replies[n:]
	s.gone += n
}

// room makes sure that a reply can be added without memory of its own, as long as moving the others
// to the front costs no more than it took to get here.
func (s *session) room() {
	if n := len(s.replies); n == cap(s.replies) && s.gone >= n {
		all := s.front[:s.gone+n]
		copy(all, s.replies)
		clear(all[n:])
		s.replies, s.gone = all[:n], 0
	}
}

// expire forgets the sessions that have been idle for too long.
func (t *table) expire(now int64) {
	for t.oldest != nil && t.oldest.time < now-IdleTime {
		t.forget(t.oldest)
	}
}

func (t *table) forget(s *session) {
	for i := range s.replies {
		t.drop(&s.replies[i])
	}
	t.digest ^= s.sum()
	t.unlink(s)
	delete(t.byID, s.id)
}

// drop takes a reply out of the accounts.
func (t *table) drop(r *reply) {
	t.bytes -= r.weight()
	t.digest ^= r.sum
}

// trim forgets sessions while their replies are too much.
func (t *table) trim() {
	for t.bytes > MaxReplyBytes {
		t.forget(t.oldest)
	}
}

// keep notes the result of a command, which the session has pending.
func (t *table) keep(s *session, sequence uint64, result core.Result) {
	i, found := s.find(sequence)
	if t.byID[s.id] != s || !found {
		return // forgotten meanwhile
	}
	r := &s.replies[i]
	t.drop(r)
	*r = reply{sequence: sequence, result: result, sum: sumOf(s.id, sequence, &result)}
	t.bytes += r.weight()
	t.digest ^= r.sum
}

// expect makes room for the result of a command.
func (t *table) expect(s *session, sequence uint64) {
	i, _ := s.find(sequence)
	s.room()
	before := cap(s.replies)
	s.replies = slices.Insert(s.replies, i, reply{sequence: sequence, pending: true})
	if cap(s.replies) != before {
		s.gone = 0 // they have moved
	}
	t.bytes += s.replies[i].weight()
}

func (t *table) link(s *session) {
	s.older, s.newer = t.newest, nil
	if t.newest != nil {
		t.newest.newer = s
	} else {
		t.oldest = s
	}
	t.newest = s
}

func (t *table) unlink(s *session) {
	if s.older != nil {
		s.older.newer = s.newer
	} else {
		t.oldest = s.newer
	}
	if s.newer != nil {
		s.newer.older = s.older
	} else {
		t.newest = s.older
	}
	s.older, s.newer = nil, nil
}

// find returns where the reply to a command is, or would be.
func (s *session) find(sequence uint64) (int, bool) {
	n := len(s.replies)
	if n == 0 || s.replies[n-1].sequence < sequence { // as a rule
		return n, false
	}
	return slices.BinarySearchFunc(s.replies, sequence, func(r reply, sequence uint64) int {
		return cmp.Compare(r.sequence, sequence)
	})
}

func (s *session) sum() uint64 {
	return mix(mix(mix(mix(1, s.id), uint64(s.index)), uint64(s.time)), s.done)
}

func (r *reply) weight() int {
	n := replyOverhead + len(r.result.Value)
	if f := r.result.Failure; f != nil {
		n += len(f.Code) + len(f.Message)
	}
	return n
}

var polynomial = crc64.MakeTable(crc64.ECMA)

func sumOf(id, sequence uint64, r *core.Result) uint64 {
	h := mix(mix(2, id), sequence)
	h = mix(h, crc64.Checksum(r.Value, polynomial))
	if r.Failure != nil {
		h = mix(h, crc64.Checksum([]byte(r.Failure.Code), polynomial))
		h = mix(h, crc64.Checksum([]byte(r.Failure.Message), polynomial))
	}
	return h
}

// mix is a step of a 64-bit hash.
func mix(h, x uint64) uint64 {
	h = (h ^ x) * 0x9e3779b97f4a7c15
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	return h ^ h>>29
}
