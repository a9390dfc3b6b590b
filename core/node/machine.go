package node

import (
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/engine"
	"github.com/tidelock-raft/tidelock/core/session"
)

// machine gives a group's state machine its work, one batch of tasks at a time and in order.
//
// The handler owns the first part of the fields, the apply lane the second; a batch in running
// belongs to the lane while busy is set.
type machine struct {
	handler   *Handler
	group     core.GroupID
	name      string
	busy      bool
	freezing  int          // jobs of Freeze on the lane
	since     core.Instant // when the batch in running began
	gathering []engine.Work
	running   []engine.Work
	digest    uint64 // as of the newest finished batch
	stamp     int64  // time, as of then
	pace      *pace  // of the newest snapshot; nil: there was none

	failed   bool             // the state is anybody's guess
	sm       *session.Machine // with the user's machine in it
	reader   core.Reader      // the user's machine, if it is one
	at       core.Position    // of the newest entry applied
	time     int64            // Entry.Time of that entry
	restores uint64           // how often the state was replaced by work
	lane     uint64           // query lane for the next view
	answered int              // queries, by the batch in running
	results  []core.Result
	commands []core.Entry
	parts    []core.NamedDigest
	replies  engine.Outbox
	noted    []engine.Noted
	snapshot []taken
}

func newMachine(h *Handler, g core.GroupID, sm core.StateMachine) *machine {
	m := &machine{handler: h, group: g, sm: session.Wrap(sm)}
	m.reader, _ = sm.(core.Reader)
	m.identify()
	return m
}

// identify asks the machine what it is, which may change as it applies entries.
func (m *machine) identify() {
	if s, ok := m.sm.Inner().(fmt.Stringer); ok {
		m.name = s.String()
	}
}

// add takes a task, but for queries beyond those that may wait.
func (m *machine) add(t engine.Work) {
	if len(t.Queries) > 0 {
		room := m.handler.admit(t.Queries)
		for _, q := range t.Queries[room:] {
			q.Caller.Replied(q.Token, core.Reply{Leader: t.Leader, Err: core.ErrBusy})
		}
		m.served(engine.Waited(t.Queries[room:]), nil)
		clear(t.Queries[room:]) // the memory is used again, perhaps never up to here
		t.Queries = t.Queries[:room]
	}
	if n := len(m.gathering); n == 0 || !m.gathering[n-1].Join(&t) {
		m.gathering = append(m.gathering, t)
	}
}

// restoring returns which snapshots the machine has yet to be given.
func (m *machine) restoring() (at []core.Position) {
	for _, tasks := range [...][]engine.Work{m.running, m.gathering} {
		for i := range tasks {
			if tasks[i].Restore != nil {
				at = append(at, tasks[i].Restore.Position)
			}
		}
	}
	return at
}

// start gives the lane what has been gathered, unless it is still at work. What only takes a view
// is done before the lane would be awake.
func (m *machine) start() {
	if m.busy || len(m.gathering) == 0 {
		return
	}
	brief := m.freezing == 0 && m.onlyViews()
	m.since = m.handler.now
	m.gathering, m.running = m.running[:0], m.gathering
	if brief {
		m.check(m.run())
		clear(m.running)
		return
	}
	m.busy = true
	m.handler.lanes.Go(Lane{Kind: LaneApply, Group: m.group}, func() func() {
		err := m.run()
		return func() { m.done(err) }
	})
}

// onlyViews reports whether nothing has gathered but queries that are answered from views.
func (m *machine) onlyViews() bool {
	for i := range m.gathering {
		if t := &m.gathering[i]; m.reader == nil || t.Queries == nil || t.Note || t.Save {
			return false
		}
	}
	return true
}

// done ends a batch: the engine hears how far the machine is, and snapshots taken go to their file.
func (m *machine) done(err error) {
	h := m.handler
	m.busy = false
	m.count()
	clear(m.running)
	if m.check(err); h.err != nil {
		return
	}
	for _, t := range m.snapshot {
		h.save(m, t)
	}
	m.snapshot = m.snapshot[:0]
	h.back.Noted = append(h.back.Noted, m.noted...)
	m.noted = m.noted[:0]
	m.served(m.answered, nil)
	m.answered = 0
	m.settle()
}

// check stops the node if the machine cannot go on.
func (m *machine) check(err error) {
	if err != nil {
		m.handler.fail(fmt.Errorf("group %d: %w", m.group, err))
	}
}

// count notes the batch in running, if there are entries in it.
func (m *machine) count() {
	entries := 0
	for i := range m.running {
		entries += len(m.running[i].Entries)
	}
	if w := &m.handler.work; entries > 0 {
		w.Applies, w.AppliedEntries = w.Applies+1, w.AppliedEntries+uint64(entries)
		w.ApplyNS += int64(m.handler.config.Clock.Now() - m.since)
	}
}

// settle makes known where the machine is.
func (m *machine) settle() {
	m.identify()
	m.digest, m.stamp = m.sm.Digest(), m.time
	applied := engine.Applied{Group: m.group, Restores: m.restores, Index: m.at.Index}
	m.handler.back.Applied = append(m.handler.back.Applied, applied)
}

