package wal

import (
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/tidelock-raft/tidelock/core"
)

// recordKind says what a record tells. The numbers are part of the format.
type recordKind uint8

const (
	recordEntry    recordKind = iota + 1 // an entry; those behind it in the group's log are gone
	recordMoved                          // an entry that stands elsewhere, too; it may go there
	recordHard                           // a hard state
	recordInstall                        // the log of the group begins anew
	recordSnapshot                       // a snapshot was taken
	recordCompact                        // entries up to here are forgotten
	recordRemove                         // the group is forgotten
	recordGroup                          // all but the entries of a group, at a checkpoint
)

var recordNames = [...]string{"?", "entry", "moved", "hard", "install", "snapshot", "compact",
	"remove", "group"}

func (k recordKind) String() string { return recordNames[min(int(k), len(recordNames)-1)] }

// record is one record, decoded as far as all kinds have it in common.
type record struct {
	kind    recordKind
	detail  uint8
	group   core.GroupID
	payload []byte // of the buffer that it was decoded from
	place   slot   // where it lies; segment and term are not set
}

var (
	errCut     = errors.New("record is cut short")
	errPayload = errors.New("payload does not fit the kind of record")
)

// parseRecord reads the first record of src and returns the bytes behind it. It trusts the sum.
func parseRecord(src []byte) (record, []byte, error) {
	if len(src) < recordFixed {
		return record{}, nil, errCut
	}
	length := little.Uint32(src)
	if length < recordFixed || uint64(length) > uint64(len(src)) {
		return record{}, nil, fmt.Errorf("%w: length %d of %d", errCut, length, len(src))
	}
	body := src[:length-sumBytes]
	return record{
		kind:    recordKind(body[4]),
		detail:  body[5],
		group:   core.GroupID(little.Uint64(body[8:])),
		payload: body[recordHeader:],
		place:   slot{length: length, sum: little.Uint32(src[len(body):])},
	}, src[length:], nil
}

// checkedRecord is parseRecord for a record that sum, the chain, precedes.
func checkedRecord(src []byte, sum uint32) (record, []byte, error) {
	r, rest, err := parseRecord(src)
	if err != nil {
		return record{}, nil, err
	}
	got := crc32.Update(sum, castagnoli, src[:r.place.length-sumBytes])
	if got != r.place.sum {
		return record{}, nil, fmt.Errorf("record: %w: got %08x, want %08x", errSum, got, r.place.sum)
	}
	return r, rest, nil
}

// word is the i-th integer of the payload, which has been checked to be long enough.
func (r *record) word(i int) uint64 { return little.Uint64(r.payload[8*i:]) }

// words is how many integers the payload of each kind begins with, and whether more follows.
var words = [...]struct {
	count int
	more  bool
}{
	recordEntry: {3, true}, recordMoved: {3, true}, recordHard: {3, false},
	recordInstall: {0, true}, recordSnapshot: {0, true}, recordCompact: {2, false},
	recordRemove: {0, false}, recordGroup: {7, true},
}

// check reports whether the payload has the form that the kind asks for.
func (r *record) check() error {
	if r.kind < recordEntry || r.kind > recordGroup {
		return fmt.Errorf("record of kind %d", r.kind)
	}
	w := words[r.kind]
	if rest := len(r.payload) - 8*w.count; rest < 0 || rest > 0 && !w.more || r.group == 0 {
		return fmt.Errorf("%v, %d bytes, group %d: %w", r.kind, len(r.payload), r.group, errPayload)
	}
	return nil
}

func (r *record) entry() core.Entry {
	return core.Entry{
		Position: core.Position{Index: core.Index(r.word(0)), Term: core.Term(r.word(1))},
		Time:     int64(r.word(2)),
		Kind:     core.EntryKind(r.detail),
		Data:     r.payload[24:len(r.payload):len(r.payload)],
	}
}

func (r *record) hard() core.HardState {
	return core.HardState{
		Term:   core.Term(r.word(0)),
		Vote:   core.NodeID(r.word(1)),
		Commit: core.Index(r.word(2)),
	}
}

// snapshot decodes the metadata behind so many integers.
func (r *record) snapshot() (core.SnapshotMeta, error) {
	meta, rest, err := core.DecodeSnapshotMeta(r.payload[8*words[r.kind].count:])
	if err == nil && len(rest) > 0 {
		err = errPayload
	}
	return meta, err
}

// state decodes a group record.
func (r *record) state() (core.State, error) {
	meta, err := r.snapshot()
	return core.State{
		Hard:     r.hard(),
		Start:    core.Position{Term: core.Term(r.word(3)), Index: core.Index(r.word(4))},
		Last:     core.Position{Term: core.Term(r.word(5)), Index: core.Index(r.word(6))},
		Snapshot: meta,
	}, err
}

