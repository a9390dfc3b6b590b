package session

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// tape is a machine that remembers every command, with the client that gave it.
type tape struct{ commands []string }

func (m *tape) Apply(dst []core.Result, entries []core.Entry) ([]core.Result, error) {
	for i := range entries {
		e := &entries[i]
		if e.Kind != core.EntryCommand {
			return nil, fmt.Errorf("entry %d is of %v", e.Index, e.Kind)
		}
		m.commands = append(m.commands, fmt.Sprint(e.Client, ":", string(e.Data)))
		if len(e.Data) > 0 && e.Data[0] == 'f' {
			dst = append(dst, failure("refused", string(e.Data)))
			continue
		}
		dst = append(dst, core.Result{Value: fmt.Append(nil, len(m.commands))})
	}
	return dst, nil
}

func (m *tape) Query([]byte) core.Result         { return core.Result{} }
func (m *tape) Close() error                     { return nil }
func (m *tape) Snapshot() (core.Snapshot, error) { return frozen(slices.Clone(m.commands)), nil }
func (m *tape) Digest() uint64                   { return uint64(len(m.commands)) + 1 }

func (m *tape) Restore(r io.Reader) error {
	data, err := io.ReadAll(r)
	m.commands = nil
	for _, line := range bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n")) {
		if len(line) > 0 {
			m.commands = append(m.commands, string(line))
		}
	}
	return err
}

type frozen []string

func (f frozen) WriteTo(w io.Writer) (int64, error) {
	var n int
	for _, c := range f {
		k, err := fmt.Fprintln(w, c)
		if n += k; err != nil {
			return int64(n), err
		}
	}
	return int64(n), nil
}
func (f frozen) Release() {}

// writer makes entries, a second of log time apart.
type writer struct{ index core.Index }

func (w *writer) entry(kind core.EntryKind, data []byte) core.Entry {
	w.index++
	return core.Entry{Position: core.Position{Term: 1, Index: w.index}, Kind: kind,
		Time: int64(w.index) * 1e9, Data: data}
}

func (w *writer) plain(command string) core.Entry {
	return w.entry(core.EntryCommand, []byte(command))
}

func (w *writer) in(h Header, command string) core.Entry {
	data, _ := h.AppendBinary(nil)
	return w.entry(core.EntrySession, append(data, command...))
}

func (w *writer) open() core.Entry { return w.in(Header{Op: OpOpen}, "") }

func (w *writer) call(id, sequence, done uint64, command string) core.Entry {
	return w.in(Header{OpCommand, id, sequence, done}, command)
}

func apply(t testing.TB, m *Machine, entries ...core.Entry) []string {
	t.Helper()
	results, err := m.Apply(nil, entries)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range results {
		got = append(got, show(r))
	}
	return got
}

func show(r core.Result) string {
	if r.Failure != nil {
		return r.Failure.Code
	}
	if len(r.Value) == 8 && r.Value[0] == 0 {
		return fmt.Sprint("id", binary.BigEndian.Uint64(r.Value))
	}
	return string(r.Value)
}

func TestCommandIsCarriedOutOnce(t *testing.T) {
	for _, split := range []bool{false, true} {
		w, inner := &writer{}, &tape{}
		m := Wrap(inner)
		entries := []core.Entry{
			w.open(), w.open(), // 1, 2
			w.call(1, 1, 0, "a"), w.call(1, 1, 0, "a"), // again, in the same batch
			w.call(2, 1, 0, "b"),
			w.plain("c"),
			w.call(1, 3, 0, "e"), w.call(1, 2, 0, "d"), // late
			w.call(1, 3, 2, "e"), w.call(1, 2, 1, "d"), // 2 is done with
			w.call(2, 2, 1, "f"), w.call(2, 2, 1, "f"), // a failure is remembered as well
			w.call(2, 2+MaxWindow, 0, "far"),
			w.call(9, 1, 0, "nobody"),
			w.in(Header{Op: OpClose, Session: 2}, ""), w.call(2, 2, 1, "f"),
			w.entry(core.EntrySession, []byte{7}),
		}
		want := []string{"id1", "id2", "1", "1", "2", "3", "4", "5", "4", CodeDone,
			"refused", "refused", CodeWindow, CodeExpired, "", CodeExpired, CodeHeader}
		var got []string
		if split {
			for _, e := range entries {
				got = append(got, apply(t, m, e)...)
			}
		} else {
			got = apply(t, m, entries...)
		}
		if !slices.Equal(got, want) {
			t.Errorf("split %v:\n got %v\nwant %v", split, got, want)
		}
		want = []string{"1:a", "2:b", "0:c", "1:e", "1:d", "2:f"}
		if !slices.Equal(inner.commands, want) {
			t.Errorf("split %v: carried out %v, want %v", split, inner.commands, want)
		}
	}
}

