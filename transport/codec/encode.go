package codec

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"
	"net"

	"github.com/tidelock-raft/tidelock/core"
)

// The bits of a message's mask, in the order in which their values follow.
const (
	hasLog = 1 << iota
	hasCommit
	hasRound
	hasEntries
	hasHint
	hasToken
	isReject
	hasData
	hasOffset
	hasSnapshot
	isForce

	maskEnd   = isForce << 1
	hasValue  = maskEnd - 1 - isReject - isForce
	fixedPart = 6 // elements before the values: kind, mask, group, from, to, term
)

// Upper bounds of what is written, in bytes.
const (
	frameHeader  = headBytes + 5 + 5 // head, array header, number of entries
	messageBytes = 192               // a message without its entries, data and snapshot
	entryBytes   = 3 + 9 + 9 + 5     // an entry without its data
)

// referBytes is the length from which a Batch refers to data instead of copying it: about where
// one more element of a writev costs less than the copy.
const referBytes = 4 << 10

// maxKeptBytes is the largest buffer that a Batch keeps for reuse.
const maxKeptBytes = 2 << 20

// Batch gathers messages into frames, to be written at once. Long data is not copied: it must
// not change before Reset. Its zero value has the default limits. One goroutine uses it at a time.
//
// Invariants:
//  1. While open, buf[frame:] is a frame that wants its head, and lacks referred bytes of refs.
//  2. refs ascend by at, which is an offset into buf.
type Batch struct {
	limits   Limits
	inline   bool // copy everything
	buf      []byte
	refs     []reference
	open     bool
	frame    int // offset in buf of the open frame
	referred int // bytes of refs in the open frame
	messages int // in the open frame
	entries  int // in the open frame
	closed   int // bytes of refs in closed frames
	vector   net.Buffers
	rest     net.Buffers // of vector, while it is being written
}

// reference is data that belongs between buf[:at] and buf[at:].
type reference struct {
	at   int
	data []byte
}

// NewBatch returns an empty Batch with these limits.
func NewBatch(l Limits) *Batch { return &Batch{limits: l.OrDefaults()} }

// AppendFrame appends the messages to dst as one frame or, when they exceed its limits, several.
// Errors are those of Batch.Add; dst then comes back as it was.
func (l Limits) AppendFrame(dst []byte, msgs []core.Message) ([]byte, error) {
	b := Batch{limits: l.OrDefaults(), inline: true, buf: dst}
	for i := range msgs {
		if err := b.Add(&msgs[i]); err != nil {
			return dst, err
		}
	}
	b.seal()
	return b.buf, nil
}

// Add appends a message. Errors: core.ErrTooLarge for one that no frame can hold, ErrInvalid for
// one that no Reader would take; the batch is then as before.
func (b *Batch) Add(m *core.Message) error {
	if b.limits.MaxFrameBytes == 0 {
		b.limits = b.limits.OrDefaults()
	}
	size, err := b.limits.Check(m)
	if err != nil {
		return err
	}
	if b.open && (b.payload()+size > b.limits.MaxFrameBytes ||
		b.messages == b.limits.MaxMessages || b.entries+len(m.Entries) > b.limits.MaxEntries) {
		b.seal()
	}
	b.begin()
	b.messages++
	b.entries += len(m.Entries)
	b.message(m)
	return nil
}

// AddEmpty appends a frame without messages.
func (b *Batch) AddEmpty() {
	b.seal()
	b.begin()
	b.seal()
}

// Size is the number of bytes in the batch.
func (b *Batch) Size() int { return len(b.buf) + b.closed + b.referred }

// WriteTo writes the batch, with one writev where w can do that.
func (b *Batch) WriteTo(w io.Writer) (int64, error) {
	b.seal()
	b.vector = b.vector[:0]
	from := 0
	for _, r := range b.refs {
		b.vector = append(b.vector, b.buf[from:r.at], r.data)
		from = r.at
	}
	b.rest = append(b.vector, b.buf[from:])
	b.vector = b.rest
	n, err := b.rest.WriteTo(w)
	clear(b.vector)
	return n, err
}

