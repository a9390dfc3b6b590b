package http

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/codec"
)

// Where messages are sent to.
const (
	appendPath  = "/raft/append_entries"
	votePath    = "/raft/request_vote"
	messagePath = "/raft/message"
	helloPath   = "/raft/hello"
)

// errMalformed is returned for what no node has sent.
var errMalformed = errors.New("http: malformed message")

// fields are those of every shape, by the names that they have in a message of any kind. The other
// shapes have the same fields by names of their own, so that one converts to another.
type fields struct {
	Term     core.Term     `json:"term"`
	From     core.NodeID   `json:"from"`
	LogIndex core.Index    `json:"log_index,omitempty"`
	LogTerm  core.Term     `json:"log_term,omitempty"`
	Entries  list[logItem] `json:"entries,omitempty"`
	Commit   core.Index    `json:"commit,omitempty"`
	rest
}

// appendEntries is AppendEntries of Raft figure 2, and what Tidelock adds.
type appendEntries struct {
	Term     core.Term     `json:"term"`
	From     core.NodeID   `json:"leader_id"`
	LogIndex core.Index    `json:"prev_log_index"`
	LogTerm  core.Term     `json:"prev_log_term"`
	Entries  list[logItem] `json:"entries"`
	Commit   core.Index    `json:"leader_commit"`
	rest
}

// requestVote is RequestVote of Raft figure 2, and what Tidelock adds.
type requestVote struct {
	Term     core.Term     `json:"term"`
	From     core.NodeID   `json:"candidate_id"`
	LogIndex core.Index    `json:"last_log_index"`
	LogTerm  core.Term     `json:"last_log_term"`
	Entries  list[logItem] `json:"entries,omitempty"`
	Commit   core.Index    `json:"commit,omitempty"`
	rest
}

// message is one of any kind.
type message struct {
	Kind string `json:"kind"`
	fields
}

// rest are the fields that have one name in all shapes. Numbers that use all their 64 bits are
// text, because few readers of JSON keep them otherwise.
type rest struct {
	To        core.NodeID  `json:"to"`
	Group     core.GroupID `json:"group"`
	Reject    bool         `json:"reject,omitempty"`
	Force     bool         `json:"force,omitempty"`
	Round     uint64       `json:"round,omitempty"`
	Token     uint64       `json:"token,string,omitempty"`
	HintIndex core.Index   `json:"hint_index,omitempty"`
	HintTerm  core.Term    `json:"hint_term,omitempty"`
	Offset    int64        `json:"offset,omitempty"`
	Data      []byte       `json:"data,omitempty"`
	Snapshot  *snapshot    `json:"snapshot,omitempty"`
}

// logItem is an entry.
type logItem struct {
	Index core.Index `json:"index"`
	Term  core.Term  `json:"term"`
	Kind  string     `json:"kind"`
	Time  int64      `json:"time"` // Unix ns
	Data  []byte     `json:"data,omitempty"`
}

// snapshot is core.SnapshotMeta, with the membership in its own canonical form.
type snapshot struct {
	Index      core.Index `json:"index"`
	Term       core.Term  `json:"term"`
	Time       int64      `json:"time"`
	Size       int64      `json:"size"`
	Checksum   uint64     `json:"checksum,string"`
	Membership []byte     `json:"membership"`
}

// list is an array that is read one element at a time, so that a few bytes of JSON cannot become
// many in memory. It has at most codec.DefaultEntries elements.
type list[E any] []E

// UnmarshalJSON implements json.Unmarshaler.
func (l *list[E]) UnmarshalJSON(src []byte) error {
	*l = nil
	return elements(decoderOf(bytes.NewReader(src)), func(d *json.Decoder) error {
		if len(*l) == codec.DefaultEntries {
			return fmt.Errorf("%w: more than %d entries", core.ErrTooLarge, codec.DefaultEntries)
		}
		var e E
		if err := d.Decode(&e); err != nil {
			return err
		}
		*l = append(*l, e)
		return nil
	})
}

func decoderOf(r io.Reader) *json.Decoder {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	return d
}

