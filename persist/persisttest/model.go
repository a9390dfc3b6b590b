package persisttest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/tidelock-raft/tidelock/core"
)

// model is the plainest store there is: what every store is compared with.
type model map[core.GroupID]*modelGroup

type modelGroup struct {
	hard     core.HardState
	start    core.Position
	snapshot core.SnapshotMeta
	entries  []core.Entry // from start.Index+1 on
}

func (g *modelGroup) last() core.Position {
	if n := len(g.entries); n > 0 {
		return g.entries[n-1].Position
	}
	return g.start
}

// apply does what a valid update says.
func (m model) apply(u core.Update) {
	if u.Remove {
		delete(m, u.Group)
		return
	}
	if u.Install != nil {
		hard := core.HardState{}
		if m[u.Group] != nil {
			hard = m[u.Group].hard
		}
		m[u.Group] = &modelGroup{hard: hard, start: u.Install.Position, snapshot: *u.Install}
	}
	g := m[u.Group]
	if u.Hard.Term != 0 {
		g.hard = u.Hard
	}
	for _, e := range u.Entries {
		keep := e.Index - g.start.Index - 1
		g.entries = append(slices.Clone(g.entries[:keep]), e)
	}
	if u.Snapshot != nil {
		g.snapshot = *u.Snapshot
	}
	for g.start.Index < u.Compact {
		g.start, g.entries = g.entries[0].Position, g.entries[1:]
	}
}

func (m model) applyAll(batch []core.Update) {
	for _, u := range batch {
		m.apply(u)
	}
}

// describe prints everything that the model holds.
func (m model) describe() string {
	var b strings.Builder
	for _, id := range slices.Sorted(maps.Keys(m)) {
		g := m[id]
		st := core.State{Hard: g.hard, Start: g.start, Last: g.last(), Snapshot: g.snapshot}
		describeState(&b, id, &st)
		for _, e := range g.entries {
			describeEntry(&b, e)
		}
	}
	return b.String()
}

// describeState prints all of a state: a snapshot and a membership say less of themselves.
func describeState(b *strings.Builder, id core.GroupID, st *core.State) {
	encoded, _ := st.Snapshot.AppendBinary(nil) // the error is always nil
	fmt.Fprintf(b, "%d: %+v %v\n  %x\n", id, *st, st.Snapshot.Membership, encoded)
}

func describeEntry(b *strings.Builder, e core.Entry) {
	fmt.Fprintf(b, "  %v %v %d %q\n", e.Position, e.Kind, e.Time, e.Data)
}

// describe prints everything that a store holds, in the words of model.describe.
func describe(s core.Store) (string, error) {
	var b strings.Builder
	groups, err := s.Groups()
	if err != nil {
		return "", fmt.Errorf("list groups: %w", err)
	}
	for _, id := range groups {
		st, err := s.State(id)
		if err != nil {
			return "", fmt.Errorf("state of group %d: %w", id, err)
		}
		describeState(&b, id, &st)
		entries, err := s.Entries(nil, id, st.Start.Index+1, st.Last.Index+1, 1<<30)
		if st.Last.Index == st.Start.Index {
			entries, err = nil, nil
		}
		if err != nil {
			return "", fmt.Errorf("entries of group %d: %w", id, err)
		}
		for _, e := range entries {
			describeEntry(&b, e)
			if term, err := s.Term(id, e.Index); err != nil || term != e.Term {
				return "", fmt.Errorf("term of entry %d of group %d: got %d, %w, want %d",
					e.Index, id, term, err, e.Term)
			}
		}
		if term, err := s.Term(id, st.Start.Index); err != nil || term != st.Start.Term {
			return "", fmt.Errorf("term of the start of group %d: got %d, %w, want %d",
				id, term, err, st.Start.Term)
		}
	}
	return b.String(), nil
}

// membership is a membership of the voters 1 … n.
func membership(n int) core.Membership {
	var m core.Membership
	for id := range n {
		m.Members = append(m.Members, core.Member{ID: core.NodeID(id + 1), Role: core.Voter,
			Addr: core.Addr(fmt.Sprintf("host%d:9000", id+1))})
	}
	return m
}

