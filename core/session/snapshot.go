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

// Limits of the replies that are kept. They are part of what is replicated: every replica has to
// keep the same.
const (
	MaxFailureBytes = 64 << 10 // of a failure's code, and of its message; what is beyond is cut off
	MaxValueBytes   = 64 << 20 // a longer one is replaced by CodeReply
)

// flushBytes is how much of the sessions is encoded before it is written.
const flushBytes = 64 << 10

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
	return &snapshot{m.table.freeze(), inner}, nil
}

// snapshot is a frozen table and a frozen state.
type snapshot struct {
	sessions []session // in order of their last use
	core.Snapshot
}

// freeze copies the table, but for the replies, of which there may be millions: each session copies
// its own when it is used next.
func (t *table) freeze() []session {
	sessions := make([]session, 0, len(t.byID))
	for s := t.oldest; s != nil; s = s.newer {
		s.frozen = true
		sessions = append(sessions, session{
			id: s.id, index: s.index, time: s.time, done: s.done, replies: s.replies,
		})
	}
	return sessions
}

// WriteTo implements core.Snapshot.
func (s *snapshot) WriteTo(w io.Writer) (int64, error) {
	buf := binary.AppendUvarint([]byte(magic), uint64(len(s.sessions)))
	written := int64(0)
	flush := func(atLeast int) error {
		if len(buf) < atLeast {
			return nil
		}
		n, err := w.Write(buf)
		written += int64(n)
		buf = buf[:0]
		return err
	}
	for i := range s.sessions {
		buf = s.sessions[i].append(buf)
		for k := range s.sessions[i].replies {
			buf = s.sessions[i].replies[k].append(buf)
			if err := flush(flushBytes); err != nil {
				return written, err
			}
		}
	}
	if err := flush(0); err != nil {
		return written, err
	}
	n, err := s.Snapshot.WriteTo(w)
	return written + n, err
}

// append encodes all of a session but its replies.
func (s *session) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, s.id)
	dst = binary.AppendUvarint(dst, uint64(s.index))
	dst = binary.AppendVarint(dst, s.time)
	dst = binary.AppendUvarint(dst, s.done)
	return binary.AppendUvarint(dst, uint64(len(s.replies)))
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
		s := &session{id: d.uvarint(MaxNumber), index: core.Index(d.uvarint(MaxNumber))}
		s.time, s.done = d.varint(), d.uvarint(MaxNumber)
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
		r := reply{sequence: d.uvarint(MaxNumber)}
		switch failed := d.bytes(1); {
		case d.err != nil:
		case failed[0] == 0:
			r.result.Value = d.sized(MaxValueBytes)
		case failed[0] == 1:
			code, message := d.sized(MaxFailureBytes), d.sized(MaxFailureBytes)
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
