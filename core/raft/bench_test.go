package raft_test

import (
	"fmt"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/raft"
)

// nullDisk forgets everything: the benchmarks and the allocation tests never read back.
type nullDisk struct{}

func (nullDisk) Entries(
	dst []core.Entry, _, _ core.Index, _ int,
) ([]core.Entry, error) {
	return dst, core.ErrUnavailable
}

func (nullDisk) Term(core.Index) (core.Term, error) { return 0, core.ErrUnavailable }

// trio is three replicas whose writes are durable at once.
type trio struct {
	nodes   [3]*raft.Raft
	out     raft.Output
	applied core.Index // by the leader, which is node 1
	reads   int
	deaf    core.NodeID // does not hear that it is to take over; zero: none
}

func newTrio(tb testing.TB, priorities ...int) *trio {
	st := core.State{}
	for id := range core.NodeID(3) {
		st.Snapshot.Membership.Members = append(st.Snapshot.Membership.Members,
			core.Member{ID: id + 1, Role: core.Voter})
	}
	w := &trio{}
	for i := range w.nodes {
		c := raft.Config{ID: core.NodeID(i + 1), Group: 1}
		if len(priorities) > 0 {
			c.Priority = priorities[i]
		}
		r, err := raft.New(c, st, nullDisk{})
		if err != nil {
			tb.Fatal(err)
		}
		w.nodes[i] = r
	}
	w.nodes[0].Campaign()
	w.run()
	if w.nodes[0].Role() != raft.Leader || w.applied != 1 {
		tb.Fatalf("node 1 is %v and has applied %d", w.nodes[0].Role(), w.applied)
	}
	return w
}

// run carries everything out until nobody asks for anything more.
func (w *trio) run() {
	for busy := true; busy; {
		busy = false
		for i, r := range w.nodes {
			for r.Take(&w.out) {
				busy = true
				w.carryOut(i, r)
			}
		}
	}
}

func (w *trio) carryOut(i int, r *raft.Raft) {
	if w.out.HasWrite {
		r.Wrote(w.out.Seq)
	}
	for _, m := range w.out.Send {
		if m.Kind != core.MsgTimeoutNow || m.To != w.deaf {
			w.nodes[m.To-1].Step(m)
		}
	}
	for _, m := range w.out.AfterWrite {
		w.nodes[m.To-1].Step(m)
	}
	if n := len(w.out.Apply); n > 0 {
		last := w.out.Apply[n-1].Index
		r.Applied(last)
		if i == 0 {
			w.applied = last
		}
	}
	w.reads += len(w.out.Reads)
}

// commit proposes count commands and runs until the leader has applied them.
func (w *trio) commit(tb testing.TB, entries []core.Entry) {
	goal := w.applied + core.Index(len(entries))
	if err := w.nodes[0].Propose(entries); err != nil {
		tb.Fatal(err)
	}
	w.run()
	if w.applied != goal {
		tb.Fatalf("applied %d, want %d", w.applied, goal)
	}
}

func commands(count int) []core.Entry {
	entries := make([]core.Entry, count)
	for i := range entries {
		entries[i] = core.Entry{Kind: core.EntryCommand, Data: make([]byte, 128)}
	}
	return entries
}

// BenchmarkCommit takes a batch through all three replicas; ns and allocations are for all of them
// together.
func BenchmarkCommit(b *testing.B) {
	for _, batch := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			w, entries := newTrio(b), commands(batch)
			b.ReportAllocs()
			for b.Loop() {
				w.commit(b, entries)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/entry")
		})
	}
}

// BenchmarkRead confirms a batch of linearizable reads on the leader.
func BenchmarkRead(b *testing.B) {
	for _, batch := range []int{1, 256} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			w := newTrio(b)
			b.ReportAllocs()
			for b.Loop() {
				w.reads = 0
				for token := range batch {
					if err := w.nodes[0].Read(uint64(token)); err != nil {
						b.Fatal(err)
					}
				}
				if w.run(); w.reads != batch {
					b.Fatalf("%d reads confirmed, want %d", w.reads, batch)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/read")
		})
	}
}

// TestCommitHardlyAllocates bounds what a command costs on the three replicas together: the memory
// of the log, which comes in chunks.
func TestCommitHardlyAllocates(t *testing.T) {
	w, entries := newTrio(t), commands(16)
	for range 100 {
		w.commit(t, entries)
	}
	allocs := testing.AllocsPerRun(1000, func() { w.commit(t, entries) })
	if perEntry := allocs / 16; perEntry > 0.1 {
		t.Errorf("%.2f allocations per entry, want at most 0.1", perEntry)
	}
}
