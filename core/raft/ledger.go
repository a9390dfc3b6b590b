package raft

import (
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/internal/ring"
)

// ledger counts bytes of entries that are under way, in batches that end in log order.
//
// Invariant: bytes is the sum over the batches, so an empty ledger holds zero bytes.
type ledger struct {
	batches ring.Ring[batch]
	bytes   int
}

type batch struct {
	last  core.Index
	bytes int
}

// add books a batch that ends with the entry at last.
func (l *ledger) add(last core.Index, bytes int) {
	l.batches.Push(batch{last, bytes})
	l.bytes += bytes
}

// release takes out the batches that end at or before i.
func (l *ledger) release(i core.Index) {
	for l.batches.Len() > 0 && l.batches.At(0).last <= i {
		l.bytes -= l.batches.Pop().bytes
	}
}

// len is the number of batches under way.
func (l *ledger) len() int { return l.batches.Len() }

func (l *ledger) clear() {
	l.batches.Clear()
	l.bytes = 0
}
