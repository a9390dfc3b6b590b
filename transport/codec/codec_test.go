package codec_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/vmihailenco/msgpack/v5"
	"pgregory.net/rapid"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/codec"
	"github.com/tidelock-raft/tidelock/transport/transporttest"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// frame encodes what must be encodable.
func frame(t testing.TB, msgs ...core.Message) []byte {
	t.Helper()
	b, err := codec.Limits{}.AppendFrame(nil, msgs)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func requireEqual(t testing.TB, got, want []core.Message) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d messages, want %d", len(got), len(want))
	}
	for i := range got {
		if !transporttest.Equal(&got[i], &want[i]) {
			t.Fatalf("message %d:\ngot  %+v\nwant %+v", i, got[i], want[i])
		}
	}
}

func TestSamplesHaveNoZeroField(t *testing.T) {
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		if v.IsZero() && !strings.HasSuffix(path, ".Entries.Client") { // which is not sent
			t.Errorf("%s is zero", path)
		}
		switch v.Kind() {
		case reflect.Pointer:
			walk(path, v.Elem())
		case reflect.Struct:
			for i := range v.NumField() {
				walk(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
		case reflect.Slice:
			if v.Len() == 0 {
				t.Errorf("%s is empty", path)
			}
			for i := range v.Len() {
				if v.Type().Elem().Kind() != reflect.Uint8 {
					walk(path, v.Index(i))
				}
			}
		}
	}
	for _, m := range transporttest.Samples(1, 2) {
		walk(m.Kind.String(), reflect.ValueOf(m))
	}
}

// The wire format is a promise to other versions: these bytes may not change.
func TestFormatIsAsRecorded(t *testing.T) {
	samples := transporttest.Samples(1, 2)
	got := frame(t, samples...)
	path := filepath.Join("testdata", "samples.hex")
	if *rewrite {
		if err := os.WriteFile(path, []byte(hex.Dump(got)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if hex.Dump(got) != string(golden) {
		t.Fatalf("the format has changed:\n%s", hex.Dump(got))
	}
	decoded, rest, err := codec.Limits{}.DecodeFrame(nil, got)
	if err != nil || len(rest) > 0 {
		t.Fatalf("rest %d, error %v", len(rest), err)
	}
	requireEqual(t, decoded, samples)
}

// What is written is msgpack to anybody: the dumb twin of the decoder is the library's.
func TestPayloadIsMsgpack(t *testing.T) {
	m := transporttest.Samples(1, 2)[4]
	m.Snapshot = nil
	m.Entries[1].Data = make([]byte, 70_000) // all three forms of bin, with the one below
	m.Data = make([]byte, 300)
	var got []any
	if err := msgpack.Unmarshal(frame(t, m)[8:], &got); err != nil {
		t.Fatal(err)
	}
	first := m.Entries[0]
	want := []any{uint64(3), []any{
		uint64(5), uint64(0b101_1111_1111), uint64(m.Group), uint64(1), uint64(2), uint64(m.Term),
		[]any{uint64(m.Log.Term), uint64(m.Log.Index)}, uint64(m.Commit), m.Round,
		[]any{
			uint64(1), uint64(first.Time), first.Data,
			[]any{uint64(2), uint64(1)}, uint64(1000), m.Entries[1].Data,
			uint64(3), uint64(1000), m.Entries[2].Data,
		},
		[]any{uint64(m.Hint.Term), uint64(m.Hint.Index)}, m.Token, m.Data, uint64(m.Offset),
	}}
	if !reflect.DeepEqual(widen(got), widen(want)) {
		t.Fatalf("got  %v\nwant %v", widen(got), widen(want))
	}
}

// widen makes every number that the library returned a uint64.
func widen(v any) any {
	if list, ok := v.([]any); ok {
		wide := make([]any, len(list))
		for i := range list {
			wide[i] = widen(list[i])
		}
		return wide
	}
	if r := reflect.ValueOf(v); r.CanInt() {
		return uint64(r.Int())
	} else if r.CanUint() {
		return r.Uint()
	}
	return v
}

// drawMessage draws any message that a Batch accepts.
func drawMessage(t *rapid.T) core.Message {
	number := func(name string) uint64 {
		return rapid.OneOf(rapid.Just(uint64(0)), rapid.Uint64Range(1, 300),
			rapid.Uint64Range(1<<15, 1<<17), rapid.Uint64Range(0, math.MaxUint64)).Draw(t, name)
	}
	data := func(name string) []byte {
		n := rapid.SampledFrom([]int{0, 1, 31, 255, 256, 4095, 4096, 70_000}).Draw(t, name)
		return bytes.Repeat([]byte{byte(n)}, n)
	}
	m := core.Message{
		Kind:   core.MessageKind(rapid.IntRange(1, 14).Draw(t, "kind")),
		Reject: rapid.Bool().Draw(t, "reject"), Force: rapid.Bool().Draw(t, "force"),
		Group: core.GroupID(number("group")), From: core.NodeID(number("from")),
		To: core.NodeID(number("to")), Term: core.Term(number("term")),
		Log:    core.Position{Term: core.Term(number("lt")), Index: core.Index(number("li"))},
		Hint:   core.Position{Term: core.Term(number("ht")), Index: core.Index(number("hi"))},
		Commit: core.Index(number("commit")), Round: number("round"), Token: number("token"),
		Offset: int64(number("offset") >> 1), Data: data("data"),
	}
	if rapid.Bool().Draw(t, "snapshot") {
		m.Snapshot = transporttest.Samples(1, 2)[0].Snapshot
		m.Snapshot.Time = rapid.Int64().Draw(t, "st")
	}
	previous := m.Log
	for range rapid.IntRange(0, 20).Draw(t, "entries") {
		e := core.Entry{Kind: core.EntryKind(rapid.IntRange(1, 3).Draw(t, "ek")),
			Time: rapid.Int64().Draw(t, "et"), Data: data("ed")}
		e.Term, e.Index = previous.Term+core.Term(number("rise")), previous.Index+1
		if e.Term < previous.Term || e.Term == 0 || e.Index == 0 {
			break
		}
		m.Entries = append(m.Entries, e)
		previous = e.Position
	}
	return m
}

// Whatever a Batch takes, a Reader returns, however the stream is cut and whatever lies between.
func TestDecodeUndoesEncode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := codec.Limits{MaxMessages: rapid.IntRange(1, 5).Draw(t, "limit")}
		b := codec.NewBatch(limits)
		var sent, got []core.Message
		for range rapid.IntRange(1, 12).Draw(t, "messages") {
			m := drawMessage(t)
			if err := b.Add(&m); err != nil {
				t.Fatal(err)
			}
			sent = append(sent, m)
		}
		var stream bytes.Buffer
		size := b.Size()
		if _, err := b.WriteTo(&stream); err != nil || stream.Len() != size {
			t.Fatalf("wrote %d of %d bytes: %v", stream.Len(), size, err)
		}
		plain, err := limits.AppendFrame(nil, sent)
		if err != nil || !bytes.Equal(plain, stream.Bytes()) {
			t.Fatalf("copied and referred encodings differ: %v", err)
		}
		var src io.Reader = &stream
		if rapid.Bool().Draw(t, "half") {
			src = iotest.HalfReader(src)
		}
		r := codec.NewReader(src, limits)
		for {
			before := len(got)
			if got, err = r.Next(got); err != nil {
				break
			}
			if n := len(got) - before; n > limits.MaxMessages {
				t.Fatalf("%d messages in a frame, limit %d", n, limits.MaxMessages)
			}
		}
		if err != io.EOF || len(got) != len(sent) {
			t.Fatalf("got %d of %d messages: %v", len(got), len(sent), err)
		}
		for i := range got { // only now: nothing read later may have overwritten them
			if !transporttest.Equal(&got[i], &sent[i]) {
				t.Fatalf("message %d:\ngot  %v\nwant %v", i, got[i], sent[i])
			}
		}
	})
}

func TestLargestSnapshotMetaIsCarried(t *testing.T) {
	var members core.Membership
	for n := range core.NodeID(core.MaxMembers) {
		members.Members = append(members.Members, core.Member{ID: 1<<63 + n, Role: core.Voter,
			Addr: core.Addr(bytes.Repeat([]byte("a"), core.MaxAddrBytes))})
	}
	for n := range core.NodeID(core.MaxRetired) {
		members.Retired.IDs = append(members.Retired.IDs, (n+1)*(1<<55-1))
	}
	m := core.Message{Kind: core.MsgSnapshot, Group: 1, From: 1, To: 2, Term: 3,
		Snapshot: &core.SnapshotMeta{Position: core.Position{Term: 1, Index: 2}, Membership: members}}
	frame, err := codec.Limits{}.AppendFrame(nil, []core.Message{m})
	if err != nil {
		t.Fatal(err)
	}
	got, err := codec.NewReader(bytes.NewReader(frame), codec.Limits{}).Next(nil)
	if err != nil || len(got) != 1 || !transporttest.Equal(&got[0], &m) {
		t.Errorf("got %d messages, %v", len(got), err)
	}
}

// Messages stay as they were delivered while thousands of frames pass through the same chunks.
func TestDeliveredDataIsNeverOverwritten(t *testing.T) {
	var stream []byte
	var want []core.Message
	for i := range 3000 {
		m := core.Message{Kind: core.MsgForward, From: 1, To: 2, Token: uint64(i)}
		if i%3 > 0 {
			m.Data = bytes.Repeat([]byte{byte(i)}, 1+i%100*(i%7))
		}
		want = append(want, m)
		stream = append(stream, frame(t, m)...)
	}
	for name, src := range map[string]io.Reader{
		"whole": bytes.NewReader(stream),
		"bytes": iotest.OneByteReader(bytes.NewReader(stream)),
		"parts": iotest.HalfReader(bytes.NewReader(stream)),
	} {
		r := codec.NewReader(src, codec.Limits{})
		var got []core.Message
		var err error
		for err == nil {
			got, err = r.Next(got)
		}
		if err != io.EOF {
			t.Fatalf("%s: %v", name, err)
		}
		requireEqual(t, got, want)
	}
}

func TestBatchRefusesWhatReaderWouldRefuse(t *testing.T) {
	entry := func(term core.Term, i core.Index) core.Entry {
		return core.Entry{Position: core.Position{Term: term, Index: i}, Kind: core.EntryCommand}
	}
	valid := core.Message{Kind: core.MsgAppend, Log: core.Position{Term: 2, Index: 5}}
	for name, c := range map[string]struct {
		change func(*core.Message)
		want   error
	}{
		"valid":           {func(*core.Message) {}, nil},
		"no kind":         {func(m *core.Message) { m.Kind = 0 }, codec.ErrInvalid},
		"unknown kind":    {func(m *core.Message) { m.Kind = 99 }, codec.ErrInvalid},
		"negative offset": {func(m *core.Message) { m.Offset = -1 }, codec.ErrInvalid},
		"gap": {func(m *core.Message) {
			m.Entries = []core.Entry{entry(2, 7)}
		}, codec.ErrInvalid},
		"old term": {func(m *core.Message) {
			m.Entries = []core.Entry{entry(1, 6)}
		}, codec.ErrInvalid},
		"entry kind": {func(m *core.Message) {
			m.Entries = []core.Entry{{Position: core.Position{Term: 2, Index: 6}}}
		}, codec.ErrInvalid},
		"last index": {func(m *core.Message) {
			m.Log.Index, m.Entries = math.MaxUint64, []core.Entry{entry(2, 0)}
		}, codec.ErrInvalid},
		"no member": {func(m *core.Message) { m.Snapshot = &core.SnapshotMeta{} }, codec.ErrInvalid},
		"snapshot size": {func(m *core.Message) {
			m.Snapshot = &core.SnapshotMeta{Size: -1}
		}, codec.ErrInvalid},
		"data": {func(m *core.Message) {
			m.Data = make([]byte, codec.DefaultDataBytes+1)
		}, core.ErrTooLarge},
		"entry data": {func(m *core.Message) {
			m.Entries = []core.Entry{entry(2, 6)}
			m.Entries[0].Data = make([]byte, codec.DefaultDataBytes+1)
		}, core.ErrTooLarge},
		"entries": {func(m *core.Message) {
			m.Entries = make([]core.Entry, codec.DefaultEntries+1)
		}, core.ErrTooLarge},
		"frame": {func(m *core.Message) {
			for i := range core.Index(3) {
				m.Entries = append(m.Entries, entry(2, 6+i))
				m.Entries[i].Data = make([]byte, codec.DefaultDataBytes)
			}
		}, core.ErrTooLarge},
	} {
		m := valid
		c.change(&m)
		var b codec.Batch
		if err := b.Add(&m); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
		if c.want != nil && b.Size() != 0 {
			t.Errorf("%s: a refused message left %d bytes", name, b.Size())
		}
	}
}

// payload frames a hand-written msgpack value.
func payload(parts ...any) []byte {
	b := make([]byte, 8)
	for _, part := range parts {
		switch v := part.(type) {
		case string:
			b = append(b, v...)
		case []byte:
			b = append(b, v...)
		}
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-8))
	binary.BigEndian.PutUint32(b[4:], crc32.Checksum(b[8:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

func TestReaderRefusesDamage(t *testing.T) {
	// message is a MsgAppend of group 1 from node 1 to 2 with entries.
	message := func(values string) string { return "\x05\x08\x01\x01\x02\x01" + values }
	for name, c := range map[string]struct {
		frame []byte
		want  string
	}{
		"empty":            {payload(""), "cut short"},
		"no array":         {payload("\x01"), "unexpected type"},
		"map":              {payload("\x81\x00\x00"), "unexpected type"},
		"no entry count":   {payload("\x90"), "cut short"},
		"entry count":      {payload("\x91\x05"), "counts"},
		"messages missing": {payload("\xdd\xff\xff\xff\xff\x00"), "counts"},
		"entries missing":  {payload("\x91\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), "counts"},
		"tail":             {payload("\x91\x00\x00"), "left over"},
		"unknown kind":     {payload("\x92\x00\x96\x7f\x00\x01\x01\x02\x01"), "unknown kind"},
		"wide kind":        {payload("\x92\x00\x96\xcd\x01\x05\x00\x01\x01\x02\x01"), "unknown kind"},
		"unknown bit":      {payload("\x92\x00\x97\x05\xcd\x08\x00\x01\x01\x02\x01\x01"), "counts"},
		"field missing":    {payload("\x92\x00\x96\x05\x01\x01\x01\x02\x01"), "counts"},
		"too few entries":  {payload("\x92\x01\x97", message("\x90")), "counts"},
		"too many entries": {payload("\x92\x00\x97", message("\x93\x02\x00\xc4\x00")), "counts"},
		"part of an entry": {payload("\x92\x01\x97", message("\x92\x02\x00\xc4\x00")), "counts"},
		"entry of term 0":  {payload("\x92\x01\x97", message("\x93\x02\x00\xc4\x00")), "entry t0/i1"},
		"entry kind": {payload("\x92\x01\x97", message("\x93\x92\x09\x01\x00\xc4\x00")),
			"of kind(9)"},
		"long data": {payload("\x92\x00\x97\x05\xcc\x80\x01\x01\x02\x01",
			"\xc6\xff\xff\xff\xff"), "limit"},
		"negative offset": {payload("\x92\x00\x97\x05\xcd\x01\x00\x01\x01\x02\x01",
			"\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), "limit"},
		"snapshot": {payload("\x92\x00\x97\x05\xcd\x02\x00\x01\x01\x02\x01\xc4\x01\x00"), "snapshot"},
	} {
		dst := make([]core.Message, 1, 8)
		got, err := codec.NewReader(bytes.NewReader(c.frame), codec.Limits{}).Next(dst)
		if !errors.Is(err, codec.ErrMalformed) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want …%s…", name, err, c.want)
		}
		if len(got) != 1 {
			t.Errorf("%s: dst came back with %d messages, want 1", name, len(got))
		}
	}
}

// A network that alters what it carries is found out, wherever it does so.
func TestEveryFlippedBitIsRefused(t *testing.T) {
	whole := frame(t, transporttest.Samples(1, 2)[4])
	for bit := range 8 * len(whole) {
		damaged := bytes.Clone(whole)
		damaged[bit/8] ^= 1 << (bit % 8)
		for name, decode := range map[string]func() ([]core.Message, error){
			"DecodeFrame": func() ([]core.Message, error) {
				got, _, err := codec.Limits{}.DecodeFrame(nil, damaged)
				return got, err
			},
			"Next": func() ([]core.Message, error) {
				return codec.NewReader(bytes.NewReader(damaged), codec.Limits{}).Next(nil)
			},
		} {
			if got, err := decode(); err == nil || len(got) > 0 {
				t.Fatalf("%s: bit %d flipped: got %v", name, bit, got)
			}
		}
	}
}

func TestFrameOverTheLimitIsRefusedUnread(t *testing.T) {
	whole := frame(t, transporttest.Samples(1, 2)...)
	fits := codec.Limits{MaxFrameBytes: len(whole) - 8}
	tight := codec.Limits{MaxFrameBytes: len(whole) - 9}
	if _, _, err := fits.DecodeFrame(nil, whole); err != nil {
		t.Errorf("a frame at the limit: %v", err)
	}
	if _, _, err := tight.DecodeFrame(nil, whole); !errors.Is(err, core.ErrTooLarge) {
		t.Errorf("DecodeFrame: got %v, want %v", err, core.ErrTooLarge)
	}
	src := bytes.NewReader(whole[:8]) // the head alone must do
	if _, err := codec.NewReader(src, tight).Next(nil); !errors.Is(err, core.ErrTooLarge) {
		t.Errorf("Next: got %v, want %v", err, core.ErrTooLarge)
	}
}

func TestStreamMayEndOnlyBetweenFrames(t *testing.T) {
	whole := frame(t, transporttest.Samples(1, 2)...)
	for n := range len(whole) {
		_, err := codec.NewReader(bytes.NewReader(whole[:n]), codec.Limits{}).Next(nil)
		want := io.ErrUnexpectedEOF
		if n == 0 {
			want = io.EOF
		}
		if err != want {
			t.Fatalf("cut at %d: got %v, want %v", n, err, want)
		}
	}
}

func TestSourceWithoutProgressIsGivenUp(t *testing.T) {
	_, err := codec.NewReader(noProgress{}, codec.Limits{}).Next(nil)
	if err != io.ErrNoProgress {
		t.Fatalf("got %v, want %v", err, io.ErrNoProgress)
	}
}

type noProgress struct{}

func (noProgress) Read([]byte) (int, error) { return 0, nil }