// Reset empties the batch and lets go of what it referred to.
func (b *Batch) Reset() {
	clear(b.refs)
	b.buf, b.refs = b.buf[:0], b.refs[:0]
	b.open, b.referred, b.closed = false, 0, 0
	if cap(b.buf) > maxKeptBytes {
		b.buf = nil
	}
}

// payload is the length of the open frame's payload.
func (b *Batch) payload() int { return len(b.buf) - b.frame - headBytes + b.referred }

// begin opens a frame unless one is open. Its numbers are filled in by seal.
func (b *Batch) begin() {
	if b.open {
		return
	}
	b.open, b.frame, b.messages, b.entries = true, len(b.buf), 0, 0
	b.buf = append(b.buf, 0, 0, 0, 0, 0, 0, 0, 0, array32, 0, 0, 0, 0, uint32Code, 0, 0, 0, 0)
}

// seal closes the open frame, if there is one.
func (b *Batch) seal() {
	if !b.open {
		return
	}
	head := b.buf[b.frame:]
	binary.BigEndian.PutUint32(head[headBytes+1:], uint32(b.messages+1))
	binary.BigEndian.PutUint32(head[headBytes+6:], uint32(b.entries))
	binary.BigEndian.PutUint32(head, uint32(b.payload()))
	binary.BigEndian.PutUint32(head[4:], b.checksum())
	b.closed += b.referred
	b.open, b.referred = false, 0
}

// checksum is that of the open frame's payload.
func (b *Batch) checksum() uint32 {
	var sum uint32
	first := len(b.refs)
	for first > 0 && b.refs[first-1].at > b.frame {
		first--
	}
	from := b.frame + headBytes
	for _, r := range b.refs[first:] {
		sum = crc32.Update(sum, castagnoli, b.buf[from:r.at])
		sum = crc32.Update(sum, castagnoli, r.data)
		from = r.at
	}
	return crc32.Update(sum, castagnoli, b.buf[from:])
}

