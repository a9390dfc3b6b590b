package log

import (
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/session"
	"github.com/tidelock-raft/tidelock/plugins"
	"github.com/tidelock-raft/tidelock/scripting"
)

// player runs a log again, on a machine of its own.
type player struct {
	history history
	machine *session.Machine
	state   core.State
	from    core.SnapshotMeta // that it began with
	to      core.Index

	committed core.Index // as far as the node knew
}

// newPlayer makes a machine with the state of the newest snapshot that is not behind the end asked
// for. It is to be closed. Where no end is asked for, that of the log is it, or that of what the
// node knew to be committed.
func newPlayer(o Options, h history, onlyCommitted bool) (*player, error) {
	p := &player{history: h}
	var err error
	if p.state, err = h.State(); err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	p.committed = max(p.state.Hard.Commit, p.state.Snapshot.Index)
	if p.to = o.To; p.to == 0 && onlyCommitted {
		p.to = p.committed
	} else if p.to == 0 {
		p.to = p.state.Last.Index
	}
	p.from = p.state.Snapshot
	switch {
	case p.to > p.state.Last.Index:
		return nil, exit.Usagef("--to %d: the log ends at %d", p.to, p.state.Last.Index)
	case p.to < p.from.Index && p.state.Start.Index > 0:
		return nil, exit.Usagef("--to %d: the log begins at %d, its snapshot stands at %d", p.to,
			p.state.Start.Index+1, p.from.Index)
	case p.to < p.from.Index:
		p.from = core.SnapshotMeta{} // the log is there from its beginning
	}
	inner, err := plugins.OpenMachine(o.Machine.Name, plugins.Env{}, nil)
	if err != nil {
		return nil, err
	}
	p.machine = session.Wrap(inner)
	if err := p.restore(); err != nil {
		return nil, errors.Join(err, p.machine.Close())
	}
	return p, nil
}

func (p *player) restore() error {
	if p.from.Size == 0 {
		return nil
	}
	body, err := p.history.Body(p.from)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := p.machine.Restore(body); err != nil {
		return fmt.Errorf("restore snapshot %v: %w", p.from.Position, err)
	}
	return nil
}

// play applies what is left, entry by entry.
func (p *player) play() error {
	var results []core.Result
	return each(p.history, p.from.Index+1, p.to, func(e *core.Entry) (err error) {
		if e.Kind == core.EntryCommand || e.Kind == core.EntrySession {
			clear(results)
			results, err = p.machine.Apply(results[:0], []core.Entry{*e})
		}
		if err != nil {
			return fmt.Errorf("apply entry %v: %w", e.Position, err)
		}
		return nil
	})
}

// played is what replay came to, for programs.
type played struct {
	Index       core.Index             `json:"index"`
	Committed   bool                   `json:"committed"` // as far as the node knew
	Machine     string                 `json:"machine"`
	Digest      uint64                 `json:"digest,string"`
	Sessions    int                    `json:"sessions"`
	Collections []scripting.Collection `json:"collections,omitempty"`
}

func replay(o Options, h history) error {
	p, err := newPlayer(o, h, true)
	if err != nil {
		return err
	}
	defer p.machine.Close()
	if err := p.play(); err != nil {
		return err
	}
	if o.Query != "" {
		return p.ask(o)
	}
	r := played{
		Index: p.to, Committed: p.to <= p.committed, Digest: p.machine.Digest(),
		Sessions: p.machine.Len(),
	}
	if named, ok := p.machine.Inner().(fmt.Stringer); ok {
		r.Machine = named.String()
	}
	if lua, ok := p.machine.Inner().(*scripting.Machine); ok {
		r.Collections = lua.Collections()
	}
	if o.JSON {
		return remote.PrintJSON(o.Out, r)
	}
	fmt.Fprintf(o.Out, "index=%d committed=%s machine=%q digest=%d sessions=%d\n", r.Index,
		known(r.Committed), r.Machine, r.Digest, r.Sessions)
	table := tabwriter.NewWriter(o.Out, 0, 0, 2, ' ', 0)
	for _, c := range r.Collections {
		fmt.Fprintf(table, "  %s\titems=%d\tbytes=%d\n", c.Name, c.Items, c.Bytes)
	}
	return table.Flush()
}

// ask answers the query.
func (p *player) ask(o Options) error {
	request, err := scripting.EncodeCall(o.Query, remote.Literals(o.Args)...)
	if err != nil {
		return exit.Mark(err, exit.ErrUsage)
	}
	r := p.machine.Query(request)
	if r.Failure != nil {
		return r.Failure
	}
	value, err := scripting.DecodeValue(r.Value)
	if err != nil {
		return fmt.Errorf("decode the answer: %w", err)
	}
	return remote.PrintValue(o.Out, o.JSON, value)
}
