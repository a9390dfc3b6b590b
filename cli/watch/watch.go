// Package watch is the command that follows the events of the machine, or the changes of its keys.
//
// It asks one page of the history after the other, each from where the last one ended, at a node
// that has to have applied more than the one before: such a query waits at the node until there is
// more. So nothing is kept for a watcher anywhere, any node can go on where another stopped, and a
// watcher that is slow holds up nobody: what is dropped from the history meanwhile, it is told.
//
// Events are replicated; changes of keys are not. Each node keeps the newest ones for itself as
// long as somebody asks it for them, so a watcher of keys asks all of them, every now and then.
package watch

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
	"github.com/tidelock-raft/tidelock/transport/client"
)

const (
	// pageSize is how many events are asked for at a time; an answer has a limit of bytes as well.
	pageSize = 1000
	// rest is the time between questions while the log grows without events of the topic.
	rest = 20 * time.Millisecond
	// reminder is the time between reminders to all nodes that somebody wants to know of keys, and how
	// long one may take.
	reminder = time.Second
	// patience is how often a node is asked that has kept nothing so far.
	patience = 10
)

// Options are what watch is asked for.
type Options struct {
	remote.Options
	Query string   // events or changes
	Topic any      // or prefix; nil: all
	From  position // of index zero: what is emitted from now on
	Count uint64   // zero: without end
}

// The queries of the machine that list events, and changes of keys.
const (
	events  = "@events"
	changes = "@changes"
)

// New makes the command.
func New(env remote.Env) *cli.Command {
	return &cli.Command{
		Name: "watch", Usage: "follow the events of the machine, or its keys", ArgsUsage: "[TOPIC]",
		Description: "Prints what commands emit, of one topic or of all, each event on a line of\n" +
			"JSON, until it is interrupted: in order and once, whichever nodes fail meanwhile.\n" +
			"The nodes keep the newest events only; who comes too late for some is told so:\n" +
			"{\"lost\":{\"from\":12,\"to\":90}}, entries of which some events were dropped unseen.\n\n" +
			"With --keys it prints what becomes of keys that begin with a text, put or del. Nodes\n" +
			"keep the newest changes from when somebody first watched keys; who asks for older ones, or\n" +
			"of a node that was started since, is told what is lost as well.\n\n" +
			"  raft-client watch paid\n" +
			"  raft-client watch --from 120           # all topics, from entry 120 on\n" +
			"  raft-client watch --from 130.1         # what comes after number 0 of index 130\n" +
			"  raft-client watch paid --count 1       # wait for one\n" +
			"  raft-client watch --keys user:         # '' is all keys",
		Flags: append(remote.Flags(), &cli.StringFlag{
			Name: "from", EnvVars: []string{"RAFT_FROM"}, DefaultText: "what is emitted from now on",
			Usage: "begin with the events of the entry at this `INDEX`, or INDEX.NUMBER in the midst of it",
		}, &cli.Uint64Flag{
			Name: "count", EnvVars: []string{"RAFT_COUNT"}, DefaultText: "without end",
			Usage: "end after this `NUMBER` of events",
		}, &cli.StringFlag{
			Name: "keys", Usage: "follow the keys that begin with this `PREFIX`, instead of events",
		}),
		Action: func(c *cli.Context) error {
			common, err := remote.Parse(env, c, 0, 1)
			if err != nil {
				return err
			}
			o := Options{Options: common, Query: events, Count: c.Uint64("count")}
			if o.From, err = parse(c.String("from")); err != nil {
				return err
			}
			if c.NArg() > 0 {
				o.Topic = c.Args().First()
			}
			if c.IsSet("keys") {
				if o.Topic != nil {
					return exit.Usagef("watch: events of a topic, or --keys; say one")
				}
				o.Query, o.Topic = changes, c.String("keys")
			}
			return run(c.Context, o)
		},
	}
}

// parse reads a position, INDEX or INDEX.NUMBER.
func parse(word string) (p position, err error) {
	if word == "" {
		return p, nil
	}
	index, number, isWithin := strings.Cut(word, ".")
	i, err := strconv.ParseUint(index, 10, 53)
	if err == nil && isWithin {
		p.number, err = strconv.ParseInt(number, 10, 33)
	}
	if err != nil || i == 0 || p.number < 0 {
		return p, exit.Usagef("--from is %q, want an index from 1 on, or INDEX.NUMBER", word)
	}
	p.index = core.Index(i)
	return p, nil
}