// Check returns an upper bound of the encoded size of m, or why it cannot be sent: see Batch.Add.
// Transports with an encoding of their own hold messages against the same limits with it.
func (l Limits) Check(m *core.Message) (int, error) {
	l = l.OrDefaults()
	switch {
	case !m.Kind.Valid():
		return 0, fmt.Errorf("%w: %v", ErrInvalid, m.Kind)
	case m.Offset < 0:
		return 0, fmt.Errorf("%w: offset %d", ErrInvalid, m.Offset)
	case len(m.Data) > l.MaxDataBytes:
		return 0, fmt.Errorf("%w: data of %d bytes, limit %d",
			core.ErrTooLarge, len(m.Data), l.MaxDataBytes)
	case len(m.Entries) > l.MaxEntries:
		return 0, fmt.Errorf("%w: %d entries, limit %d",
			core.ErrTooLarge, len(m.Entries), l.MaxEntries)
	}
	size := messageBytes + len(m.Data) + len(m.Entries)*entryBytes
	if m.Snapshot != nil {
		if m.Snapshot.Size < 0 {
			return 0, fmt.Errorf("%w: snapshot of %d bytes", ErrInvalid, m.Snapshot.Size)
		}
		if err := m.Snapshot.Membership.Check(); err != nil {
			return 0, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		size += core.MaxSnapshotMetaBytes
	}
	previous := m.Log
	for i := range m.Entries {
		e := &m.Entries[i]
		if err := follows(e, previous); err != nil {
			return 0, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		if len(e.Data) > l.MaxDataBytes {
			return 0, fmt.Errorf("%w: entry %v of %d bytes, limit %d",
				core.ErrTooLarge, e.Position, len(e.Data), l.MaxDataBytes)
		}
		previous = e.Position
		size += len(e.Data)
	}
	if size > l.MaxFrameBytes-frameHeader {
		return 0, fmt.Errorf("%w: message of up to %d bytes, limit %d",
			core.ErrTooLarge, size, l.MaxFrameBytes-frameHeader)
	}
	return size, nil
}

// follows reports how an entry fails to be what may stand behind previous in a log.
func follows(e *core.Entry, previous core.Position) error {
	switch {
	case !e.Kind.Valid():
		return fmt.Errorf("entry %v is of %v", e.Position, e.Kind)
	case e.Index != previous.Index+1 || e.Index == 0:
		return fmt.Errorf("entry %v after %v", e.Position, previous)
	case e.Term < previous.Term || e.Term == 0:
		return fmt.Errorf("entry %v after %v", e.Position, previous)
	}
	return nil
}

func mask(m *core.Message) uint64 {
	var set uint64
	for _, f := range [...]struct {
		bit uint64
		is  bool
	}{
		{hasLog, m.Log != core.Position{}}, {hasCommit, m.Commit != 0}, {hasRound, m.Round != 0},
		{hasEntries, len(m.Entries) > 0}, {hasHint, m.Hint != core.Position{}},
		{hasToken, m.Token != 0}, {isReject, m.Reject}, {hasData, len(m.Data) > 0},
		{hasOffset, m.Offset != 0}, {hasSnapshot, m.Snapshot != nil}, {isForce, m.Force},
	} {
		if f.is {
			set |= f.bit
		}
	}
	return set
}

// message writes m, which Check has passed.
func (b *Batch) message(m *core.Message) {
	set := mask(m)
	dst := appendArray(b.buf, fixedPart+bits.OnesCount64(set&hasValue))
	dst = append(dst, byte(m.Kind))
	for _, v := range [...]uint64{
		set, uint64(m.Group), uint64(m.From), uint64(m.To), uint64(m.Term),
	} {
		dst = appendUint(dst, v)
	}
	if set&hasLog != 0 {
		dst = appendPosition(dst, m.Log)
	}
	if set&hasCommit != 0 {
		dst = appendUint(dst, uint64(m.Commit))
	}
	if set&hasRound != 0 {
		dst = appendUint(dst, m.Round)
	}
	b.buf = dst
	if set&hasEntries != 0 {
		b.log(m.Log.Term, m.Entries)
	}
	if set&hasHint != 0 {
		b.buf = appendPosition(b.buf, m.Hint)
	}
	if set&hasToken != 0 {
		b.buf = appendUint(b.buf, m.Token)
	}
	if set&hasData != 0 {
		b.data(m.Data)
	}
	if set&hasOffset != 0 {
		b.buf = appendUint(b.buf, uint64(m.Offset))
	}
	if set&hasSnapshot != 0 {
		b.snapshot(m.Snapshot)
	}
}

func appendPosition(dst []byte, p core.Position) []byte {
	return appendUint(appendUint(append(dst, fixArray|2), uint64(p.Term)), uint64(p.Index))
}

// log writes the entries that follow a position of this term.
func (b *Batch) log(term core.Term, entries []core.Entry) {
	b.buf = appendArray(b.buf, 3*len(entries))
	var time int64
	for i := range entries {
		e := &entries[i]
		if e.Term == term {
			b.buf = append(b.buf, byte(e.Kind))
		} else {
			b.buf = appendUint(append(b.buf, fixArray|2, byte(e.Kind)), uint64(e.Term-term))
		}
		b.buf = appendInt(b.buf, e.Time-time) // wraps around, and back again when decoded
		b.data(e.Data)
		term, time = e.Term, e.Time
	}
}

// data writes a bin, by reference if it is long.
func (b *Batch) data(data []byte) {
	b.buf = appendBin(b.buf, len(data))
	if b.inline || len(data) < referBytes {
		b.buf = append(b.buf, data...)
		return
	}
	b.refs = append(b.refs, reference{at: len(b.buf), data: data})
	b.referred += len(data)
}

// snapshot writes a bin in its widest form, because the length is known only afterwards.
func (b *Batch) snapshot(s *core.SnapshotMeta) {
	b.buf = append(b.buf, bin32, 0, 0, 0, 0)
	at := len(b.buf)
	b.buf, _ = s.AppendBinary(b.buf) // the error is always nil
	binary.BigEndian.PutUint32(b.buf[at-4:], uint32(len(b.buf)-at))
}
