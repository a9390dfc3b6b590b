package wire_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/vmihailenco/msgpack/v5"
	"pgregory.net/rapid"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/api/wire"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files")

var (
	fullRequest = wire.Request{
		ID: 1 << 40, Op: wire.OpQuery, Group: 300, Level: core.Stale, Local: true,
		Data: []byte("get a"),
	}
	longRequest = wire.Request{
		ID: 5, Op: wire.OpQuery, Group: 1, Level: core.Bounded, Local: true, Data: []byte("get a"),
		AtLeast: 1 << 33, MaxStale: 1e9,
	}
	fullReply = wire.Reply{
		ID: 1 << 40, Outcome: wire.OutcomeFailure, Leader: 200, API: "10.0.0.1:8101", Index: 70000,
		Code: "conflict", Message: strings.Repeat("value has changed ", 20), Value: []byte("b"),
	}
)

// TestFormatIsStable compares the bytes of messages in which no field is zero.
func TestFormatIsStable(t *testing.T) {
	hello := wire.Hello{Version: 1, Cluster: 2}
	welcome := wire.Welcome{
		Version: 1, Cluster: 2, Node: 3, MaxRequestBytes: 4, Window: 5, Refusal: wire.RefusedFull,
	}
	for name, got := range map[string][]byte{
		"request": fullRequest.AppendFrame(nil), "reply": fullReply.AppendFrame(nil),
		"longer": longRequest.AppendFrame(nil),
		"hello":  hello.Append(nil), "welcome": welcome.Append(nil),
	} {
		path := filepath.Join("testdata", name+".golden")
		if *rewrite {
			if err := os.WriteFile(path, []byte(fmt.Sprintf("%x\n", got)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%x\n", got); got != string(want) {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	if got, err := wire.DecodeHello(hello.Append(nil)); err != nil || got != hello {
		t.Errorf("hello: got %+v, %v, want %+v", got, err, hello)
	}
	if got, err := wire.DecodeWelcome(welcome.Append(nil)); err != nil || got != welcome {
		t.Errorf("welcome: got %+v, %v, want %+v", got, err, welcome)
	}
}

// TestPayloadIsMsgpack has a general decoder read what this package writes, and the other way.
func TestPayloadIsMsgpack(t *testing.T) {
	r := fullReply
	for name, c := range map[string]struct {
		frame []byte
		want  []any
	}{
		"request": {fullRequest.AppendFrame(nil), []any{
			uint64(1 << 40), uint64(2), uint64(300), uint64(2), uint64(1), []byte("get a"),
		}},
		"longer": {longRequest.AppendFrame(nil), []any{
			uint64(5), uint64(2), uint64(1), uint64(4), uint64(1), []byte("get a"),
			uint64(1 << 33), uint64(1e9),
		}},
		"reply": {r.AppendFrame(nil), []any{
			r.ID, uint64(1), uint64(200), r.API, uint64(70000), r.Code, r.Message, r.Value,
		}},
	} {
		var got any
		if err := msgpack.Unmarshal(c.frame[4:], &got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if normal := unsigned(got); !reflect.DeepEqual(normal, c.want) {
			t.Errorf("%s: got %v, want %v", name, normal, c.want)
		}
	}
	// The library writes an int64 with a sign, and in all its 8 bytes.
	foreign, err := msgpack.Marshal([]any{
		int64(7), int32(1), uint16(1), int8(0), uint64(1), []byte("x"),
	})
	if err != nil {
		t.Fatal(err)
	}
	var got wire.Request
	want := wire.Request{ID: 7, Op: wire.OpCommand, Group: 1, Local: true, Data: []byte("x")}
	if err := got.Decode(foreign); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("foreign request: got %+v, %v, want %+v", got, err, want)
	}
}

// unsigned makes every number in a list a uint64.
func unsigned(v any) any {
	list, _ := v.([]any)
	for i, item := range list {
		switch n := reflect.ValueOf(item); {
		case n.CanInt():
			list[i] = uint64(n.Int())
		case n.CanUint():
			list[i] = n.Uint()
		}
	}
	return v
}

// TestDecodeUndoesAppend draws messages, and compares them after a journey.
func TestDecodeUndoesAppend(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		request := wire.Request{
			ID: rapid.Uint64Min(1).Draw(t, "id"), Op: wire.Op(rapid.Byte().Draw(t, "op")),
			Group: core.GroupID(rapid.Uint64().Draw(t, "group")),
			Level: core.ReadLevel(rapid.Byte().Draw(t, "level")),
			Local: rapid.Bool().Draw(t, "local"), Data: drawBytes(t, "data"),
			AtLeast:  core.Index(rapid.Uint64().Draw(t, "at least")),
			MaxStale: rapid.Int64Min(0).Draw(t, "max stale"),
		}
		var gotRequest wire.Request
		if err := gotRequest.Decode(request.AppendFrame(nil)[4:]); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(gotRequest, request) {
			t.Fatalf("got %+v, want %+v", gotRequest, request)
		}
		reply := wire.Reply{
			ID: rapid.Uint64().Draw(t, "id"), Outcome: wire.Outcome(rapid.Byte().Draw(t, "outcome")),
			Leader: core.NodeID(rapid.Uint64().Draw(t, "leader")), API: rapid.String().Draw(t, "api"),
			Index: core.Index(rapid.Uint64().Draw(t, "index")), Code: rapid.String().Draw(t, "code"),
			Message: rapid.String().Draw(t, "message"), Value: drawBytes(t, "value"),
		}
		gotReply := wire.Reply{API: "x", Code: reply.Code}
		if err := gotReply.Decode(reply.AppendFrame(nil)[4:]); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(gotReply, reply) {
			t.Fatalf("got %+v, want %+v", gotReply, reply)
		}
	})
}

// drawBytes draws bytes of every length class of the format; nil for none.
func drawBytes(t *rapid.T, label string) []byte {
	size := rapid.OneOf(
		rapid.IntRange(0, 300), rapid.IntRange(65530, 65540),
	).Draw(t, label+" length")
	if size == 0 {
		return nil
	}
	return bytes.Repeat([]byte{rapid.Byte().Draw(t, label)}, size)
}

// TestDecodersRefuse lists damage by rule.
func TestDecodersRefuse(t *testing.T) {
	good := fullRequest.AppendFrame(nil)[4:]
	change := func(at int, value byte) []byte {
		bad := bytes.Clone(good)
		bad[at] = value
		return bad
	}
	for rule, payload := range map[string][]byte{
		"nothing":             {},
		"not an array":        change(0, 0xc0),
		"an array too short":  change(0, 0x95),
		"a huge array":        append([]byte{0xdd, 0xff, 0xff, 0xff, 0xff}, good[1:]...),
		"a field cut short":   good[:len(good)-1],
		"bytes left over":     append(bytes.Clone(good), 0),
		"an operation of 256": {0x96, 1, 0xcd, 1, 0, 1, 0, 0, 0xc4, 0},
		"a negative group":    {0x96, 1, 1, 0xd0, 0xff, 0, 0, 0xc4, 0},
		"an unknown flag":     {0x96, 1, 1, 1, 0, 2, 0xc4, 0},
		"id zero":             {0x96, 0, 1, 1, 0, 0, 0xc4, 0},
		"data as a string":    {0x96, 1, 1, 1, 0, 0, 0xa0},
		"data of 4 GiB":       {0x96, 1, 1, 1, 0, 0, 0xc6, 0xff, 0xff, 0xff, 0xff},
	} {
		var r wire.Request
		if err := r.Decode(payload); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("request with %s: got error %v, want ErrMalformed", rule, err)
		}
	}
	var r wire.Reply
	for _, excess := range []int{0, 1} {
		n := wire.MaxTextBytes + excess
		payload := append([]byte{0x98, 1, 0, 0, 0xda, byte(n >> 8), byte(n)}, make([]byte, n)...)
		err := r.Decode(append(payload, 0, 0xa0, 0xa0, 0xc4, 0))
		if errors.Is(err, wire.ErrMalformed) != (excess > 0) {
			t.Errorf("reply with a string of %d bytes: got error %v", n, err)
		}
	}
	for _, size := range []int{0, 15, 16, 17, 36} {
		if _, err := wire.DecodeHello(make([]byte, size)); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("hello of %d zeros: got error %v, want ErrMalformed", size, err)
		}
		if _, err := wire.DecodeWelcome(make([]byte, size)); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("welcome of %d zeros: got error %v, want ErrMalformed", size, err)
		}
	}
}