func TestSessionsAreForgotten(t *testing.T) {
	t.Run("when idle", func(t *testing.T) {
		w, m := &writer{}, Wrap(&tape{})
		apply(t, m, w.open(), w.open())
		w.index += IdleTime/1e9 - 2
		if got := apply(t, m, w.call(2, 1, 0, "a")); got[0] != "1" || m.Len() != 2 {
			t.Errorf("in time: got %v, %d sessions", got, m.Len())
		}
		w.index += 2
		if got := apply(t, m, w.call(1, 1, 0, "b"), w.call(2, 1, 0, "a")); got[0] != CodeExpired ||
			got[1] != "1" || m.Len() != 1 {
			t.Errorf("too late: got %v, %d sessions", got, m.Len())
		}
	})
	t.Run("when there are too many", func(t *testing.T) {
		w, m := &writer{}, Wrap(&tape{})
		fixed := func(e core.Entry) core.Entry { e.Time = 1; return e }
		for range MaxSessions {
			apply(t, m, fixed(w.open()))
		}
		got := apply(t, m, fixed(w.call(1, 1, 0, "a")), fixed(w.open()),
			fixed(w.call(2, 1, 0, "b")), fixed(w.call(1, 1, 0, "a")))
		if got[0] != "1" || got[2] != CodeExpired || got[3] != "1" || m.Len() != MaxSessions {
			t.Errorf("got %v, %d sessions", got, m.Len())
		}
	})
	t.Run("when replies are too much", func(t *testing.T) {
		w := &writer{}
		m := Wrap(&tape{})
		apply(t, m, w.open(), w.open(), w.call(1, 1, 0, "a"), w.call(2, 1, 0, "b"))
		m.table.bytes += MaxReplyBytes - 2*(replyOverhead+1)
		w.index = trimEvery
		got := apply(t, m, w.call(2, 2, 0, "c"), w.call(1, 1, 0, "a")) // just enough
		m.table.bytes++
		w.index = 2 * trimEvery
		got = append(got, apply(t, m, w.call(1, 1, 0, "a"), w.call(2, 1, 0, "b"))...)
		if want := []string{"3", "1", "1", CodeExpired}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

// random draws entries in which clients ask again, skip, come late and come back too late.
func random(rng *rand.Rand, w *writer, ids []uint64) core.Entry {
	if len(ids) == 0 || rng.IntN(10) == 0 {
		return w.open()
	}
	id := ids[rng.IntN(len(ids))]
	if rng.IntN(8) == 0 {
		w.index += core.Index(rng.IntN(IdleTime / 1e9))
	}
	sequence := uint64(1 + rng.IntN(20))
	command := fmt.Sprint(string("fab"[rng.IntN(3)]), sequence)
	switch rng.IntN(12) {
	case 0:
		return w.in(Header{Op: OpClose, Session: id}, "")
	case 1, 2:
		return w.plain(command)
	}
	return w.call(id, sequence, uint64(rng.IntN(int(sequence))), command)
}

// TestAnyHistoryAgainstTwin: however a history is cut into batches, and wherever a replica begins
// with a snapshot, results, bytes and digests are the same; and they are those of a dumb twin.
func TestAnyHistoryAgainstTwin(t *testing.T) {
	for seed := range uint64(200) {
		rng, w := rand.New(rand.NewPCG(seed, 0)), &writer{}
		var entries []core.Entry
		var ids []uint64
		for range 300 {
			e := random(rng, w, ids)
			if e.Kind == core.EntrySession && e.Data[0] == byte(OpOpen) {
				ids = append(ids, uint64(e.Index))
			}
			entries = append(entries, e)
		}
		inner := &tape{}
		m, twin := Wrap(inner), newTwin()
		var got, want []string
		early, before := m.freeze(t), body(t, m)
		for lo := 0; lo < len(entries); {
			hi := min(lo+1+rng.IntN(40), len(entries))
			got = append(got, apply(t, m, entries[lo:hi]...)...)
			if rng.IntN(4) == 0 {
				inner = &tape{}
				m = restored(t, m, inner)
			}
			if rng.IntN(4) == 0 {
				if !bytes.Equal(early(), before) {
					t.Fatalf("seed %d: a frozen state has changed", seed)
				}
				early, before = m.freeze(t), body(t, m)
			}
			lo = hi
		}
		for i := range entries {
			want = append(want, twin.apply(&entries[i]))
		}
		if !slices.Equal(got, want) || !slices.Equal(inner.commands, twin.commands) {
			t.Fatalf("seed %d:\n got %v\nwant %v\n got %v\nwant %v", seed, got, want, inner.commands,
				twin.commands)
		}
		long := Wrap(&tape{})
		apply(t, long, entries...)
		if !bytes.Equal(body(t, long), body(t, m)) || long.Digest() != m.Digest() ||
			long.table.bytes != m.table.bytes {
			t.Fatalf("seed %d: digests %x and %x", seed, long.Digest(), m.Digest())
		}
	}
}

func body(t testing.TB, m *Machine) []byte {
	t.Helper()
	return m.freeze(t)()
}

// freeze takes a snapshot and returns what writes it.
func (m *Machine) freeze(t testing.TB) func() []byte {
	t.Helper()
	s, err := m.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	return func() []byte {
		defer s.Release()
		var b bytes.Buffer
		if n, err := s.WriteTo(&b); err != nil || n != int64(b.Len()) {
			t.Fatalf("wrote %d of %d bytes: %v", n, b.Len(), err)
		}
		return b.Bytes()
	}
}

func restored(t testing.TB, m *Machine, inner *tape) *Machine {
	t.Helper()
	fresh := Wrap(inner)
	if err := fresh.Restore(bytes.NewReader(body(t, m))); err != nil {
		t.Fatal(err)
	}
	if fresh.Digest() != m.Digest() {
		t.Fatalf("digest: restored %x, was %x", fresh.Digest(), m.Digest())
	}
	return fresh
}

// twin does what Machine does, from the words of the package comment and in no hurry.
type twin struct {
	sessions map[uint64]*twinSession
	commands []string
}

type twinSession struct {
	time    int64
	done    uint64
	replies map[uint64]string
}

func newTwin() *twin { return &twin{sessions: map[uint64]*twinSession{}} }

func (w *twin) apply(e *core.Entry) string {
	if e.Kind == core.EntryCommand {
		return w.do(0, string(e.Data))
	}
	for id, s := range w.sessions {
		if e.Time-s.time > IdleTime {
			delete(w.sessions, id)
		}
	}
	h, command, err := Decode(e.Data)
	s := w.sessions[h.Session]
	switch {
	case err != nil:
		return CodeHeader
	case h.Op == OpOpen:
		w.sessions[uint64(e.Index)] = &twinSession{time: e.Time, replies: map[uint64]string{}}
		return fmt.Sprint("id", e.Index)
	case s == nil:
		return CodeExpired
	case h.Op == OpClose:
		delete(w.sessions, h.Session)
		return ""
	}
	s.time, s.done = e.Time, max(s.done, h.Done)
	if h.Sequence <= s.done {
		return CodeDone
	}
	if _, ok := s.replies[h.Sequence]; !ok {
		s.replies[h.Sequence] = w.do(h.Session, string(command))
	}
	return s.replies[h.Sequence]
}

func (w *twin) do(client uint64, command string) string {
	w.commands = append(w.commands, fmt.Sprint(client, ":", command))
	if command[0] == 'f' {
		return "refused"
	}
	return fmt.Sprint(len(w.commands))
}

// golden is a snapshot in which no field is zero, as it was written when the format was made.
const golden = "TLOCKSE1\x02\x01\x03\x80\xf8\x82\xad\x16\x01\x01\x02\x00\x012" +
	"\x04\x05\x80\xc8\xaf\xa0\x25\x01\x01\x02\x01\x07refused\x02f31:a\n1:b\n4:f3\n"

func TestFormatIsAsRecorded(t *testing.T) {
	w, inner := &writer{}, &tape{}
	m := Wrap(inner)
	apply(t, m, w.open(), w.call(1, 1, 0, "a"), w.call(1, 2, 1, "b"), w.open(),
		w.call(4, 2, 1, "f3"))
	if got := string(body(t, m)); got != golden {
		t.Errorf("got  %q\nwant %q", got, golden)
	}
	data, _ := Header{OpCommand, 300, 5, 4}.AppendBinary(nil)
	if want := []byte{2, 0xac, 2, 5, 4}; !bytes.Equal(data, want) {
		t.Errorf("header: got %x, want %x", data, want)
	}
	for n := range len(golden) - len("1:a\n1:b\n4:f3\n") {
		if err := Wrap(&tape{}).Restore(bytes.NewReader([]byte(golden[:n]))); err == nil {
			t.Errorf("a snapshot cut at %d was taken", n)
		}
	}
}

// TestGreatestNumbersAreRestored: what a client can write into a header, a snapshot can hold.
func TestGreatestNumbersAreRestored(t *testing.T) {
	w, m := &writer{}, Wrap(&tape{})
	apply(t, m, w.open(), w.open())
	got := apply(t, m, w.call(1, math.MaxUint64, math.MaxUint64-1, "a"),
		w.call(1<<63, 1, 0, "b"),
		w.call(1, MaxNumber, 1, "far"), w.call(1, 2, 0, "c"), // the one before has left no trace
		w.call(1, MaxNumber, MaxNumber-1, "d"), w.call(2, MaxNumber, MaxNumber-MaxWindow, "e"))
	want := []string{CodeHeader, CodeHeader, CodeWindow, "1", "2", "3"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	restored(t, m, &tape{})
}

// fixed is a machine that answers every command alike.
type fixed struct {
	tape
	result core.Result
}

func (m *fixed) Apply(dst []core.Result, entries []core.Entry) ([]core.Result, error) {
	for range entries {
		dst = append(dst, m.result)
	}
	return dst, nil
}

// TestGreatestRepliesAreRestored: what a machine can answer, a snapshot can hold, and the client
// hears the same each time.
func TestGreatestRepliesAreRestored(t *testing.T) {
	long := strings.Repeat("x", MaxFailureBytes+1)
	clipped := failure(long[1:], long[1:])
	for what, c := range map[string]struct{ got, want core.Result }{
		"words":     {failure(long, long), clipped},
		"message":   {failure("code", long), failure("code", long[1:])},
		"no longer": {clipped, clipped},
		"both":      {core.Result{Value: []byte("v"), Failure: clipped.Failure}, clipped},
		"value": {core.Result{Value: make([]byte, MaxValueBytes+1)}, failure(CodeReply,
			"carried out, but the reply has 67108865 bytes, limit 67108864")},
	} {
		w, m := &writer{}, Wrap(&fixed{result: c.got})
		apply(t, m, w.open())
		entries := []core.Entry{w.call(1, 1, 0, "a"), w.call(1, 1, 0, "a")}
		results, err := m.Apply(nil, entries)
		if err != nil || !reflect.DeepEqual(results, []core.Result{c.want, c.want}) {
			t.Errorf("%s: got another result, %v", what, err)
		}
		restored(t, m, &tape{})
	}
}

// TestSnapshotFreezesAtOnce: it copies no reply, and what comes later does not show in it.
func TestSnapshotFreezesAtOnce(t *testing.T) {
	const size = 1 << 20
	w, m := &writer{}, Wrap(&fixed{result: core.Result{Value: bytes.Repeat([]byte("v"), size)}})
	apply(t, m, w.open())
	for n := range uint64(32) {
		apply(t, m, w.call(1, n+1, 0, "a"))
	}
	want := body(t, m)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	early := m.freeze(t)
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > size {
		t.Errorf("it took %d bytes to freeze 32 replies of %d", took, size)
	}
	apply(t, m, w.call(1, 33, 30, "b"), w.open(), w.call(1, 34, 33, "c"))
	if !bytes.Equal(early(), want) {
		t.Error("later commands show in a snapshot")
	}
}

func TestCommandAllocatesLittle(t *testing.T) {
	w, m := &writer{}, Wrap(&nothing{})
	apply(t, m, w.open())
	var dst []core.Result
	entries := make([]core.Entry, 64)
	buf, sequence := make([]byte, 0, 64*64), uint64(0)
	per := testing.AllocsPerRun(100, func() {
		buf = buf[:0]
		for i := range entries {
			sequence++
			at := len(buf)
			buf, _ = Header{OpCommand, 1, sequence, sequence - 1}.AppendBinary(buf)
			entries[i] = w.entry(core.EntrySession, buf[at:])
		}
		var err error
		if dst, err = m.Apply(dst[:0], entries); err != nil {
			t.Fatal(err)
		}
	})
	if per > 1 { // the race detector takes one now and then
		t.Errorf("%.0f allocations for 64 commands", per)
	}
}

// nothing is a machine that does nothing.
type nothing struct{ tape }

func (*nothing) Apply(dst []core.Result, entries []core.Entry) ([]core.Result, error) {
	return append(dst, make([]core.Result, len(entries))...), nil
}

func BenchmarkApply(b *testing.B) {
	w, m := &writer{}, Wrap(&nothing{})
	apply(b, m, w.open())
	var dst []core.Result
	entries := make([]core.Entry, 64)
	buf, sequence := make([]byte, 0, 64*64), uint64(0)
	b.ReportAllocs()
	for n := 0; n < b.N; n += len(entries) {
		buf = buf[:0]
		for i := range entries {
			sequence++
			at := len(buf)
			buf, _ = Header{OpCommand, 1, sequence, sequence - 1}.AppendBinary(buf)
			entries[i] = w.entry(core.EntrySession, buf[at:])
		}
		dst, _ = m.Apply(dst[:0], entries)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{2, 0xac, 2, 5, 4, 'x'})
	f.Add([]byte{1, 0, 0, 0})
	greatest, _ := Header{OpCommand, MaxNumber, MaxNumber, MaxNumber - 1}.AppendBinary(nil)
	f.Add(greatest)
	beyond, _ := Header{OpCommand, 1, math.MaxUint64, math.MaxUint64 - 1}.AppendBinary(nil)
	f.Add(beyond)
	f.Fuzz(func(t *testing.T, data []byte) {
		h, rest, err := Decode(data)
		if err != nil {
			return
		}
		again, _ := h.AppendBinary(nil)
		if got, tail, err := Decode(append(again, rest...)); err != nil || got != h ||
			!bytes.Equal(tail, rest) {
			t.Errorf("got %+v, %v, want %+v", got, err, h)
		}
	})
}

func FuzzRestore(f *testing.F) {
	f.Add([]byte(golden))
	w, m := &writer{}, Wrap(&tape{})
	apply(f, m, w.open(), w.call(1, MaxNumber, MaxNumber-1, "a"))
	f.Add(body(f, m))
	f.Fuzz(func(t *testing.T, data []byte) {
		m := Wrap(&tape{})
		if m.Restore(bytes.NewReader(data)) == nil {
			again := restored(t, m, &tape{})
			if !bytes.Equal(body(t, again), body(t, m)) {
				t.Error("what was restored is not what was written")
			}
		}
	})
}
