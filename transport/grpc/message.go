package grpc

import (
	"errors"
	"fmt"
	"hash/crc32"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/codec"
	"github.com/tidelock-raft/tidelock/transport/grpc/peerpb"
)

// errMalformed is returned for what no node has sent.
var errMalformed = errors.New("grpc: malformed message")

func toProto(m *core.Message) *peerpb.Message {
	out := &peerpb.Message{
		Kind: peerpb.Kind(m.Kind), Group: uint64(m.Group), From: uint64(m.From), To: uint64(m.To),
		Term: uint64(m.Term), Log: toPosition(m.Log), Commit: uint64(m.Commit), Round: m.Round,
		Hint: toPosition(m.Hint), Token: m.Token, Reject: m.Reject, Force: m.Force, Data: m.Data,
		Offset: m.Offset,
	}
	if len(m.Entries) > 0 {
		entries := make([]peerpb.Entry, len(m.Entries))
		out.Entries = make([]*peerpb.Entry, len(m.Entries))
		for i := range m.Entries {
			e, to := &m.Entries[i], &entries[i]
			to.Term, to.Index, to.Kind = uint64(e.Term), uint64(e.Index), peerpb.EntryKind(e.Kind)
			to.Time, to.Data = e.Time, e.Data
			out.Entries[i] = to
		}
	}
	if s := m.Snapshot; s != nil {
		membership, _ := s.Membership.AppendBinary(nil) // the error is always nil
		out.Snapshot = &peerpb.Snapshot{
			Position: toPosition(s.Position), Time: s.Time, Membership: membership, Size: s.Size,
			Checksum: s.Checksum,
		}
	}
	return out
}

// toPosition leaves out what is zero.
func toPosition(p core.Position) *peerpb.Position {
	if p == (core.Position{}) {
		return nil
	}
	return &peerpb.Position{Term: uint64(p.Term), Index: uint64(p.Index)}
}

func fromPosition(p *peerpb.Position) core.Position {
	return core.Position{Term: core.Term(p.GetTerm()), Index: core.Index(p.GetIndex())}
}

// fromProto appends messages to dst. The error says what no node would have sent; see codec.Limits.
func fromProto(
	dst []core.Message, msgs []*peerpb.Message, limits codec.Limits,
) ([]core.Message, error) {
	for _, in := range msgs {
		m, err := fromMessage(in)
		if err == nil {
			_, err = limits.Check(&m)
		}
		if err != nil {
			return dst, fmt.Errorf("%w: %w", errMalformed, err)
		}
		dst = append(dst, m)
	}
	return dst, nil
}

func fromMessage(in *peerpb.Message) (core.Message, error) {
	m := core.Message{
		Kind: core.MessageKind(in.GetKind()), Group: core.GroupID(in.GetGroup()),
		From: core.NodeID(in.GetFrom()), To: core.NodeID(in.GetTo()), Term: core.Term(in.GetTerm()),
		Log: fromPosition(in.GetLog()), Hint: fromPosition(in.GetHint()),
		Commit: core.Index(in.GetCommit()), Round: in.GetRound(), Token: in.GetToken(),
		Reject: in.GetReject(), Force: in.GetForce(), Offset: in.GetOffset(), Data: in.GetData(),
	}
	if uint32(in.GetKind()) > 0xff {
		return m, fmt.Errorf("kind %d", in.GetKind())
	}
	if n := len(in.GetEntries()); n > 0 {
		m.Entries = make([]core.Entry, n)
	}
	for i, e := range in.GetEntries() {
		if uint32(e.GetKind()) > 0xff {
			return m, fmt.Errorf("entry of kind %d", e.GetKind())
		}
		m.Entries[i] = core.Entry{
			Position: core.Position{Term: core.Term(e.GetTerm()), Index: core.Index(e.GetIndex())},
			Kind:     core.EntryKind(e.GetKind()), Time: e.GetTime(), Data: e.GetData(),
		}
	}
	if s := in.GetSnapshot(); s != nil {
		membership, rest, err := core.DecodeMembership(s.GetMembership())
		if err != nil {
			return m, err
		}
		if len(rest) > 0 {
			return m, fmt.Errorf("%d bytes behind a membership", len(rest))
		}
		m.Snapshot = &core.SnapshotMeta{
			Position: fromPosition(s.GetPosition()), Time: s.GetTime(), Membership: membership,
			Size: s.GetSize(), Checksum: s.GetChecksum(),
		}
	}
	return m, nil
}

