package engine

import (
	"errors"
	"fmt"

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
	written *Saved     // nil: it is still being written
	age     int        // ticks since it was written
}

// save asks for a snapshot when enough was applied since the last one.
func (g *group) save() {
	if g.saving.wanted || g.saving.at != 0 || g.sinceBytes < g.snapshotSize || !g.sound() {
		return
	}
	if g.sinceEntries >= g.config.SnapshotEntries || g.sinceBytes >= g.config.SnapshotBytes {
		g.saving.wanted = true
	}
}

// check makes the newest entry handed to the machine, with w or before, a checkpoint.
func (g *group) check(w Work) Work {
	w.Note, g.audit.ordered = true, g.handed
	oldest := g.handed // for which before may be asked
	if g.saving.at != 0 {
		oldest = g.saving.at
	}
	g.audit.tail.mark(g.handed, g.sinceBytes, oldest, g.config)
	if g.saving.wanted && g.saving.at == 0 {
		w.Save = true
		g.saving = saving{at: g.handed, trusted: g.saving.trusted}
		g.sinceEntries, g.sinceBytes, g.audit.tail.counted = 0, 0, 0
	}
	return w
}

// saved takes note of a snapshot that was written, or could not be.
func (g *group) saved(s Saved) {
	g.body = max(g.body, s.Meta.Index)
	g.saving.written = &s
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

// record puts a snapshot on record and cuts the log. One that an installed snapshot has overtaken
// is not worth recording.
func (g *group) record(meta core.SnapshotMeta) {
	g.snapshotSize = meta.Size
	meta.Membership = g.raft.MembershipAt(meta.Index)
	compact := g.audit.tail.before(meta.Index, g.config)
	if err := g.raft.Snapshotted(meta, compact); err != nil && !errors.Is(err, raft.ErrOutdated) {
		g.err = fmt.Errorf("record snapshot: %w", err)
	}
}
