package log

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/session"
	"github.com/tidelock-raft/tidelock/scripting"
)

// each calls f with the entries lo to hi, both included.
func each(h history, lo, hi core.Index, f func(e *core.Entry) error) error {
	for e, err := range core.EachEntry(lo, hi+1, h.Entries) {
		if err == nil {
			err = f(e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// row is an entry for programs.
type row struct {
	Index     core.Index `json:"index"`
	Term      core.Term  `json:"term"`
	Time      string     `json:"time"`
	Kind      string     `json:"kind"`
	Committed bool       `json:"committed"` // as far as the node knew
	Client    uint64     `json:"client,string,omitempty"`
	Sequence  uint64     `json:"sequence,omitempty"` // of the command in the client's session
	Command   string     `json:"command,omitempty"`
	Bytes     int        `json:"bytes"`
}

// known says whether the node knew that an entry is committed.
func known(committed bool) string {
	if committed {
		return "yes"
	}
	return "unknown"
}

// client is the number of the session.
func (r *row) client() string {
	if r.Client == 0 {
		return "-"
	}
	return fmt.Sprint(r.Client)
}

func rowOf(e *core.Entry, commit core.Index) row {
	r := row{
		Index: e.Index, Term: e.Term, Time: time.Unix(0, e.Time).UTC().Format(time.RFC3339Nano),
		Kind: e.Kind.String(), Committed: e.Index <= commit, Bytes: len(e.Data),
	}
	switch e.Kind {
	case core.EntryCommand:
		r.Command = describe(e.Data)
	case core.EntrySession:
		h, command, err := session.Decode(e.Data)
		switch r.Client, r.Sequence = h.Session, h.Sequence; {
		case err != nil:
			r.Command = err.Error()
		case h.Op == session.OpOpen:
			r.Client, r.Command = 0, "(open a session)"
		case h.Op == session.OpClose:
			r.Command = "(close the session)"
		default:
			r.Command = describe(command)
		}
	case core.EntryMembership:
		members, _, err := core.DecodeMembership(e.Data)
		if r.Command = members.String(); err != nil {
			r.Command = err.Error()
		}
	}
	return r
}

// maxShown is how many bytes are shown of an argument.
const maxShown = 60

// describe writes a command as on a command line, if it is a call of a script, else as bytes.
func describe(data []byte) string {
	if value, err := scripting.DecodeValue(data); err == nil {
		if call, ok := value.([]any); ok && len(call) > 0 {
			words := make([]string, len(call))
			for i := range call {
				words[i] = shorten(remote.Text(call[i]))
			}
			return strings.Join(words, " ")
		}
	}
	return shorten(string(data))
}

func shorten(s string) string {
	shown := s[:min(len(s), maxShown)]
	if strings.ContainsFunc(shown, func(r rune) bool { return r < ' ' || r == 0xfffd || r == 0x7f }) ||
		shown == "" {
		shown = fmt.Sprintf("%q", shown)
	}
	if len(s) > maxShown {
		shown += fmt.Sprintf("… (%d bytes)", len(s))
	}
	return shown
}

// tableRows is how many rows have columns of the same width: they are kept until all are there.
const tableRows = 1000

func show(o Options, h history) error {
	st, err := h.State()
	if err != nil {
		return fmt.Errorf("read state: %w", err)
	}
	lo, hi := max(o.From, st.Start.Index+1), st.Last.Index
	if o.To > 0 {
		hi = min(hi, o.To)
	}
	if n := core.Index(o.Last); n > 0 && n < hi {
		lo = max(lo, hi-n+1)
	}
	if o.From > 0 && o.From <= st.Start.Index || o.From > st.Last.Index || o.To > st.Last.Index {
		return exit.Usagef("the log holds the entries %d to %d; what was before is in the snapshot",
			st.Start.Index+1, st.Last.Index)
	}
	if o.JSON {
		return each(h, lo, hi, func(e *core.Entry) error {
			return remote.PrintJSON(o.Out, rowOf(e, st.Hard.Commit))
		})
	}
	table := tabwriter.NewWriter(o.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "INDEX\tTERM\tTIME\tKIND\tCOMMITTED\tCLIENT\tCOMMAND")
	err = each(h, lo, hi, func(e *core.Entry) error {
		r := rowOf(e, st.Hard.Commit)
		_, err := fmt.Fprintf(table, "%d\t%d\t%s\t%s\t%s\t%s\t%s\n", r.Index, r.Term, r.Time, r.Kind,
			known(r.Committed), r.client(), r.Command)
		if (e.Index-lo+1)%tableRows == 0 {
			err = errors.Join(err, table.Flush())
		}
		return err
	})
	return errors.Join(err, table.Flush())
}
