package log

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
)

// finding says who wrote a key of a collection last, for programs.
type finding struct {
	Collection string     `json:"collection"`
	Key        any        `json:"key"`
	Deleted    bool       `json:"deleted,omitempty"`
	Entry      *row       `json:"entry,omitempty"`    // none: no entry behind the snapshot
	Snapshot   core.Index `json:"snapshot,omitempty"` // then: it was written here or before
}

// detective follows the writes to one key.
type detective struct {
	options Options
	player  *player
	found   []finding
}

func blame(o Options, h history) error {
	p, err := newPlayer(o, h, false)
	if err != nil {
		return err
	}
	defer p.machine.Close()
	machine, ok := p.machine.Inner().(*scripting.Machine)
	if !ok {
		return exit.Usagef("machine %s does not tell which keys a command writes", o.Machine.Name)
	}
	d := &detective{options: o, player: p}
	machine.Each(func(collection string, key any) {
		if d.wanted(collection, key) {
			*d.of(collection, key) = finding{collection, key, false, nil, p.from.Index}
		}
	})
	machine.Observe(func(e *core.Entry, writes []scripting.Write) {
		for _, w := range writes {
			if d.wanted(w.Collection, w.Key) {
				r := &row{Index: e.Index, Term: e.Term}
				*d.of(w.Collection, w.Key) = finding{w.Collection, w.Key, w.Value == nil, r, 0}
			}
		}
	})
	if err := p.play(); err != nil {
		return err
	}
	return d.report()
}

// wanted reports whether a key is the one that is looked for. What state.value keeps has no key; it
// goes by the name of its collection.
func (d *detective) wanted(collection string, key any) bool {
	if name := d.options.Collection; name != "" && name != collection {
		return false
	}
	wanted := d.options.Args[0]
	return fmt.Sprint(key) == wanted || key == "" && collection == wanted
}

// of is the finding about a key.
func (d *detective) of(collection string, key any) *finding {
	for i := range d.found {
		if d.found[i].Collection == collection && d.found[i].Key == key {
			return &d.found[i]
		}
	}
	d.found = append(d.found, finding{})
	return &d.found[len(d.found)-1]
}

// report prints what was found; the entries are read once more, to show what they ask for.
func (d *detective) report() error {
	if len(d.found) == 0 {
		return &core.Failure{Code: "not_found", Message: fmt.Sprintf(
			"no collection has or had the key %s from entry %d to %d", d.options.Args[0],
			d.player.from.Index+1, d.player.to)}
	}
	for i := range d.found {
		r := d.found[i].Entry
		if r == nil {
			continue
		}
		err := each(d.player.history, r.Index, r.Index, func(e *core.Entry) error {
			*r = rowOf(e, d.player.state.Hard.Commit)
			return nil
		})
		if err != nil {
			return err
		}
	}
	slices.SortFunc(d.found, func(a, b finding) int {
		return strings.Compare(a.Collection, b.Collection)
	})
	if d.options.JSON {
		for _, f := range d.found {
			if err := remote.PrintJSON(d.options.Out, f); err != nil {
				return err
			}
		}
		return nil
	}
	return d.table()
}

func (d *detective) table() error {
	table := tabwriter.NewWriter(d.options.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "COLLECTION\tKEY\tINDEX\tTERM\tTIME\tCOMMITTED\tCLIENT\tCOMMAND")
	for _, f := range d.found {
		key := fmt.Sprint(f.Key)
		if f.Deleted {
			key += " (deleted)"
		}
		if f.Entry == nil {
			fmt.Fprintf(table, "%s\t%s\tat most %d\t-\t-\tyes\t-\t%s\n", f.Collection, key, f.Snapshot,
				"in the snapshot; no entry behind it wrote it")
			continue
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%s\t%s\t%s\t%s\n", f.Collection, key, f.Entry.Index,
			f.Entry.Term, f.Entry.Time, known(f.Entry.Committed), f.Entry.client(), f.Entry.Command)
	}
	return table.Flush()
}
