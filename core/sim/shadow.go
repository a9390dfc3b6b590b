package sim

import (
	"fmt"
	"math"

	"github.com/tidelock-raft/tidelock/core"
)

// shadow is what every host's disk holds for certain, by its store's own promise, and everything
// that was ever seen of the log and of its commit index. It judges nothing: checkers ask it.
//
// A host that starts is looked at anew: what its disk really kept is what counts from then on.
type shadow struct {
	Bystander
	w      *World
	disks  []*disk
	book   book
	commit core.Index      // the greatest that is known to be committed
	fixed  []core.Position // what is committed, by index; zero: it was never seen

	now    []core.GroupStatus // of hosts, as of their last steps
	newest core.Membership    // that is committed
	ruled  core.Index         // where the newest is

	// status and digest are how hosts are looked at.
	status func(*Host) core.GroupStatus
	digest func(*Host) uint64
}

// disk is what one host holds durably.
type disk struct {
	hard     core.HardState
	start    core.Position
	entries  []core.Entry // from start on
	snapshot core.SnapshotMeta
	voted    map[core.Term]core.NodeID
	writing  []core.Update // the Write under way; nil: none is
}

func newShadow(w *World) *shadow {
	s := &shadow{w: w, status: (*Host).Status, newest: w.Options.members()}
	s.digest = func(h *Host) uint64 { return h.Machine.Digest() }
	for _, h := range w.Hosts {
		if h.Up() {
			s.Started(h)
		}
	}
	return s
}

// disk returns a host's, which is empty at first.
func (s *shadow) disk(id core.NodeID) *disk {
	for int(id) > len(s.disks) {
		s.disks = append(s.disks, &disk{voted: map[core.Term]core.NodeID{}})
	}
	return s.disks[id-1]
}

func (d *disk) last() core.Position {
	if n := len(d.entries); n > 0 {
		return d.entries[n-1].Position
	}
	return d.start
}

// entry returns the one at i, nil if the log does not hold it.
func (d *disk) entry(i core.Index) *core.Entry {
	if i <= d.start.Index || i > d.last().Index {
		return nil
	}
	return &d.entries[i-d.start.Index-1]
}

// holds reports whether the log has this position, or has once had it and gone on to a snapshot.
func (d *disk) holds(at core.Position) bool {
	if at.Index <= d.start.Index {
		return true
	}
	e := d.entry(at.Index)
	return e != nil && e.Position == at
}

// write does what an Update says, in the order of its fields.
func (d *disk) write(u *core.Update) {
	if u.Install != nil {
		d.start, d.snapshot, d.entries = u.Install.Position, *u.Install, nil
	}
	if u.Hard.Term != 0 {
		d.hard = u.Hard
		if u.Hard.Vote != 0 {
			d.voted[u.Hard.Term] = u.Hard.Vote
		}
	}
	if len(u.Entries) > 0 {
		keep := max(0, int(u.Entries[0].Index)-int(d.start.Index)-1)
		d.entries = append(d.entries[:min(keep, len(d.entries))], u.Entries...)
	}
	if u.Snapshot != nil {
		d.snapshot = *u.Snapshot
	}
	if e := d.entry(u.Compact); e != nil {
		d.entries = d.entries[u.Compact-d.start.Index:]
		d.start = e.Position
	}
}

// copy is a disk whose log can be changed without changing d's.
func (d *disk) copy() *disk {
	c := *d
	c.entries = append([]core.Entry(nil), d.entries...)
	c.voted = map[core.Term]core.NodeID{} // nobody asks a copy
	return &c
}

// Stepped implements Observer. All checkers look at one status, which is not for nothing.
func (s *shadow) Stepped(h *Host) { *s.seen(h) = s.status(h) }

// seen returns the status of a host as of its last step.
func (s *shadow) seen(h *Host) *core.GroupStatus {
	for int(h.ID) > len(s.now) {
		s.now = append(s.now, core.GroupStatus{})
	}
	return &s.now[h.ID-1]
}

// Writing implements Observer.
func (s *shadow) Writing(h *Host, batch []core.Update) {
	s.disk(h.ID).writing = append([]core.Update(nil), batch...)
}

// Wrote implements Observer.
func (s *shadow) Wrote(h *Host, batch []core.Update) {
	d := s.disk(h.ID)
	d.writing = nil
	for i := range batch {
		if batch[i].Group == core.DefaultGroup {
			d.write(&batch[i])
			s.hold(h, d, batch[i].Entries)
		}
	}
	if h.forgot != nil && h.forgot.fed(s, d) {
		h.forgot, h.suspect = nil, false
		s.w.reached(StateRefilled)
	}
}

// hold enters entries that are on a host's disk now.
func (s *shadow) hold(h *Host, d *disk, entries []core.Entry) {
	if len(entries) == 0 {
		return
	}
	before := d.start.Term
	if e := d.entry(entries[0].Index - 1); e != nil {
		before = e.Term
	}
	for i := range entries {
		s.note(h, before, &entries[i])
		before = entries[i].Term
		if k := s.book.at(entries[i].Position); k != nil {
			k.holders |= 1 << h.ID
		}
	}
}

// Started implements Observer.
func (s *shadow) Started(h *Host) {
	d := s.disk(h.ID)
	if found, err := s.read(h); err == nil && found != nil {
		found.voted = d.voted
		if found.hard.Vote != 0 {
			found.voted[found.hard.Term] = found.hard.Vote
		}
		*d = *found
		s.hold(h, d, d.entries)
	}
	d.writing = nil
}

// Wiped implements Observer. What is asked of the host from now on is what core/raft promises for
// one that lost its disk (blank.go): it may give the vote of a term once more, but not before a
// leader has given it all that is committed.
func (s *shadow) Wiped(h *Host) {
	*s.disk(h.ID) = disk{voted: map[core.Term]core.NodeID{}}
}