// TestLongTextIsCutBetweenCharacters keeps a talkative machine within the format.
func TestLongTextIsCutBetweenCharacters(t *testing.T) {
	for shift := range 4 {
		text := strings.Repeat("x", shift) + strings.Repeat("\U0001F512", wire.MaxTextBytes/4)
		sent := wire.Reply{Message: text + "y"}
		var got wire.Reply
		if err := got.Decode(sent.AppendFrame(nil)[4:]); err != nil {
			t.Fatal(err)
		}
		n := len(got.Message)
		if n > wire.MaxTextBytes || n < wire.MaxTextBytes-3 || !strings.HasPrefix(text, got.Message) {
			t.Errorf("shift %d: got %d bytes, want almost %d", shift, n, wire.MaxTextBytes)
		}
		if strings.ToValidUTF8(got.Message, "?") != got.Message {
			t.Errorf("shift %d: a character was split", shift)
		}
	}
}

// TestErrorsTravelAsOutcomes has each error of core.Reply arrive as itself.
func TestErrorsTravelAsOutcomes(t *testing.T) {
	for _, err := range []error{
		core.ErrNotLeader, core.ErrBusy, core.ErrUnknownOutcome, core.ErrTooLarge, core.ErrNoGroup,
		core.ErrClosed, core.ErrQuarantined,
	} {
		var plain, wrapped wire.Reply
		plain.SetResult(core.Reply{Err: err, Leader: 3})
		wrapped.SetResult(core.Reply{Err: fmt.Errorf("group 7: %w", err)})
		if plain.Outcome.Err() != err || plain.Message != "" || plain.Leader != 3 {
			t.Errorf("%v: got %+v", err, plain)
		}
		if wrapped.Outcome.Err() != err || wrapped.Message != "group 7: "+err.Error() {
			t.Errorf("%v, wrapped: got %+v", err, wrapped)
		}
	}
	var r wire.Reply
	if r.SetResult(core.Reply{Err: io.EOF}); r.Outcome != wire.OutcomeUnknown {
		t.Errorf("any other error: got %v, want %v", r.Outcome, wire.OutcomeUnknown)
	}
	r.SetResult(core.Reply{Err: &core.NotLeaderError{Leader: 9}})
	if r.Outcome != wire.OutcomeNotLeader || r.Leader != 9 {
		t.Errorf("NotLeaderError: got %+v", r)
	}
	r.SetResult(core.Reply{Index: 4, Result: core.Result{
		Failure: &core.Failure{Code: "c", Message: "m"}, Value: []byte("v"),
	}})
	want := wire.Reply{
		Outcome: wire.OutcomeFailure, Index: 4, Code: "c", Message: "m", Value: []byte("v"),
	}
	if !reflect.DeepEqual(r, want) {
		t.Errorf("failure: got %+v, want %+v", r, want)
	}
}