// meta has a few retired ids in most cases, and at times as many as there may be, as wide apart as
// they can be.
func meta(at core.Position, voters int) *core.SnapshotMeta {
	m := &core.SnapshotMeta{Position: at, Time: int64(at.Index) * 1000,
		Membership: membership(voters), Size: int64(at.Index) * 100, Checksum: uint64(at.Index) * 7}
	ids := int(at.Index % 4)
	if at.Index%64 == 25 {
		ids = core.MaxRetired
	}
	for n := range ids {
		m.Membership.Retired.IDs = append(m.Membership.Retired.IDs, core.NodeID(n+1)<<55)
	}
	return m
}

// begin creates a group whose log is empty.
func begin(g core.GroupID) core.Update {
	return core.Update{Group: g, Install: &core.SnapshotMeta{Membership: membership(3)}}
}

// entries are the entries lo … hi-1, all of one term.
func entries(term core.Term, lo, hi core.Index) []core.Entry {
	var list []core.Entry
	for i := lo; i < hi; i++ {
		list = append(list, entry(term, i, fmt.Sprintf("data of %d in term %d", i, term)))
	}
	return list
}

func entry(term core.Term, i core.Index, data string) core.Entry {
	return core.Entry{Position: core.Position{Term: term, Index: i}, Kind: core.EntryCommand,
		Time: int64(i)*1000 + int64(term), Data: []byte(data)}
}

// workload draws valid batches. Everything that an Update can say happens in it.
type workload struct {
	rng  *rand.Rand
	m    model // what the batches drawn so far come to
	term core.Term
}

func newWorkload(seed uint64) *workload {
	return &workload{rng: rand.New(rand.NewPCG(seed, 7)), m: model{}, term: 1}
}

// workloadGroups is how many groups there may be at once.
const workloadGroups = 3

func (w *workload) batch() []core.Update {
	var batch []core.Update
	for range 1 + w.rng.IntN(3) {
		u := w.update(core.GroupID(1 + w.rng.IntN(workloadGroups)))
		w.m.apply(u)
		batch = append(batch, u)
	}
	return batch
}

func (w *workload) update(id core.GroupID) core.Update {
	u := core.Update{Group: id}
	g := w.m[id]
	chance := w.rng.IntN(100)
	switch {
	case g == nil:
		u.Install = meta(core.Position{Term: w.term, Index: core.Index(w.rng.IntN(5))}, 3)
		return u
	case chance < 2:
		u.Remove = true
		return u
	case chance < 5:
		w.term++
		u.Install = meta(core.Position{Term: w.term, Index: g.last().Index + 10}, 1+w.rng.IntN(5))
		g = &modelGroup{start: u.Install.Position, snapshot: *u.Install}
	}
	if w.rng.IntN(3) == 0 {
		w.term++
		u.Hard = core.HardState{Term: w.term, Vote: core.NodeID(w.rng.IntN(4)), Commit: g.start.Index}
	}
	if w.rng.IntN(5) > 0 {
		u.Entries = w.entries(g)
	}
	w.compact(&u, g)
	return u
}

// entries go to the end of the log most of the time, and sometimes replace what is not yet part of
// a snapshot.
func (w *workload) entries(g *modelGroup) []core.Entry {
	lo := g.last().Index + 1
	if floor := g.snapshot.Index + 1; w.rng.IntN(4) == 0 && floor < lo {
		w.term++
		lo = floor + core.Index(w.rng.IntN(int(lo-floor)))
	}
	var list []core.Entry
	for i := lo; i < lo+core.Index(1+w.rng.IntN(4)); i++ {
		data := make([]byte, w.rng.IntN(200))
		for j := range data {
			data[j] = byte(w.rng.Uint32())
		}
		list = append(list, entry(w.term, i, string(data)))
	}
	return list
}

// compact takes a snapshot at times, and forgets what it covers.
func (w *workload) compact(u *core.Update, g *modelGroup) {
	after := model{u.Group: {start: g.start, snapshot: g.snapshot, entries: g.entries}}
	after.apply(core.Update{Group: u.Group, Entries: u.Entries})
	log := after[u.Group]
	if n := len(log.entries); n > 0 && w.rng.IntN(4) == 0 {
		at := log.entries[w.rng.IntN(n)].Position
		if at.Index > g.snapshot.Index {
			u.Snapshot = meta(at, 1+w.rng.IntN(5))
			log.snapshot = *u.Snapshot
		}
	}
	if w.rng.IntN(4) == 0 && log.snapshot.Index > log.start.Index {
		u.Compact = log.snapshot.Index - core.Index(w.rng.IntN(int(log.snapshot.Index-log.start.Index)))
	}
}