// elements calls f at each element of an array, which may also be null.
func elements(d *json.Decoder, f func(*json.Decoder) error) error {
	switch start, err := d.Token(); {
	case err != nil:
		return err
	case start == nil:
		return nil
	case start != json.Delim('['):
		return fmt.Errorf("got %v, want an array", start)
	}
	for d.More() {
		if err := f(d); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// named returns the valid kind with a name, or one that is not valid.
func named[K interface {
	~uint8
	Valid() bool
	String() string
}](name string) K {
	kind := K(1)
	for kind.Valid() && kind.String() != name {
		kind++
	}
	return kind
}

// encode returns the path for a message that codec.Limits.Check has passed, and what is sent there.
func encode(m *core.Message) (string, []byte, error) {
	r := rest{
		To: m.To, Group: m.Group, Reject: m.Reject, Force: m.Force, Round: m.Round, Token: m.Token,
		HintIndex: m.Hint.Index, HintTerm: m.Hint.Term, Offset: m.Offset, Data: m.Data,
	}
	if s := m.Snapshot; s != nil {
		membership, _ := s.Membership.AppendBinary(nil) // the error is always nil
		r.Snapshot = &snapshot{
			Index: s.Index, Term: s.Term, Time: s.Time, Size: s.Size, Checksum: s.Checksum,
			Membership: membership,
		}
	}
	entries := make(list[logItem], len(m.Entries))
	for i := range m.Entries {
		e := &m.Entries[i]
		entries[i] = logItem{e.Index, e.Term, e.Kind.String(), e.Time, e.Data}
	}
	f := fields{m.Term, m.From, m.Log.Index, m.Log.Term, entries, m.Commit, r}
	path, shape := messagePath, any(nil)
	switch m.Kind {
	case core.MsgAppend:
		path, shape = appendPath, appendEntries(f)
	case core.MsgVote:
		path, shape = votePath, requestVote(f)
	default:
		shape = message{m.Kind.String(), f}
	}
	text, err := json.Marshal(shape)
	return path, text, err
}

// decoder reads one message of a shape.
type decoder func(d *json.Decoder) (core.Message, error)

func decodeAppend(d *json.Decoder) (core.Message, error) {
	var in appendEntries
	if err := d.Decode(&in); err != nil {
		return core.Message{}, err
	}
	return fields(in).message(core.MsgAppend)
}

func decodeVote(d *json.Decoder) (core.Message, error) {
	var in requestVote
	if err := d.Decode(&in); err != nil {
		return core.Message{}, err
	}
	return fields(in).message(core.MsgVote)
}

func decodeMessage(d *json.Decoder) (core.Message, error) {
	var in message
	if err := d.Decode(&in); err != nil {
		return core.Message{}, err
	}
	kind := named[core.MessageKind](in.Kind)
	if !kind.Valid() {
		return core.Message{}, fmt.Errorf("kind %q is not known", in.Kind)
	}
	return in.message(kind)
}

// message is the message of that kind.
func (f fields) message(kind core.MessageKind) (core.Message, error) {
	m := core.Message{
		Kind: kind, Term: f.Term, From: f.From, Commit: f.Commit,
		Log: core.Position{Term: f.LogTerm, Index: f.LogIndex},
		To:  f.To, Group: f.Group, Reject: f.Reject, Force: f.Force, Round: f.Round,
		Token: f.Token, Offset: f.Offset, Data: f.Data,
		Hint: core.Position{Term: f.HintTerm, Index: f.HintIndex},
	}
	if len(f.Entries) > 0 {
		m.Entries = make([]core.Entry, len(f.Entries))
	}
	for i, e := range f.Entries {
		m.Entries[i] = core.Entry{
			Position: core.Position{Term: e.Term, Index: e.Index}, Kind: named[core.EntryKind](e.Kind),
			Time: e.Time, Data: e.Data,
		}
	}
	if s := f.Snapshot; s != nil {
		membership, rest, err := core.DecodeMembership(s.Membership)
		if err != nil {
			return m, err
		}
		if len(rest) > 0 {
			return m, fmt.Errorf("%d bytes behind a membership", len(rest))
		}
		m.Snapshot = &core.SnapshotMeta{
			Position: core.Position{Term: s.Term, Index: s.Index}, Time: s.Time,
			Membership: membership, Size: s.Size, Checksum: s.Checksum,
		}
	}
	return m, nil
}

// readBody reads a message or an array of them, and holds them against limits.
func readBody(body io.Reader, limits codec.Limits, decode decoder) ([]core.Message, error) {
	source := bufio.NewReader(body)
	d := decoderOf(source)
	var msgs []core.Message
	entries := 0
	one := func(d *json.Decoder) error {
		m, err := decode(d)
		if err != nil {
			return err
		}
		if _, err := limits.Check(&m); err != nil {
			return err
		}
		msgs, entries = append(msgs, m), entries+len(m.Entries)
		if len(msgs) > limits.MaxMessages || entries > limits.MaxEntries {
			return fmt.Errorf("%w: %d messages with %d entries, limits %d and %d", core.ErrTooLarge,
				len(msgs), entries, limits.MaxMessages, limits.MaxEntries)
		}
		return nil
	}
	first, err := skipSpace(source)
	if err == nil && first == '[' {
		err = elements(d, one)
	} else if err == nil {
		err = one(d)
	}
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("something follows the message")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return msgs, nil
}

// skipSpace returns the next byte that is no space, and leaves it in the source.
func skipSpace(r *bufio.Reader) (byte, error) {
	for {
		b, err := r.ReadByte()
		if err == io.EOF {
			return 0, errors.New("nothing there")
		}
		if err != nil || b != ' ' && b != '\t' && b != '\n' && b != '\r' {
			return b, errors.Join(err, r.UnreadByte())
		}
	}
}