// packetCodec adds and checks the checksum of packets, and counts before it decodes them.
type packetCodec struct{ limits codec.Limits }

var _ encoding.CodecV2 = packetCodec{}

// checksumBytes is the length of the last field of a packet: a tag and its value.
const checksumBytes = 1 + 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func sum(data []byte) uint32 { return crc32.Checksum(data, castagnoli) }

// Name implements encoding.CodecV2.
func (packetCodec) Name() string { return "proto" }

// Marshal implements encoding.CodecV2.
func (packetCodec) Marshal(v any) (mem.BufferSlice, error) {
	m := v.(proto.Message)
	data, err := proto.MarshalOptions{}.MarshalAppend(make([]byte, 0, proto.Size(m)+checksumBytes), m)
	if _, ok := m.(*peerpb.Packet); ok && err == nil {
		checksum := sum(data)
		data = protowire.AppendTag(data, packetChecksum, protowire.Fixed32Type)
		data = protowire.AppendFixed32(data, checksum)
	}
	return mem.BufferSlice{mem.SliceBuffer(data)}, err
}

// Unmarshal implements encoding.CodecV2.
func (c packetCodec) Unmarshal(data mem.BufferSlice, v any) error {
	src := data.Materialize()
	if packet, ok := v.(*peerpb.Packet); ok {
		return c.packet(src, packet)
	}
	return proto.Unmarshal(src, v.(proto.Message))
}

// packet decodes a packet that has proved to be whole and small enough.
func (c packetCodec) packet(src []byte, packet *peerpb.Packet) error {
	body := src[:max(len(src)-checksumBytes, 0)]
	number, kind, n := protowire.ConsumeTag(src[len(body):])
	if n < 0 || number != packetChecksum || kind != protowire.Fixed32Type {
		return fmt.Errorf("%w: no checksum at the end", errMalformed)
	}
	want, _ := protowire.ConsumeFixed32(src[len(body)+n:])
	if got := sum(body); got != want {
		return fmt.Errorf("%w: checksum: got %08x, want %08x", errMalformed, got, want)
	}
	if err := c.count(body); err != nil {
		return fmt.Errorf("%w: %w", errMalformed, err)
	}
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(body, packet); err != nil {
		return fmt.Errorf("%w: %w", errMalformed, err)
	}
	return nil
}

// Numbers of fields: see peer.proto. The first and the last may be there more than once.
const (
	packetMessages = 2
	packetChecksum = 3
	messageEntries = 9
)

// count refuses a packet with more messages or entries than limits allow.
func (c packetCodec) count(packet []byte) error {
	messages, entries := 0, 0
	return each(packet, packetMessages, func(message []byte) error {
		if messages++; messages > c.limits.MaxMessages {
			return fmt.Errorf("%w: more than %d messages", core.ErrTooLarge, c.limits.MaxMessages)
		}
		return each(message, messageEntries, func([]byte) error {
			if entries++; entries > c.limits.MaxEntries {
				return fmt.Errorf("%w: more than %d entries", core.ErrTooLarge, c.limits.MaxEntries)
			}
			return nil
		})
	})
}

// each calls f for every occurrence of a field that holds bytes.
func each(src []byte, field protowire.Number, f func(value []byte) error) error {
	for len(src) > 0 {
		number, kind, n := protowire.ConsumeTag(src)
		if n < 0 {
			return protowire.ParseError(n)
		}
		src = src[n:]
		size := protowire.ConsumeFieldValue(number, kind, src)
		if size < 0 {
			return protowire.ParseError(size)
		}
		if number == field && kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(src)
			if err := f(value); err != nil {
				return err
			}
		}
		src = src[size:]
	}
	return nil
}