// run does the tasks, on the apply lane or as start has it.
func (m *machine) run() error {
	for i := range m.running {
		if err := m.do(&m.running[i]); err != nil {
			m.failed = true
			giveUp(m.running[i:])
			return err
		}
	}
	return nil
}

func (m *machine) do(t *engine.Work) (err error) {
	switch {
	case t.Restore != nil:
		m.restores++
		err = m.restore(t.Restore)
	case t.Entries != nil:
		err = m.apply(t.Entries, t.Calls)
	case t.Queries != nil:
		err = m.query(t)
	}
	if err == nil && t.Note {
		m.note()
	}
	if err == nil && t.Save {
		err = m.take()
	}
	return err
}

// note takes down which state the machine is in.
func (m *machine) note() {
	n := engine.Noted{Group: m.group, Restores: m.restores, At: m.at}
	if n.Digest = m.sm.Digest(); n.Digest != 0 {
		m.parts = m.sm.Digests(m.parts[:0])
		n.Parts = engine.AppendParts(nil, m.parts)
	}
	m.noted = append(m.noted, n)
}

// restore replaces the state by a snapshot's.
func (m *machine) restore(meta *core.SnapshotMeta) error {
	r, err := m.handler.openSnapshot(m.group, meta)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := m.sm.Restore(body(r)); err != nil {
		return fmt.Errorf("restore snapshot %v: %w", meta.Position, err)
	}
	m.at, m.time = meta.Position, meta.Time
	if p, ok := m.sm.Inner().(core.Placed); ok {
		p.Place(m.at)
	}
	return nil
}

// apply carries out the commands among the entries and tells the results to whom they are for.
func (m *machine) apply(entries []core.Entry, calls []engine.Call) error {
	commands := entries
	for i := range entries {
		if !isCommand(&entries[i]) {
			commands = m.onlyCommands(entries)
			break
		}
	}
	if len(commands) > 0 {
		results, err := m.sm.Apply(m.results[:0], commands)
		if err == nil && len(results) != len(commands) {
			err = fmt.Errorf("machine gave %d results for %d commands", len(results), len(commands))
		}
		if err != nil {
			first, last := commands[0].Position, commands[len(commands)-1].Position
			return fmt.Errorf("apply entries %v to %v: %w", first, last, err)
		}
		m.results = results
	}
	m.reply(entries, calls)
	clear(m.results)
	m.results = m.results[:0]
	last := &entries[len(entries)-1]
	m.at, m.time = last.Position, last.Time
	return nil
}

func isCommand(e *core.Entry) bool {
	return e.Kind == core.EntryCommand || e.Kind == core.EntrySession
}

func (m *machine) onlyCommands(entries []core.Entry) []core.Entry {
	m.commands = m.commands[:0]
	for i := range entries {
		if isCommand(&entries[i]) {
			m.commands = append(m.commands, entries[i])
		}
	}
	return m.commands
}

// reply tells results to clients of this node and to the nodes that forwarded commands. Calls and
// entries both ascend by index; an entry that is no command has an empty result.
func (m *machine) reply(entries []core.Entry, calls []engine.Call) {
	at, commands := 0, 0 // commands are those before entries[at]
	for i := range calls {
		c := &calls[i]
		for at < len(entries) && entries[at].Index < c.Index {
			if isCommand(&entries[at]) {
				commands++
			}
			at++
		}
		found := at < len(entries) && entries[at].Position == c.Position
		var result core.Result
		if found && isCommand(&entries[at]) {
			result = m.results[commands]
		}
		switch {
		case c.Caller != nil && found:
			reply := core.Reply{Result: result, Index: c.Index, Leader: m.handler.config.Engine.Node}
			c.Caller.Replied(c.Token, reply)
		case c.Caller != nil:
			c.Caller.Replied(c.Token, core.Reply{Err: core.ErrUnknownOutcome})
		case found:
			m.replies.Add(c.Addr, core.Message{
				Kind: core.MsgForwardReply, Group: m.group, From: m.handler.config.Engine.Node,
				To: c.From, Term: c.Term, Token: c.Token,
				Data: engine.AppendReply(nil, c.Index, result),
			})
		}
	}
	m.handler.send(&m.replies)
	m.replies.Reset()
}

// giveUp ends the calls and queries of tasks that will not be done.
func giveUp(tasks []engine.Work) {
	for i := range tasks {
		for _, c := range tasks[i].Calls {
			if c.Caller != nil {
				c.Caller.Replied(c.Token, core.Reply{Err: core.ErrUnknownOutcome})
			}
		}
		for _, q := range tasks[i].Queries {
			q.Caller.Replied(q.Token, core.Reply{Err: core.ErrClosed})
		}
	}
}

// abandon ends what was gathered and never began.
func (m *machine) abandon() {
	giveUp(m.gathering)
	m.gathering = nil
	for _, t := range m.snapshot {
		t.snapshot.Release()
	}
	m.snapshot = nil
}