// builder builds a frame.
type builder struct {
	buf      []byte
	previous uint32
	chain    uint32
	records  uint32
}

// keptBytes is how large a builder's buffer may be to be used again.
const keptBytes = 4 << 20

// reset begins a frame behind one whose head is previous.
func (b *builder) reset(previous uint32) {
	var room [frameHeader]byte
	if cap(b.buf) > keptBytes {
		b.buf = nil
	}
	*b = builder{buf: append(b.buf[:0], room[:]...), previous: previous, chain: previous}
}

// open begins a record, close ends the one that began at start.
func (b *builder) open(kind recordKind, detail uint8, g core.GroupID, integers ...uint64) int {
	start := len(b.buf)
	b.buf = append(b.buf, 0, 0, 0, 0, byte(kind), detail, 0, 0)
	b.buf = little.AppendUint64(b.buf, uint64(g))
	for _, v := range integers {
		b.buf = little.AppendUint64(b.buf, v)
	}
	return start
}

func (b *builder) close(start int) {
	little.PutUint32(b.buf[start:], uint32(len(b.buf)-start+sumBytes))
	b.chain = crc32.Update(b.chain, castagnoli, b.buf[start:])
	b.buf = little.AppendUint32(b.buf, b.chain)
	b.records++
}

func (b *builder) plain(kind recordKind, g core.GroupID, integers ...uint64) {
	b.close(b.open(kind, 0, g, integers...))
}

func (b *builder) entry(kind recordKind, g core.GroupID, e *core.Entry) {
	start := b.open(kind, uint8(e.Kind), g, uint64(e.Index), uint64(e.Term), uint64(e.Time))
	b.buf = append(b.buf, e.Data...)
	b.close(start)
}

func (b *builder) meta(kind recordKind, g core.GroupID, m *core.SnapshotMeta, integers ...uint64) {
	start := b.open(kind, 0, g, integers...)
	b.buf, _ = m.AppendBinary(b.buf) // the error is always nil
	b.close(start)
}

func (b *builder) group(g core.GroupID, st *core.State) {
	b.meta(recordGroup, g, &st.Snapshot,
		uint64(st.Hard.Term), uint64(st.Hard.Vote), uint64(st.Hard.Commit),
		uint64(st.Start.Term), uint64(st.Start.Index), uint64(st.Last.Term), uint64(st.Last.Index))
}

// update writes the records of an update, where start is the Start that it leads to.
func (b *builder) update(u *core.Update, start core.Position) {
	if u.Remove {
		b.plain(recordRemove, u.Group)
	}
	if u.Install != nil {
		b.meta(recordInstall, u.Group, u.Install)
	}
	if h := u.Hard; h.Term != 0 {
		b.plain(recordHard, u.Group, uint64(h.Term), uint64(h.Vote), uint64(h.Commit))
	}
	for i := range u.Entries {
		b.entry(recordEntry, u.Group, &u.Entries[i])
	}
	if u.Snapshot != nil {
		b.meta(recordSnapshot, u.Group, u.Snapshot)
	}
	if u.Compact != 0 && u.Compact == start.Index {
		b.plain(recordCompact, u.Group, uint64(start.Index), uint64(start.Term))
	}
}

// frame ends the frame: b.buf is then what is to be written at off.
func (b *builder) frame(kind frameKind, sequence uint64, s *segment, off int64) frame {
	f := frame{
		length:   uint32(len(b.buf) - frameHeader),
		sequence: sequence,
		kind:     kind,
		records:  b.records,
		tail:     b.chain,
		previous: b.previous,
	}
	for int64(len(b.buf)) < frameRoom(int64(f.length)) {
		b.buf = append(b.buf, 0)
	}
	f.put(b.buf, s, off)
	return f
}

// metaBytes is the length of encoded snapshot metadata. It is rare enough to be found out by
// encoding it, which is right whatever belongs to it.
func metaBytes(m *core.SnapshotMeta) int64 {
	encoded, _ := m.AppendBinary(nil) // the error is always nil
	return int64(len(encoded))
}

// groupBytes bounds the length of a group record.
func groupBytes(st *core.State) int64 { return recordFixed + 7*8 + metaBytes(&st.Snapshot) }

// updateBytes bounds the length of the records of an update.
func updateBytes(u *core.Update) int64 {
	size := int64(3*recordFixed + 5*8)
	for i := range u.Entries {
		size += entryFixed + int64(len(u.Entries[i].Data))
	}
	for _, m := range [...]*core.SnapshotMeta{u.Install, u.Snapshot} {
		if m != nil {
			size += recordFixed + metaBytes(m)
		}
	}
	return size
}
