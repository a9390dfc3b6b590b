package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/bits"

	"github.com/tidelock-raft/tidelock/core"
)

// Lower bounds of what was written, in bytes. They tie every count to the bytes that are there.
const (
	minMessageBytes = 1 + fixedPart
	minEntryBytes   = 1 + 1 + 2
)

var (
	errCount    = errors.New("counts do not agree")
	errKind     = errors.New("unknown kind")
	errTail     = errors.New("bytes left over")
	errChecksum = errors.New("its checksum does not fit")
)

// headBytes is the length of what stands before the payload of a frame.
const headBytes = 4 + 4

// castagnoli is the polynomial of checksums: CRC32C.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// DecodeFrame appends the messages of the first frame in src to dst and returns the bytes behind
// the frame. Data in the messages aliases src. Errors: ErrMalformed, core.ErrTooLarge for a length
// over the limit; dst then comes back as it was.
func (l Limits) DecodeFrame(dst []core.Message, src []byte) ([]core.Message, []byte, error) {
	l = l.OrDefaults()
	if len(src) < headBytes {
		return dst, src, fmt.Errorf("%w: %w", ErrMalformed, errShort)
	}
	n, err := l.frameLength(src)
	if err != nil {
		return dst, src, err
	}
	if len(src)-headBytes < n {
		return dst, src, fmt.Errorf("%w: %w", ErrMalformed, errShort)
	}
	end := headBytes + n
	dst, _, err = l.decode(dst, src[:end:end])
	return dst, src[end:], err
}

// frameLength reads the length in front of a frame.
func (l Limits) frameLength(src []byte) (int, error) {
	n := binary.BigEndian.Uint32(src)
	if uint64(n) > uint64(l.MaxFrameBytes) {
		return 0, fmt.Errorf("%w: frame of %d bytes, limit %d", core.ErrTooLarge, n, l.MaxFrameBytes)
	}
	return int(n), nil
}

// decoder reads one payload.
type decoder struct {
	cursor
	limits  Limits
	entries []core.Entry // what is left of the one slice that all messages share
	aliased bool         // some Data points into the payload
}

// decode appends the messages of a frame to dst, and reports whether they alias it.
func (l Limits) decode(dst []core.Message, frame []byte) ([]core.Message, bool, error) {
	payload := frame[headBytes:]
	if crc32.Checksum(payload, castagnoli) != binary.BigEndian.Uint32(frame[4:]) {
		return dst, false, fmt.Errorf("%w: %w", ErrMalformed, errChecksum)
	}
	d := decoder{cursor: cursor{src: payload}, limits: l}
	count := d.header()
	start := len(dst)
	for range count {
		dst = append(dst, core.Message{})
		d.message(&dst[len(dst)-1])
		if d.err != nil {
			break
		}
	}
	if len(d.src) > 0 {
		d.fail(errTail)
	}
	if len(d.entries) > 0 {
		d.fail(errCount)
	}
	if d.err != nil {
		clear(dst[start:])
		return dst[:start], false, fmt.Errorf("%w: %w", ErrMalformed, d.err)
	}
	return dst, d.aliased, nil
}

// header reads up to the first message, makes room for the entries, and returns the number of
// messages.
func (d *decoder) header() uint64 {
	count := d.array()
	entries := d.uint()
	left := uint64(len(d.src))
	switch {
	case d.err != nil:
		return 0
	case count == 0 || entries > left/minEntryBytes || count-1 > left/minMessageBytes:
		d.fail(errCount)
		return 0
	case count-1 > uint64(d.limits.MaxMessages) || entries > uint64(d.limits.MaxEntries):
		d.fail(errLimit)
		return 0
	}
	if entries > 0 {
		d.entries = make([]core.Entry, entries)
	}
	return count - 1
}

func (d *decoder) message(m *core.Message) {
	elements := d.array()
	kind, set := d.uint(), d.uint()
	if set >= maskEnd || elements != fixedPart+uint64(bits.OnesCount64(set&hasValue)) {
		d.fail(errCount)
	}
	if kind > 0xff || !core.MessageKind(kind).Valid() {
		d.fail(errKind)
	}
	m.Kind, m.Reject, m.Force = core.MessageKind(kind), set&isReject != 0, set&isForce != 0
	m.Group, m.From = core.GroupID(d.uint()), core.NodeID(d.uint())
	m.To, m.Term = core.NodeID(d.uint()), core.Term(d.uint())
	d.values(m, set)
}

// values reads the fields that the mask announces.
func (d *decoder) values(m *core.Message, set uint64) {
	if set&hasLog != 0 {
		m.Log = d.position()
	}
	if set&hasCommit != 0 {
		m.Commit = core.Index(d.uint())
	}
	if set&hasRound != 0 {
		m.Round = d.uint()
	}
	if set&hasEntries != 0 {
		m.Entries = d.log(m.Log)
	}
	if set&hasHint != 0 {
		m.Hint = d.position()
	}
	if set&hasToken != 0 {
		m.Token = d.uint()
	}
	if set&hasData != 0 {
		m.Data = d.data()
	}
	if set&hasOffset != 0 {
		if m.Offset = int64(d.uint()); m.Offset < 0 {
			d.fail(errLimit)
		}
	}
	if set&hasSnapshot != 0 {
		m.Snapshot = d.snapshot()
	}
}

func (d *decoder) position() core.Position {
	if d.array() != 2 {
		d.fail(errCount)
	}
	return core.Position{Term: core.Term(d.uint()), Index: core.Index(d.uint())}
}

// log reads the entries that follow a position.
func (d *decoder) log(previous core.Position) []core.Entry {
	elements := d.array()
	n := elements / 3
	if elements%3 != 0 || n > uint64(len(d.entries)) {
		d.fail(errCount)
		return nil
	}
	if n == 0 {
		return nil
	}
	entries := d.entries[:n:n]
	d.entries = d.entries[n:]
	var time int64
	for i := range entries {
		e := &entries[i]
		d.head(e, previous)
		time += d.int()
		e.Time, e.Data = time, d.data()
		if d.err != nil {
			return nil
		}
		if err := follows(e, previous); err != nil {
			d.fail(err)
			return nil
		}
		previous = e.Position
	}
	return entries
}

// head reads the kind and the term of an entry.
func (d *decoder) head(e *core.Entry, previous core.Position) {
	e.Position = core.Position{Term: previous.Term, Index: previous.Index + 1}
	paired := len(d.src) > 0 && d.src[0] == fixArray|2
	if paired {
		d.array()
	}
	kind := d.uint()
	if kind > 0xff {
		d.fail(errKind)
	}
	e.Kind = core.EntryKind(kind)
	if paired {
		e.Term += core.Term(d.uint()) // follows refuses a sum that wraps around
	}
}

func (d *decoder) data() []byte {
	data := d.bin(d.limits.MaxDataBytes)
	d.aliased = d.aliased || data != nil
	return data
}

func (d *decoder) snapshot() *core.SnapshotMeta {
	data := d.bin(core.MaxSnapshotMetaBytes)
	if d.err != nil {
		return nil
	}
	meta, rest, err := core.DecodeSnapshotMeta(data)
	if err != nil {
		d.fail(err)
		return nil
	}
	if len(rest) > 0 {
		d.fail(errTail)
	}
	return &meta
}
