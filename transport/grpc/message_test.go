package grpc

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/codec"
	"github.com/tidelock-raft/tidelock/transport/grpc/peerpb"
	"github.com/tidelock-raft/tidelock/transport/transporttest"
)

var rewrite = flag.Bool("rewrite", false, "write the golden file anew")

// encode returns the bytes of a packet.
func encode(t testing.TB, msgs ...core.Message) []byte {
	t.Helper()
	packet := &peerpb.Packet{}
	for i := range msgs {
		packet.Messages = append(packet.Messages, toProto(&msgs[i]))
	}
	data, err := packetCodec{}.Marshal(packet)
	if err != nil {
		t.Fatal(err)
	}
	return data.Materialize()
}

// decode is what a server does with the bytes of a packet.
func decode(src []byte, limits codec.Limits) ([]core.Message, error) {
	limits = limits.OrDefaults()
	var packet peerpb.Packet
	err := packetCodec{limits}.Unmarshal(mem.BufferSlice{mem.SliceBuffer(src)}, &packet)
	if err != nil {
		return nil, err
	}
	return fromProto(nil, packet.GetMessages(), limits)
}

// The format is a promise to other versions: these bytes may not change.
func TestFormatIsAsRecorded(t *testing.T) {
	samples := transporttest.Samples(1, 2)
	got := hex.Dump(encode(t, samples...))
	path := filepath.Join("testdata", "samples.hex")
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(golden) {
		t.Fatalf("the format has changed:\n%s", got)
	}
	decoded, err := decode(encode(t, samples...), codec.Limits{})
	if err != nil || len(decoded) != len(samples) {
		t.Fatalf("got %d messages, want %d: %v", len(decoded), len(samples), err)
	}
	for i := range samples {
		if !transporttest.Equal(&decoded[i], &samples[i]) {
			t.Errorf("got  %+v\nwant %+v", decoded[i], samples[i])
		}
	}
}

// Every kind has a name in the published protocol, with its number.
func TestKindsAreInTheProtocol(t *testing.T) {
	for kind := core.MessageKind(1); kind.Valid(); kind++ {
		if _, ok := peerpb.Kind_name[int32(kind)]; !ok {
			t.Errorf("peer.proto has no name for %v", kind)
		}
	}
	for kind := core.EntryKind(1); kind.Valid(); kind++ {
		if _, ok := peerpb.EntryKind_name[int32(kind)]; !ok {
			t.Errorf("peer.proto has no name for %v", kind)
		}
	}
}

func TestEveryFlippedBitIsRefused(t *testing.T) {
	whole := encode(t, transporttest.Samples(1, 2)[4])
	for bit := range 8 * len(whole) {
		damaged := bytes.Clone(whole)
		damaged[bit/8] ^= 1 << (bit % 8)
		if got, err := decode(damaged, codec.Limits{}); !errors.Is(err, errMalformed) {
			t.Fatalf("bit %d flipped: got %v, %v", bit, got, err)
		}
	}
}

// sealed adds a checksum to bytes that no Marshal would write.
func sealed(data []byte) []byte {
	whole, err := packetCodec{}.Marshal(&peerpb.Packet{})
	if err != nil {
		panic(err)
	}
	packet := append(bytes.Clone(data), whole.Materialize()...)
	copy(packet[len(data)+1:], protowire.AppendFixed32(nil, sum(data)))
	return packet
}

func TestServerRefusesWhatNoNodeSends(t *testing.T) {
	valid := func() *peerpb.Message {
		return &peerpb.Message{
			Kind: peerpb.Kind_KIND_APPEND_ENTRIES, Group: 1, From: 1, To: 2, Term: 2,
			Log: &peerpb.Position{Term: 2, Index: 5},
		}
	}
	entry := func(term, index uint64, kind peerpb.EntryKind) []*peerpb.Entry {
		return []*peerpb.Entry{{Term: term, Index: index, Kind: kind}}
	}
	for name, c := range map[string]struct {
		change func(*peerpb.Message)
		want   string
	}{
		"valid":           {func(*peerpb.Message) {}, ""},
		"no kind":         {func(m *peerpb.Message) { m.Kind = 0 }, "kind(0)"},
		"wide kind":       {func(m *peerpb.Message) { m.Kind = 256 + 5 }, "kind 261"},
		"negative kind":   {func(m *peerpb.Message) { m.Kind = -5 }, "kind -5"},
		"negative offset": {func(m *peerpb.Message) { m.Offset = -1 }, "offset"},
		"gap":             {func(m *peerpb.Message) { m.Entries = entry(2, 7, 2) }, "t2/i7 after t2/i5"},
		"wide entry kind": {func(m *peerpb.Message) { m.Entries = entry(2, 6, 256+2) }, "kind 258"},
		"snapshot":        {func(m *peerpb.Message) { m.Snapshot = &peerpb.Snapshot{} }, "membership"},
		"data": {func(m *peerpb.Message) { m.Data = make([]byte, codec.DefaultDataBytes+1) },
			"limit"},
	} {
		m := valid()
		c.change(m)
		body, err := proto.Marshal(&peerpb.Packet{Messages: []*peerpb.Message{m}})
		if err != nil {
			t.Fatal(err)
		}
		switch _, err = decode(sealed(body), codec.Limits{}); {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (!errors.Is(err, errMalformed) || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want …%s…", name, err, c.want)
		}
	}
}

// A few bytes on the wire must not become many in memory: an empty message is two bytes, and over
// two hundred once decoded.
func TestCountsAreHeldAgainstLimits(t *testing.T) {
	messages := bytes.Repeat([]byte{packetMessages<<3 | 2, 0}, 1<<20)
	entries := bytes.Repeat([]byte{messageEntries<<3 | 2, 0}, 1<<20)
	entries = protowire.AppendBytes([]byte{packetMessages<<3 | 2}, entries)
	for name, src := range map[string][]byte{"messages": messages, "entries": entries} {
		packet := sealed(src)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := decode(packet, codec.Limits{})
		runtime.ReadMemStats(&after)
		spent := after.TotalAlloc - before.TotalAlloc
		if !errors.Is(err, core.ErrTooLarge) {
			t.Errorf("%s: got %v, want %v", name, err, core.ErrTooLarge)
		}
		if spent > 4<<20 { // the packet itself is 2 MiB, and may be copied
			t.Errorf("%s: refusing %d bytes took %d", name, len(packet), spent)
		}
	}
}

// FuzzPacket: what is accepted is what would be sent, and is accepted again.
func FuzzPacket(f *testing.F) {
	for _, m := range transporttest.Samples(1, 2) {
		b := encode(f, m)
		f.Add(b[:len(b)-checksumBytes])
	}
	b := encode(f, transporttest.Samples(1, 2)...)
	f.Add(b[:len(b)-checksumBytes])
	f.Fuzz(func(t *testing.T, body []byte) {
		msgs, err := decode(sealed(body), codec.Limits{})
		if err != nil {
			return
		}
		again, err := decode(encode(t, msgs...), codec.Limits{})
		if err != nil || len(again) != len(msgs) {
			t.Fatalf("got %d messages, want %d: %v", len(again), len(msgs), err)
		}
		for i := range msgs {
			if !transporttest.Equal(&again[i], &msgs[i]) {
				t.Fatalf("got  %+v\nwant %+v", again[i], msgs[i])
			}
		}
	})
}
