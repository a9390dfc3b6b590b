package engine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/raft"
)

// saving is the taking of a snapshot. It is taken at a checkpoint, and put on record when the state
// at that very checkpoint is known to be the majority's: a state that has diverged must outlive
// neither a restart nor the journey to a peer.
type saving struct {
	wanted  bool       // at the next checkpoint
	trusted bool       // whoever asked for it holds this replica's state for the right one
	at      core.Index // the checkpoint at which one was taken; zero: none is under way
	ruling  ruling     // of its state; zero: none has come yet
	hasty   bool       // it did not wait for its turn, nor is it to rest
	written *Saved     // nil: it is still being written
	age     int        // ticks since it was written
}

// turn is after which part of the usual distance a replica takes its next snapshot: part of of.
//
// Replicas that count from the same index would all take theirs at the same checkpoint, and clients
// would feel it. So the first distance is another for each; from then on they are apart.
type turn struct{ part, of int }

// turnOf returns the turn of a replica that begins to count where the member first takes a snapshot
// or, if that is nobody, at the beginning of the log.
func turnOf(m core.Membership, self, first core.NodeID) turn {
	rank := func(id core.NodeID) int {
		return slices.IndexFunc(m.Members, func(member core.Member) bool { return member.ID == id })
	}
	n, own := len(m.Members), rank(self)
	if own < 0 {
		return turn{1, 1}
	}
	return turn{(own-rank(first)-1+n)%n + 1, n} // a rank of nobody is before the first
}

// share returns this part of a distance, at least one: nothing is not worth a snapshot.
func (t turn) share(whole int64) int64 {
	n := int64(t.of)
	return max(whole/n*int64(t.part)+whole%n*int64(t.part)/n, 1)
}

// save asks for a snapshot when enough was applied since the last one, and for haste when one that
// is being written is waited for, by a member or by a resync of this replica (see tickResync); is
// of no use any more, and holds on to a state that was replaced; or is still not there when half of
// the distance to the next is covered: the log must not grow because somebody takes his time. While
// the store is short of room, a quarter of the distance is enough, and there is haste.
func (g *group) save(out *Effects) {
	s := &g.saving
	switch {
	case s.at != 0 && s.written == nil:
		useless := !g.sound() || s.at < g.raft.Snapshot().Index
		waited := s.hasty || s.wanted || s.trusted
		if *g.short || useless || waited || g.covered(turn{1, 2}) {
			out.Hurry = append(out.Hurry, g.id)
		}
	case s.at == 0 && !s.wanted:
		s.wanted = g.sound() && (g.covered(g.turn) || *g.short && g.covered(turn{1, 4}))
	}
}

// takes reports whether a snapshot is to be taken at a checkpoint now. A node writes one at a time,
// as that takes its while (see Effects.Hurry), and a state that waited for it frozen would make
// every write a copy. So groups wait before, unless somebody waits for them, or half as much again
// was applied as made them want one.
func (g *group) takes() bool {
	s := &g.saving
	return s.wanted && s.at == 0 && (*g.writing == 0 || s.trusted ||
		g.covers(g.sinceEntries/3*2, g.sinceBytes/3*2, g.turn))
}

// covered reports whether so much of the distance between two snapshots was applied, and no less
// than the newest one is worth.
func (g *group) covered(t turn) bool { return g.covers(g.sinceEntries, g.sinceBytes, t) }

func (g *group) covers(entries int, bytes int64, t turn) bool {
	c := g.config
	return bytes >= g.snapshotSize &&
		(entries >= int(t.share(int64(c.SnapshotEntries))) || bytes >= t.share(c.SnapshotBytes))
}

// check makes the newest entry handed to the machine, with w or before, a checkpoint.
func (g *group) check(w Work) Work {
	w.Note, g.audit.ordered = true, g.handed
	oldest := g.handed // for which before may be asked
	if g.saving.at != 0 {
		oldest = g.saving.at
	}
	g.audit.tail.mark(g.handed, g.sinceBytes, oldest, g.config)
	if g.takes() {
		w.Save = true
		g.saving = saving{at: g.handed, trusted: g.saving.trusted, hasty: *g.writing > 0}
		*g.writing++
		g.sinceEntries, g.sinceBytes, g.audit.tail.counted = 0, 0, 0
		g.turn = turn{1, 1}
	}
	return w
}

// saved takes note of a snapshot that was written, or could not be.
func (g *group) saved(s Saved) {
	g.body = max(g.body, s.Meta.Index)
	g.saving.written = &s
	*g.writing--
	g.settle()
}

// tickSaving gives a snapshot up that no ruling comes about. A leader to whom nobody reports at all
// keeps it: there is nobody who could tell, and the log has to be cut all the same.
func (g *group) tickSaving() {
	const patience = 3 // times DigestTicks
	s := &g.saving
	if s.written == nil {
		return
	}
	if s.age++; s.age < patience*g.config.DigestTicks {
		return
	}
	s.ruling = undecided
	if g.leads() && g.audit.silence >= s.age {
		s.ruling = agreed
	}
	g.settle()
}

// settle puts a snapshot on record that is written and proved, or gives it up.
func (g *group) settle() {
	s := &g.saving
	if s.written == nil || s.ruling == 0 && s.written.OK && g.sound() {
		return
	}
	right := s.ruling == agreed || s.ruling == undecided && s.trusted
	if s.written.OK && right && g.sound() {
		g.record(s.written.Meta)
	}
	*s = saving{wanted: s.wanted, trusted: s.wanted && s.trusted}
}

// record puts a snapshot on record and cuts the log, without a tail if the store is short of room.
// One that an installed snapshot has overtaken is not worth recording.
func (g *group) record(meta core.SnapshotMeta) {
	g.snapshotSize = meta.Size
	meta.Membership = g.raft.MembershipAt(meta.Index)
	compact := meta.Index
	if !*g.short {
		compact = g.audit.tail.before(meta.Index, g.config)
	}
	if err := g.raft.Snapshotted(meta, compact); err != nil && !errors.Is(err, raft.ErrOutdated) {
		g.err = fmt.Errorf("record snapshot: %w", err)
	}
}