// TestReaderFindsTheFramesOfADumbTwin cuts one stream in many ways, and checks that payloads stay
// as they are while frames are buffered.
func TestReaderFindsTheFramesOfADumbTwin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stream []byte
		var want [][]byte
		size := rapid.OneOf(rapid.IntRange(0, 200), rapid.IntRange(0, 200_000))
		for range rapid.IntRange(0, 30).Draw(t, "frames") {
			payload := bytes.Repeat([]byte{byte(len(want))}, size.Draw(t, "size"))
			n := len(payload)
			stream = append(stream, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
			stream = append(stream, payload...)
			want = append(want, payload)
		}
		most := rapid.SampledFrom([]int{37, 1000, 5000, 1 << 20}).Draw(t, "piece")
		r := wire.NewReader(pieces{bytes.NewReader(stream), most}, 200_000)
		for len(want) > 0 {
			var group [][]byte
			for len(group) == 0 || r.Buffered() {
				payload, err := r.Next()
				if err != nil {
					t.Fatal(err)
				}
				group = append(group, payload)
			}
			for _, payload := range group {
				if !bytes.Equal(payload, want[0]) {
					t.Fatalf("got frame of %d, want %d bytes", len(payload), len(want[0]))
				}
				want = want[1:]
			}
		}
		if _, err := r.Next(); err != io.EOF {
			t.Fatalf("at the end: got error %v, want io.EOF", err)
		}
	})
}

// pieces is a source that gives at most so many bytes at once.
type pieces struct {
	src  io.Reader
	most int
}

func (p pieces) Read(buf []byte) (int, error) { return p.src.Read(buf[:min(len(buf), p.most)]) }

