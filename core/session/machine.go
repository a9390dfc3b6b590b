package session

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/tidelock-raft/tidelock/core"
)

// Codes of the failures by which a session's command is refused. It was not carried out by the
// entry that is answered so.
const (
	// CodeExpired: there is no such session (any more). Whether an earlier attempt at the same
	// command was carried out is not known.
	CodeExpired = "session_expired"
	// CodeDone: the client has said that it has the reply to that command.
	CodeDone = "session_done"
	// CodeWindow: the command's number is more than MaxWindow ahead.
	CodeWindow = "session_window"
	// CodeHeader: the entry does not say what it wants.
	CodeHeader = "session_header"
)

// CodeReply stands for a reply beyond MaxValueBytes, which no snapshot could hold. The command was
// carried out.
const CodeReply = "session_reply"

// Machine is a state machine with sessions in front of it. It is used as the machine in it is.
type Machine struct {
	inner  core.StateMachine
	table  table
	staged []core.Entry // for the inner machine
	places []place      // where their results go
	inners []core.Result
}

// place is where the result of a staged entry goes.
type place struct {
	at       int
	session  *session // nil: none
	sequence uint64
}

// Wrap puts sessions in front of a machine.
func Wrap(inner core.StateMachine) *Machine { return &Machine{inner: inner, table: newTable()} }

// Inner returns the machine behind the sessions.
func (m *Machine) Inner() core.StateMachine { return m.inner }

// Len returns how many sessions there are.
func (m *Machine) Len() int { return len(m.table.byID) }

// Apply implements core.StateMachine, for entries of the kinds EntryCommand and EntrySession.
func (m *Machine) Apply(dst []core.Result, entries []core.Entry) ([]core.Result, error) {
	if plain(entries) {
		return m.inner.Apply(dst, entries)
	}
	var err error
	for i := range entries {
		e := &entries[i]
		if e.Kind == core.EntryCommand {
			m.stage(len(dst), *e, nil, 0)
			dst = append(dst, core.Result{})
			continue
		}
		if dst, err = m.session(dst, e); err != nil {
			return dst, err
		}
	}
	return dst, m.flush(dst)
}

func plain(entries []core.Entry) bool {
	for i := range entries {
		if entries[i].Kind != core.EntryCommand {
			return false
		}
	}
	return true
}

// session carries out what an entry asks of a session.
func (m *Machine) session(dst []core.Result, e *core.Entry) ([]core.Result, error) {
	if last := m.table.newest; last != nil && last.index/trimEvery != e.Index/trimEvery {
		if err := m.flush(dst); err != nil {
			return dst, err
		}
		m.table.trim()
	}
	m.table.expire(e.Time)
	h, command, err := Decode(e.Data)
	if err != nil {
		return append(dst, failure(CodeHeader, err.Error())), nil
	}
	if h.Op == OpOpen {
		id := m.table.open(e).id
		return append(dst, core.Result{Value: binary.BigEndian.AppendUint64(nil, id)}), nil
	}
	s := m.table.byID[h.Session]
	switch {
	case s == nil:
		return append(dst, failure(CodeExpired, "no such session, or not any more")), nil
	case h.Op == OpClose:
		m.table.forget(s)
		return append(dst, core.Result{}), nil
	}
	return m.command(dst, e, s, h, command)
}

// command carries out a command that is new and answers one that is not. One that is too far ahead
// leaves no trace in the session.
func (m *Machine) command(
	dst []core.Result, e *core.Entry, s *session, h Header, command []byte,
) ([]core.Result, error) {
	if done := max(s.done, h.Done); h.Sequence > done+MaxWindow {
		return append(dst, failure(CodeWindow,
			fmt.Sprintf("command %d is too far ahead of %d", h.Sequence, done))), nil
	}
	m.table.use(s, e, h.Done)
	if h.Sequence <= s.done {
		return append(dst, failure(CodeDone, "the client has the reply to that command")), nil
	}
	i, found := s.find(h.Sequence)
	if found && s.replies[i].pending {
		if err := m.flush(dst); err != nil {
			return dst, err
		}
	}
	if found {
		return append(dst, s.replies[i].result), nil
	}
	m.table.expect(s, h.Sequence)
	bare := *e
	bare.Kind, bare.Data, bare.Client = core.EntryCommand, command, s.id
	m.stage(len(dst), bare, s, h.Sequence)
	return append(dst, core.Result{}), nil
}

func (m *Machine) stage(at int, e core.Entry, s *session, sequence uint64) {
	m.staged = append(m.staged, e)
	m.places = append(m.places, place{at, s, sequence})
}

// flush has the inner machine carry out what is staged.
func (m *Machine) flush(dst []core.Result) error {
	if len(m.staged) == 0 {
		return nil
	}
	results, err := m.inner.Apply(m.inners[:0], m.staged)
	if err == nil && len(results) != len(m.staged) {
		err = fmt.Errorf("machine gave %d results for %d commands", len(results), len(m.staged))
	}
	if err != nil {
		return err
	}
	for i, p := range m.places {
		if p.session != nil {
			results[i] = bounded(results[i])
			m.table.keep(p.session, p.sequence, results[i])
		}
		dst[p.at] = results[i]
	}
	clear(results)
	clear(m.staged)
	m.inners, m.staged, m.places = results[:0], m.staged[:0], m.places[:0]
	return nil
}

// bounded is a result as a session keeps it, and as its client is told from the first time on.
func bounded(r core.Result) core.Result {
	switch f := r.Failure; {
	case f != nil && max(len(f.Code), len(f.Message)) > MaxFailureBytes:
		clip := func(s string) string { return strings.Clone(s[:min(len(s), MaxFailureBytes)]) }
		return failure(clip(f.Code), clip(f.Message))
	case f != nil:
		r.Value = nil // a snapshot has room for one of the two
	case len(r.Value) > MaxValueBytes:
		return failure(CodeReply, fmt.Sprintf("carried out, but the reply has %d bytes, limit %d",
			len(r.Value), MaxValueBytes))
	}
	return r
}

func failure(code, message string) core.Result {
	return core.Result{Failure: &core.Failure{Code: code, Message: message}}
}

// Query implements core.StateMachine.
func (m *Machine) Query(request []byte) core.Result { return m.inner.Query(request) }

// Close implements core.StateMachine.
func (m *Machine) Close() error { return m.inner.Close() }

// Digest is that of the inner machine, if it has one, and of the sessions. It is zero if the inner
// machine has none.
func (m *Machine) Digest() uint64 {
	d, ok := m.inner.(core.Digester)
	if !ok {
		return 0
	}
	return d.Digest() ^ m.table.digest
}

// sessionsPart is the name under which Digests shows the sessions.
const sessionsPart = "@sessions"

// Digests appends those of the inner machine, if it has any, and that of the sessions.
func (m *Machine) Digests(dst []core.NamedDigest) []core.NamedDigest {
	if i, ok := m.inner.(core.Itemizer); ok {
		dst = i.Digests(dst)
	}
	return append(dst, core.NamedDigest{Name: sessionsPart, Digest: m.table.digest})
}