// suspect reports whether the disk of a host was damaged: what it held may be gone, for no fault of
// its store's.
func (s *shadow) suspect(id core.NodeID) bool {
	return int(id) <= len(s.w.Hosts) && s.w.Host(id).suspect
}

// read looks at what a store has; nil: there is none to look at. Faults do not strike who looks.
func (s *shadow) read(h *Host) (*disk, error) {
	if h.store == nil {
		return nil, nil
	}
	h.peeked = true
	defer func() { h.peeked = false }()
	st, err := h.store.State(core.DefaultGroup)
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	d := &disk{hard: st.Hard, start: st.Start, snapshot: st.Snapshot}
	d.entries, err = h.store.Entries(nil, core.DefaultGroup, st.Start.Index+1, st.Last.Index+1,
		math.MaxInt)
	if st.Start == st.Last {
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("read entries: %w", err)
	}
	return d, nil
}

// configurations are those that a leader of term may count by: the newest in its log. The one
// before counts beside it for the instant in which the newest is first seen, and for who follows,
// who may have heard of what was counted by it. A joint one that is committed is left at once, be
// it seen or not.
func (s *shadow) configurations(d *disk, term core.Term) []core.Membership {
	all, fresh, newest := []core.Membership{d.snapshot.Membership}, term == 0, core.Position{}
	for _, at := range s.book.memberships {
		own := at.Term == term && at.Index > d.last().Index
		if at.Index > d.snapshot.Index && (own || d.entry(at.Index) != nil && d.holds(at)) {
			k := s.book.at(at)
			all, newest = append(all, k.membership), at
			fresh = term == 0 || k.since == s.w.now
		}
	}
	last := all[len(all)-1]
	if !fresh {
		all = all[len(all)-1:]
	}
	if last.Joint() && (newest.Index == 0 || s.held(newest, last)) {
		all = append(all, last.Leave())
	}
	return all[max(0, len(all)-3):]
}

// quorum returns the position at index i that a quorum holds durably, as seen by host h.
func (s *shadow) quorum(h *Host, i core.Index, term core.Term) (core.Position, bool) {
	configurations := s.configurations(s.disk(h.ID), term)
	for k := range s.book.place(i) {
		at := s.book.place(i)[k].entry.Position
		for _, m := range configurations {
			if s.held(at, m) {
				return at, true
			}
		}
	}
	return core.Position{}, false
}

// held reports whether a quorum of a membership holds a position durably. A host whose disk was
// damaged is taken to hold what it once held.
func (s *shadow) held(at core.Position, m core.Membership) bool {
	return suffices([]core.Membership{m}, func(id core.NodeID) bool {
		return s.disk(id).holds(at) || s.suspect(id) && s.book.at(at).holders>>id&1 == 1
	})
}

// rule notes the membership that is in force from now on.
func (s *shadow) rule(m core.Membership) {
	for _, was := range s.newest.With(core.Joining) {
		if member, _ := m.Find(was); member.Role&core.Voter != 0 {
			s.w.reached(StatePromoted)
		}
	}
	if m.Joint() {
		s.w.reached(StateJoint)
	}
	s.newest = m
}

// committed returns what is known to be committed at an index; zero: nothing.
func (s *shadow) committed(i core.Index) core.Position {
	if i >= core.Index(len(s.fixed)) {
		return core.Position{}
	}
	return s.fixed[i]
}

// fix notes that everything up to at is committed. What is before it, some host holds.
func (s *shadow) fix(at core.Position) {
	for core.Index(len(s.fixed)) <= at.Index {
		s.fixed = append(s.fixed, core.Position{})
	}
	for i := at.Index; i > s.commit; i-- {
		s.fixed[i] = at
		at = core.Position{Term: s.book.at(at).before, Index: i - 1}
		if i > s.commit+1 && s.book.at(at) == nil {
			break
		}
	}
	s.commit = core.Index(len(s.fixed)) - 1
	for _, p := range s.book.memberships {
		if p.Index > s.ruled && s.committed(p.Index) == p {
			s.rule(s.book.at(p).membership)
			s.ruled = p.Index
		}
	}
}

// book is every entry that was ever seen, by position. Two logs that hold the same position are
// equal up to it, so one book holds all logs.
type book struct {
	places      [][]known // by index
	memberships []core.Position
}

// known is an entry, the term of the one before it, and the hosts that have held it durably.
type known struct {
	entry   core.Entry
	before  core.Term
	holders uint64 // one bit for each host

	membership core.Membership // of an entry that has one
	since      core.Instant    // when it was first seen
}

func (b *book) place(i core.Index) []known {
	if i >= core.Index(len(b.places)) {
		return nil
	}
	return b.places[i]
}

// at returns what is known of a position, nil if nothing is.
func (b *book) at(p core.Position) *known {
	place := b.place(p.Index)
	for i := range place {
		if place[i].entry.Term == p.Term {
			return &place[i]
		}
	}
	return nil
}

// enter adds an entry, and returns what was known of its position before.
func (b *book) enter(before core.Term, e *core.Entry, now core.Instant) *known {
	if was := b.at(e.Position); was != nil {
		return was
	}
	for core.Index(len(b.places)) <= e.Index {
		b.places = append(b.places, nil)
	}
	k := known{entry: *e, before: before, since: now}
	if e.Kind == core.EntryMembership {
		k.membership, _, _ = core.DecodeMembership(e.Data) // an invalid one decides nothing
		b.memberships = append(b.memberships, e.Position)
	}
	b.places[e.Index] = append(b.places[e.Index], k)
	return nil
}