// TestReaderBoundsFrames checks the limit, the end inside a frame, and that a header alone makes
// nobody allocate.
func TestReaderBoundsFrames(t *testing.T) {
	r := wire.NewReader(bytes.NewReader([]byte{0, 0, 0, 6, 1, 2, 3, 4, 5, 6}), 5)
	if _, err := r.Next(); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("frame beyond the limit: got error %v, want ErrMalformed", err)
	}
	r = wire.NewReader(bytes.NewReader([]byte{0, 0, 0, 6, 1}), 6)
	if _, err := r.Next(); err != io.ErrUnexpectedEOF || !r.Partial() {
		t.Errorf("end inside a frame: got error %v, want io.ErrUnexpectedEOF", err)
	}
	claim := []byte{0xff, 0xff, 0xff, 0xff, 1, 2, 3}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, limit := range []int{1 << 20, 1<<31 - 1} {
		r = wire.NewReader(iotest.OneByteReader(bytes.NewReader(claim)), limit)
		if _, err := r.Next(); err == nil {
			t.Error("frame of 4 GiB: no error")
		}
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<10 {
		t.Errorf("a header allocated %d bytes, limit %d", grown, 64<<10)
	}
}

// TestReaderShrinks checks that one large frame does not cost its memory for ever.
func TestReaderShrinks(t *testing.T) {
	large, small := wire.Request{ID: 1, Data: make([]byte, 8<<20)}, wire.Request{ID: 1}
	stream := large.AppendFrame(nil)
	for range 3 {
		stream = small.AppendFrame(stream)
	}
	r := wire.NewReader(pieces{bytes.NewReader(stream), 1 << 20}, 9<<20)
	heap := func() uint64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	start := heap()
	for range 4 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Next(); err != io.EOF {
		t.Fatalf("got error %v, want io.EOF", err)
	}
	if now := heap(); now > start+1<<20 {
		t.Errorf("the reader holds %d bytes after a large frame", now-start)
	}
	runtime.KeepAlive(r)
	runtime.KeepAlive(stream)
}

func TestCodecDoesNotAllocate(t *testing.T) {
	buf := make([]byte, 0, 4096)
	var request wire.Request
	var reply wire.Reply
	if n := testing.AllocsPerRun(100, func() {
		buf = fullRequest.AppendFrame(buf[:0])
		_ = request.Decode(buf[4:])
		buf = fullReply.AppendFrame(buf[:0])
		_ = reply.Decode(buf[4:])
	}); n > 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}

func FuzzRequest(f *testing.F) {
	f.Add(fullRequest.AppendFrame(nil)[4:])
	f.Add(longRequest.AppendFrame(nil)[4:])
	f.Add([]byte{0x96, 1, 1, 1, 0, 0, 0xc4, 0})
	f.Fuzz(func(t *testing.T, payload []byte) {
		var r, again wire.Request
		if r.Decode(payload) != nil {
			return
		}
		if err := again.Decode(r.AppendFrame(nil)[4:]); err != nil || !reflect.DeepEqual(r, again) {
			t.Errorf("got %+v, %v, want %+v", again, err, r)
		}
	})
}

func FuzzReply(f *testing.F) {
	f.Add(fullReply.AppendFrame(nil)[4:])
	f.Fuzz(func(t *testing.T, payload []byte) {
		var r, again wire.Reply
		if r.Decode(payload) != nil {
			return
		}
		if err := again.Decode(r.AppendFrame(nil)[4:]); err != nil || !reflect.DeepEqual(r, again) {
			t.Errorf("got %+v, %v, want %+v", again, err, r)
		}
	})
}

func FuzzHandshake(f *testing.F) {
	f.Add(wire.Hello{Version: 1, Cluster: 2}.Append(nil))
	f.Add(wire.Welcome{Version: 1, Cluster: 2, Node: 3}.Append(nil))
	f.Fuzz(func(t *testing.T, src []byte) {
		if h, err := wire.DecodeHello(src); err == nil && !bytes.Equal(h.Append(nil), src) {
			t.Errorf("hello %x reads as %+v", src, h)
		}
		if w, err := wire.DecodeWelcome(src); err == nil && !bytes.Equal(w.Append(nil), src) {
			t.Errorf("welcome %x reads as %+v", src, w)
		}
	})
}

func FuzzReader(f *testing.F) {
	f.Add(fullRequest.AppendFrame(fullRequest.AppendFrame(nil)), 3)
	f.Fuzz(func(t *testing.T, stream []byte, most int) {
		r := wire.NewReader(pieces{bytes.NewReader(stream), max(1, most)}, 1<<16)
		for {
			buffered := r.Buffered()
			payload, err := r.Next()
			if err != nil {
				return
			}
			if len(stream) < 4+len(payload) || !bytes.Equal(payload, stream[4:4+len(payload)]) {
				t.Fatalf("frame of %d bytes (buffered %v) is not in the stream", len(payload), buffered)
			}
			stream = stream[4+len(payload):]
		}
	})
}