func run(ctx context.Context, o Options) error {
	session, err := o.Open()
	if err != nil {
		return o.Report(err, 0)
	}
	defer session.Close()
	w := &watcher{options: o, session: session}
	following, cancel := context.WithCancel(ctx)
	var reminding sync.WaitGroup
	defer reminding.Wait()
	defer cancel()
	if o.Query == changes && o.Target == "" {
		w.rouse(ctx)
		reminding.Go(func() { w.remind(following) }) // ended by cancel
	}
	if err := w.follow(ctx); err != nil && ctx.Err() == nil {
		return o.Report(err, 0)
	}
	return nil
}

// position is where in the history a watcher stands: it has printed what is before.
type position struct {
	index  core.Index
	number int64 // within the entry
}

// watcher follows the history.
type watcher struct {
	options Options
	session *remote.Session
	at      position
	applied core.Index // that the last answer saw
	printed uint64
}

// follow prints events until ctx ends or there are enough.
func (w *watcher) follow(ctx context.Context) error {
	if err := w.begin(ctx); err != nil {
		return err
	}
	least := w.applied
	for ctx.Err() == nil {
		p, err := w.ask(ctx, core.Stale, least, w.options.Topic, w.at, pageSize)
		if err == nil {
			p, err = w.tell(ctx, p)
		}
		switch {
		case errors.Is(err, client.ErrUnavailable):
			continue // nothing was new, or nobody could be asked: that looks the same
		case err != nil:
			return err
		}
		if w.options.Count > 0 && w.printed >= w.options.Count {
			return nil
		}
		if least = w.applied; len(p.events) > 0 {
			continue
		}
		if w.at.index <= w.applied {
			w.at = position{index: w.applied + 1}
		}
		least++
		select {
		case <-ctx.Done():
		case <-time.After(rest):
		}
	}
	return nil
}

// rouse has every node keep changes of keys, so that any can go on where another stopped. When it
// returns they do, but for those that do not answer. Only then may a watcher look where the cluster
// stands: of what came in between, a node that was roused later would know nothing.
func (w *watcher) rouse(ctx context.Context) {
	nothing, err := scripting.EncodeCall(changes, nil, 0, 0)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, reminder)
	defer cancel()
	var asking sync.WaitGroup
	for _, e := range w.options.Endpoints {
		asking.Go(func() { // ends within the reminder
			for range patience {
				v, _, err := w.session.QueryOf(ctx, e.Address, 0, nothing)
				if err != nil {
					return // who does not answer keeps nothing
				}
				if p, err := read(v); err != nil || p.first > 0 {
					return
				}
			}
		})
	}
	asking.Wait()
}

// remind rouses the nodes again and again, for they forget, and some were not there.
func (w *watcher) remind(ctx context.Context) {
	ticker := time.NewTicker(reminder)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			w.rouse(ctx)
		}
	}
}

// begin finds out where the cluster stands.
func (w *watcher) begin(ctx context.Context) error {
	w.at = w.options.From
	level := core.Linearizable
	if w.options.Target != "" {
		level = core.Stale // it need not lead
	}
	_, err := w.ask(ctx, level, 0, w.options.Topic, w.at, 0)
	if w.at.index == 0 {
		w.at.index = w.applied + 1
	}
	return err
}

// tell prints what was lost before a page, and the page, or one of a node that knows more. It
// returns which.
func (w *watcher) tell(ctx context.Context, p page) (page, error) {
	if w.at.index < p.first {
		whole, err := w.whole(ctx, p)
		if err != nil {
			return p, err
		}
		if other, ok := w.elsewhere(ctx, whole); ok {
			p = other
		} else if !whole {
			lost := map[string]any{"lost": map[string]any{"from": w.at.index, "to": p.first - 1}}
			if err := remote.PrintJSON(w.options.Out, lost); err != nil {
				return p, err
			}
		}
	}
	for _, event := range p.events {
		if w.options.Count > 0 && w.printed >= w.options.Count {
			break
		}
		if err := remote.PrintValue(w.options.Out, true, event.fields); err != nil {
			return p, err
		}
		w.printed++
	}
	w.at = p.next
	return p, nil
}

