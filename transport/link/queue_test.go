package link

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/tidelock-raft/tidelock/core"
)

// The lane against its dumb twin: a plain slice that is cut at the front.
func TestLaneIsAQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l lane
		var twin []core.Message
		bytes, token := 0, uint64(0)
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "put") {
				token++
				m := core.Message{Token: token, Data: make([]byte, rapid.IntRange(0, 500).Draw(t, "n"))}
				fits := len(twin) == 0 || len(twin) < 5 && bytes+m.Size() <= 1500
				if got := l.put(&m, 5, 1500); got != fits {
					t.Fatalf("put: got %v, want %v", got, fits)
				}
				if fits {
					twin, bytes = append(twin, m), bytes+m.Size()
				}
				continue
			}
			got, ok := l.pop()
			if ok != (len(twin) > 0) {
				t.Fatalf("pop: got %v with %d waiting", ok, len(twin))
			}
			if ok {
				if got.Token != twin[0].Token {
					t.Fatalf("pop: got %d, want %d", got.Token, twin[0].Token)
				}
				twin, bytes = twin[1:], bytes-got.Size()
			}
			if l.bytes != bytes {
				t.Fatalf("bytes: got %d, want %d", l.bytes, bytes)
			}
			if len(l.msgs) > 2*len(twin) {
				t.Fatalf("%d slots for %d messages", len(l.msgs), len(twin))
			}
		}
	})
}

func TestFullQueueDropsTheNewestWithoutAGap(t *testing.T) {
	q := newQueue(2, 1<<20)
	entries := func(token uint64) core.Message {
		return core.Message{Kind: core.MsgAppend, Token: token}
	}
	piece := func(token uint64) core.Message {
		return core.Message{Kind: core.MsgSnapshotChunk, Token: token}
	}
	dropped := q.put([]core.Message{
		entries(1), piece(2), entries(3), entries(4), piece(5), entries(6), piece(7),
	})
	if dropped != 3 {
		t.Errorf("got %d dropped, want 3", dropped)
	}
	urgent := q.takeUrgent(nil)
	if len(urgent) != 2 || urgent[0].Token != 1 || urgent[1].Token != 3 {
		t.Errorf("urgent: got %v, want 1 and 3", urgent)
	}
	for _, want := range []uint64{2, 5} {
		if m, ok := q.takeBulk(); !ok || m.Token != want {
			t.Errorf("bulk: got %v %v, want %d", m, ok, want)
		}
	}
	if !q.empty() {
		t.Error("something is left")
	}

	q = newQueue(10, 500)
	if q.put([]core.Message{{Kind: core.MsgAppend, Data: make([]byte, 5000)}}) != 0 {
		t.Error("an empty queue refused a message over its bound in bytes; it would never be sent")
	}
	small := entries(1)
	if q.put([]core.Message{small}) != 1 {
		t.Error("a full queue took a message")
	}
	if q.drop() != 1 || !q.empty() {
		t.Error("drop did not empty the queue")
	}
	large := core.Message{Kind: core.MsgAppend, Data: make([]byte, 400)}
	if q.put([]core.Message{entries(1), large, entries(2)}) != 2 {
		t.Error("a message that fits was let past one that does not: that leaves a gap")
	}
	if q.drop() != 1 || !q.empty() {
		t.Error("drop did not empty the queue")
	}
}
