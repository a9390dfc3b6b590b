package raft

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// plainLog is the dumb twin of a journal, and the disk below it: all entries in one slice.
type plainLog struct {
	start   core.Position
	entries []core.Entry
}

func (p *plainLog) last() core.Index { return p.start.Index + core.Index(len(p.entries)) }

func (p *plainLog) Term(i core.Index) (core.Term, error) {
	switch {
	case i < p.start.Index:
		return 0, core.ErrCompacted
	case i > p.last():
		return 0, core.ErrUnavailable
	case i == p.start.Index:
		return p.start.Term, nil
	}
	return p.entries[i-p.start.Index-1].Term, nil
}

func (p *plainLog) Entries(
	dst []core.Entry, lo, hi core.Index, maxBytes int,
) ([]core.Entry, error) {
	if lo <= p.start.Index {
		return dst, core.ErrCompacted
	}
	bytes := 0
	for i := lo; i < hi; i++ {
		e := p.entries[i-p.start.Index-1]
		if bytes += e.Size(); bytes > maxBytes && i > lo {
			break
		}
		dst = append(dst, e)
	}
	return dst, nil
}

// pair is a journal and its twin. Slices that the journal gave out are kept with a copy.
type pair struct {
	journal
	twin  plainLog
	rand  *rand.Rand
	given [][2][]core.Entry
}

func (p *pair) append() {
	entries := make([]core.Entry, 1+p.rand.IntN(20))
	at := p.last
	for i := range entries {
		at.Index++
		at.Term += core.Term(p.rand.IntN(10) / 9)
		at.Term = max(1, at.Term)
		entries[i] = core.Entry{Position: at, Data: make([]byte, p.rand.IntN(40))}
	}
	p.journal.append(entries)
	p.twin.entries = append(p.twin.entries, entries...)
}

// truncate cuts off some of the tail, and raises the term, as a conflict does.
func (p *pair) truncate() {
	keep := core.Index(p.rand.IntN(len(p.twin.entries) + 1))
	at := p.twin.start
	if keep > 0 {
		at = p.twin.entries[keep-1].Position
	}
	p.journal.truncate(at)
	p.twin.entries = slices.Clone(p.twin.entries[:keep])
}

func (p *pair) compact() {
	p.durable, p.unwritten = p.last.Index, p.last.Index+1
	if cut := p.rand.IntN(len(p.twin.entries) + 1); cut > 0 {
		at := p.twin.entries[cut-1].Position
		p.journal.compact(at)
		p.twin = plainLog{at, slices.Clone(p.twin.entries[cut:])}
	}
}

// check compares what both say of a random part.
func (p *pair) check(t *testing.T) {
	t.Helper()
	for i := p.twin.start.Index; i <= p.twin.last()+1; i++ {
		got, err := p.term(i)
		want, wantErr := p.twin.Term(i)
		if got != want || !errors.Is(err, wantErr) {
			t.Fatalf("term of %d: got %d, %v, want %d, %v", i, got, err, want, wantErr)
		}
	}
	if len(p.twin.entries) == 0 {
		return
	}
	lo := p.twin.start.Index + 1 + core.Index(p.rand.IntN(len(p.twin.entries)))
	hi := lo + 1 + core.Index(p.rand.IntN(int(p.twin.last()-lo)+1))
	limit := []int{0, p.rand.IntN(1000), math.MaxInt}[p.rand.IntN(3)]
	got, bytes, err := p.slice(lo, hi, limit)
	want, _ := p.twin.Entries(nil, lo, hi, limit)
	if lo < p.cached() { // it may stop where the disk's part ends
		want = want[:min(len(want), int(p.cached()-lo))]
	}
	size := 0
	for i := range got {
		size += got[i].Size()
	}
	if err != nil || !equal(got, want) || size != bytes || cap(got) != len(got) && lo >= p.cached() {
		t.Fatalf("entries %d to %d, %d bytes: got %d, %v, want %d", lo, hi, limit, len(got), err,
			len(want))
	}
	p.given = append(p.given, [2][]core.Entry{got, slices.Clone(got)})
	term := core.Term(p.rand.IntN(int(p.last.Term) + 2))
	at, err := p.atMost(term, p.twin.start.Index, lo)
	wantAt := p.twin.start
	for _, e := range p.twin.entries[:lo-p.twin.start.Index] {
		if e.Term <= term {
			wantAt = e.Position
		}
	}
	if err != nil || at != wantAt {
		t.Fatalf("last of term %d or less up to %d: got %v, %v, want %v", term, lo, at, err, wantAt)
	}
}

func equal(a, b []core.Entry) bool {
	return slices.EqualFunc(a, b, func(a, b core.Entry) bool {
		return a.Position == b.Position && len(a.Data) == len(b.Data)
	})
}

func TestJournalEqualsAPlainLog(t *testing.T) {
	for seed := range uint64(200) {
		p := &pair{rand: rand.New(rand.NewPCG(seed, 0))}
		p.disk, p.unwritten = &p.twin, 1
		for range 100 {
			switch p.rand.IntN(6) {
			case 0:
				p.truncate()
			case 1:
				p.compact()
			case 2:
				p.durable, p.unwritten = p.last.Index, p.last.Index+1
				p.trim(p.rand.IntN(2000), p.last.Index)
			default:
				p.append()
			}
			p.check(t)
			r := Raft{log: p.journal}
			if broken := r.checkLog(); broken != "" {
				t.Fatalf("seed %d: %s", seed, broken)
			}
		}
		for _, g := range p.given {
			if !equal(g[0], g[1]) {
				t.Fatalf("seed %d: entries handed out from %v on were overwritten", seed, g[1][0])
			}
		}
	}
}

func TestJournalKeepsBatchesTogether(t *testing.T) {
	var j journal
	for batch := range 50 {
		entries := make([]core.Entry, 100)
		for i := range entries {
			entries[i].Position = core.Position{Term: 1, Index: core.Index(100*batch + i + 1)}
		}
		j.append(entries)
		lo := entries[0].Index
		if allocs := testing.AllocsPerRun(10, func() {
			if got, _, err := j.slice(lo, lo+100, math.MaxInt); err != nil || len(got) != 100 {
				t.Fatalf("got %d entries, %v", len(got), err)
			}
		}); allocs != 0 {
			t.Fatalf("batch %d: %v allocations, want none: it was cut in two", batch, allocs)
		}
	}
}