// whole reports whether a page certainly has all that there was from the position on: it has the
// very next event, or the last one before is still there, as they are dropped in order.
func (w *watcher) whole(ctx context.Context, p page) (bool, error) {
	switch {
	case w.at.number == 0:
		return false, nil
	case len(p.events) > 0 && p.events[0].at == w.at:
		return true, nil
	}
	before, applied := position{w.at.index, w.at.number - 1}, w.applied
	p, err := w.ask(ctx, core.Stale, applied, nil, before, 1)
	w.applied = applied
	return err == nil && len(p.events) > 0 && p.events[0].at == before, err
}

// elsewhere looks for a node that has dropped no changes of keys from the position on, unless a
// page is whole: one that was started meanwhile knows less than others.
func (w *watcher) elsewhere(ctx context.Context, whole bool) (p page, ok bool) {
	if whole || w.options.Query != changes || w.options.Target != "" {
		return p, false
	}
	data, err := w.question(w.options.Topic, w.at, pageSize)
	for i := 0; err == nil && i < len(w.options.Endpoints); i++ {
		v, reply, err := w.session.QueryOf(ctx, w.options.Endpoints[i].Address, w.applied, data)
		if err != nil {
			continue // who does not answer cannot help
		}
		if p, err = read(v); err == nil && p.first > 0 && p.first <= w.at.index {
			w.applied = reply.Index
			return p, true
		}
	}
	return p, false
}

// page is an answer.
type page struct {
	events []event
	first  core.Index // from which on nothing has been dropped; zero: nothing was kept
	next   position
}

type event struct {
	at     position
	fields map[string]any
}

func (w *watcher) ask(
	ctx context.Context, level core.ReadLevel, least core.Index, topic any, at position, limit int,
) (page, error) {
	data, err := w.question(topic, at, limit)
	if err != nil {
		return page{}, err
	}
	for range patience {
		v, reply, err := w.session.QueryAt(ctx, level, least, data)
		if err != nil {
			return page{}, err
		}
		p, err := read(v)
		if err != nil {
			return p, fmt.Errorf("reply of %s: %w", reply.Endpoint, err)
		}
		if w.applied = reply.Index; p.first > 0 {
			return p, nil
		}
	}
	return page{}, fmt.Errorf("%w: no node has kept changes of keys", client.ErrUnavailable)
}

// question encodes a query for a page of the history.
func (w *watcher) question(topic any, at position, limit int) ([]byte, error) {
	data, err := scripting.EncodeCall(w.options.Query, topic, int64(at.index), limit, at.number)
	return data, exit.Mark(err, exit.ErrUsage)
}

// read takes an answer apart.
func read(v any) (p page, err error) {
	fields, _ := v.(map[string]any)
	list, _ := fields["events"].([]any)
	next, _ := fields["next"].([]any)
	if len(next) != 2 {
		return p, errors.New("it is no page of events")
	}
	if fields["first"] != nil {
		first, err := at(fields["first"], int64(0))
		if p.first = first.index; err != nil {
			return p, err
		}
	}
	if p.next, err = at(next[0], next[1]); err != nil {
		return p, err
	}
	for _, v := range list {
		e := event{}
		e.fields, _ = v.(map[string]any)
		if e.at, err = at(e.fields["index"], e.fields["number"]); err != nil {
			return p, err
		}
		if _, isKey := e.fields["op"]; !isKey && e.fields["value"] == nil {
			e.fields["value"] = nil // an event always has one
		}
		p.events = append(p.events, e)
	}
	return p, nil
}

// at reads a position.
func at(index, number any) (position, error) {
	i, isIndex := index.(int64)
	n, isNumber := number.(int64)
	if !isIndex || !isNumber || i < 0 || n < 0 {
		return position{}, fmt.Errorf("%v, %v is no place in the history", index, number)
	}
	return position{core.Index(i), n}, nil
}
