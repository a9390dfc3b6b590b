package codec_test

import (
	"bytes"
	"io"
	"math"
	"runtime"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/codec"
)

// typical is an append of n entries with this many bytes of data each.
func typical(n, size int) core.Message {
	m := core.Message{
		Kind: core.MsgAppend, Group: 1, From: 1, To: 2, Term: 7, Commit: 100_000, Round: 12_345,
		Log: core.Position{Term: 7, Index: 100_010},
	}
	for i := range n {
		m.Entries = append(m.Entries, core.Entry{
			Position: core.Position{Term: 7, Index: m.Log.Index + 1 + core.Index(i)},
			Kind:     core.EntryCommand, Time: 1_700_000_000_000_000_000, Data: make([]byte, size),
		})
	}
	return m
}

// endless gives the same bytes over and over.
type endless struct {
	stream []byte
	at     int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.stream[e.at:])
	e.at = (e.at + n) % len(e.stream)
	return n, nil
}

func TestEncodingAllocatesNothing(t *testing.T) {
	for _, m := range []core.Message{typical(64, 128), typical(4, 8192), typical(0, 0)} {
		var b codec.Batch
		allocs := testing.AllocsPerRun(100, func() {
			b.Reset()
			if b.Add(&m) != nil {
				panic("a valid message was refused")
			}
			_, _ = b.WriteTo(io.Discard)
		})
		if allocs > 0 {
			t.Errorf("%d entries: %v allocations", len(m.Entries), allocs)
		}
	}
}

func TestDecodingAllocatesTwicePerFrame(t *testing.T) {
	for _, c := range []struct {
		message core.Message
		limit   float64
	}{{typical(64, 128), 2}, {typical(0, 0), 0}} {
		r := codec.NewReader(&endless{stream: frame(t, c.message)}, codec.Limits{})
		var msgs []core.Message
		var err error
		allocs := testing.AllocsPerRun(1000, func() {
			if msgs, err = r.Next(msgs[:0]); err != nil {
				panic(err)
			}
		})
		if allocs > c.limit {
			t.Errorf("%d entries: got %v allocations, want ≤ %v",
				len(c.message.Entries), allocs, c.limit)
		}
	}
}

// A length is only a claim: memory follows what has arrived.
func TestClaimedLengthAllocatesLittle(t *testing.T) {
	for name, c := range map[string]struct {
		limits codec.Limits
		sent   int
		want   uint64
	}{
		"4 GiB by default":    {codec.Limits{}, 100, 64 << 10},
		"4 GiB allowed":       {codec.Limits{MaxFrameBytes: math.MaxUint32}, 100, 64 << 10},
		"grows with arrivals": {codec.Limits{MaxFrameBytes: math.MaxUint32}, 1 << 20, 8 << 20},
	} {
		stream := append([]byte{0xff, 0xff, 0xff, 0xff}, make([]byte, c.sent)...)
		src := bytes.NewReader(stream)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := codec.NewReader(src, c.limits).Next(nil)
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > c.want {
			t.Errorf("%s: allocated %d bytes, want ≤ %d", name, got, c.want)
		}
	}
}

// Heartbeats between rare writes must not pin a chunk for each write.
func TestRareWritesShareChunks(t *testing.T) {
	const writes = 200
	heartbeat, write := frame(t, typical(0, 0)), frame(t, typical(1, 16))
	pipe, into := io.Pipe()
	defer func() { _ = pipe.Close() }()
	go func() { // ends with the pipe
		for range writes {
			for range 500 {
				_, _ = into.Write(heartbeat)
			}
			_, _ = into.Write(write)
		}
		_ = into.Close()
	}()
	r := codec.NewReader(pipe, codec.Limits{})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var msgs, kept []core.Message
	for {
		var err error
		if msgs, err = r.Next(msgs[:0]); err != nil {
			break
		}
		if len(msgs[0].Entries) > 0 {
			kept = append(kept, msgs[0])
		}
	}
	runtime.ReadMemStats(&after)
	if len(kept) != writes {
		t.Fatalf("got %d writes, want %d", len(kept), writes)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
		t.Fatalf("%d writes of 16 bytes took %d bytes", writes, got)
	}
}

func BenchmarkEncode(b *testing.B) {
	m := typical(64, 128)
	var batch codec.Batch
	b.ReportAllocs()
	b.SetBytes(int64(len(frame(b, m))))
	for b.Loop() {
		batch.Reset()
		if err := batch.Add(&m); err != nil {
			b.Fatal(err)
		}
		if _, err := batch.WriteTo(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	stream := frame(b, typical(64, 128))
	r := codec.NewReader(&endless{stream: stream}, codec.Limits{})
	var msgs []core.Message
	b.ReportAllocs()
	b.SetBytes(int64(len(stream)))
	for b.Loop() {
		var err error
		if msgs, err = r.Next(msgs[:0]); err != nil {
			b.Fatal(err)
		}
	}
}
