package session

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/tidelock-raft/tidelock/core"
)

// magic begins every snapshot.
const magic = "TLOCKSE1"

// Limits of what Restore reads.
const (
	maxFailureBytes = 64 << 10
	maxValueBytes   = 64 << 20
)

// Snapshot implements core.StateMachine: the sessions, then what the inner machine writes.
//
//	0  magic     8 bytes, TLOCKSE1
//	8  sessions  uvarint, in order of their last use, each
//	     id       uvarint
//	     index    uvarint, of its last use
//	     time     varint
//	     done     uvarint
//	     replies  uvarint, ascending by sequence, each
//	       sequence  uvarint
//	       failed    1 byte: 0 value, 1 code and message
//	       value | code, message   each a uvarint and so many bytes
func (m *Machine) Snapshot() (core.Snapshot, error) {
	inner, err := m.inner.Snapshot()
	if err != nil {
		return nil, err
	}
	return &snapshot{m.table.append([]byte(magic)), inner}, nil
}

// snapshot is a frozen table and a frozen state.
type snapshot struct {
	head []byte
	core.Snapshot
}

// WriteTo implements core.Snapshot.
func (s *snapshot) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(s.head)
	if err != nil {
		return int64(n), err
	}
	more, err := s.Snapshot.WriteTo(w)
	return int64(n) + more, err
}

func (t *table) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(t.byID)))
	for s := t.oldest; s != nil; s = s.newer {
		dst = binary.AppendUvarint(dst, s.id)
		dst = binary.AppendUvarint(dst, uint64(s.index))
		dst = binary.AppendVarint(dst, s.time)
		dst = binary.AppendUvarint(dst, s.done)
		dst = binary.AppendUvarint(dst, uint64(len(s.replies)))
		for i := range s.replies {
			dst = s.replies[i].append(dst)
		}
	}
	return dst
}

func (r *reply) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, r.sequence)
	if f := r.result.Failure; f != nil {
		return appendBytes(appendBytes(append(dst, 1), f.Code), f.Message)
	}
	return appendBytes(append(dst, 0), r.result.Value)
}

func appendBytes[T string | []byte](dst []byte, data T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(data))), data...)
}

// Restore implements core.StateMachine.
func (m *Machine) Restore(r io.Reader) error {
	in := bufio.NewReaderSize(r, 64<<10)
	d := decoder{in: in}
	t := d.table()
	if d.err != nil {
		return fmt.Errorf("restore sessions: %w: %w", core.ErrCorrupt, d.err)
	}
	if err := m.inner.Restore(in); err != nil {
		return err
	}
	m.table = t
	return nil
}

// decoder reads a table. After an error it reads zeros.
type decoder struct {
	in  *bufio.Reader
	err error
}

func (d *decoder) table() table {
	t := newTable()
	if got := d.bytes(len(magic)); string(got) != magic {
		d.fail("got magic %q, want %q", got, magic)
	}
	for n := d.uvarint(MaxSessions); n > 0 && d.err == nil; n-- {
		s := &session{id: d.uvarint(1<<63 - 1), index: core.Index(d.uvarint(1<<63 - 1))}
		s.time, s.done = d.varint(), d.uvarint(1<<63-1)
		if t.byID[s.id] != nil || t.newest != nil && t.newest.index >= s.index {
			d.fail("session %d is out of order", s.id)
		}
		d.replies(&t, s)
		t.byID[s.id] = s
		t.link(s)
		t.digest ^= s.sum()
	}
	return t
}

func (d *decoder) replies(t *table, s *session) {
	last := s.done
	for n := d.uvarint(MaxWindow); n > 0 && d.err == nil; n-- {
		r := reply{sequence: d.uvarint(1<<63 - 1)}
		switch failed := d.bytes(1); {
		case d.err != nil:
		case failed[0] == 0:
			r.result.Value = d.sized(maxValueBytes)
		case failed[0] == 1:
			code, message := d.sized(maxFailureBytes), d.sized(maxFailureBytes)
			r.result.Failure = &core.Failure{Code: string(code), Message: string(message)}
		default:
			d.fail("kind of reply %d", failed[0])
		}
		if r.sequence <= last || r.sequence > s.done+MaxWindow {
			d.fail("reply %d of session %d is out of order", r.sequence, s.id)
		}
		last = r.sequence
		r.sum = sumOf(s.id, r.sequence, &r.result)
		t.bytes += r.weight()
		t.digest ^= r.sum
		s.replies = append(s.replies, r)
	}
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, args...)
	}
}

func (d *decoder) note(err error) {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && d.err == nil {
		d.err = err
	}
}

func (d *decoder) uvarint(limit uint64) uint64 {
	if d.err != nil {
		return 0
	}
	v, err := binary.ReadUvarint(d.in)
	d.note(err)
	if v > limit {
		d.fail("number %d is beyond %d", v, limit)
	}
	return v
}

func (d *decoder) varint() int64 {
	if d.err != nil {
		return 0
	}
	v, err := binary.ReadVarint(d.in)
	d.note(err)
	return v
}

func (d *decoder) sized(limit int) []byte { return d.bytes(int(d.uvarint(uint64(limit)))) }

// bytes reads n bytes, and takes memory only for what is there.
func (d *decoder) bytes(n int) []byte {
	if d.err != nil || n == 0 {
		return nil
	}
	const step = 64 << 10
	var data []byte
	for len(data) < n && d.err == nil {
		at := len(data)
		data = append(data, make([]byte, min(step, n-at))...)
		_, err := io.ReadFull(d.in, data[at:])
		d.note(err)
	}
	return data
}
