package sim

import (
	"context"
	"log/slog"

	"github.com/tidelock-raft/tidelock/core"
)

// State is something rare that a cluster can come to.
type State uint8

// The rare states.
const (
	StateLeaderChanged State = iota // another host leads than before
	StatePreVoteLost                // a host asked for votes before the vote, and again
	StateVoteLost                   // a candidate campaigned, and again
	StateTruncated                  // a log was cut, to be written anew
	StateOverwritten                // an entry took the place of another
	StateTaken                      // a replica recorded a snapshot of its own
	StateInstalled                  // a snapshot took the place of a log
	StateResumed                    // the transfer of a snapshot went back to where it stood
	StateRefused                    // a snapshot was refused by its receiver
	StateGivenUp                    // the transfer of a snapshot was given up
	StateUnsaved                    // a snapshot could not be written, and the log stayed
	StateLagged                     // a log was cut while another host lacked what was cut off
	StateTorn                       // a log ended in what is no batch
	StateUpkeep                     // upkeep of a log had to wait
	StateFailed                     // a node stopped itself
	StateUnstarted                  // a start failed
	StateUnknown                    // a client never learnt of an outcome
	StateForwardLost                // a command passed on to the leader was lost
	StateBarely                     // a write was acknowledged that just a majority held
	StateReadAcross                 // a read asked under one leader was answered under another
	StateFired                      // a timer of the machine fired
	StateRefilled                   // a voter that had lost its disk was given all again
	StatePromoted                   // a learner that was joining became a voter
	StateJoint                      // a joint membership was committed
	StateInherited                  // a joint membership outlived its leader
	StateDismissed                  // a node learnt that it was removed
	StateLeased                     // a leader answered a read without a word to anybody
	StateBounded                    // another replica did
	StateWaited                     // a read waited until the replica had an entry
	states             = iota
)

var stateNames = [states]string{
	"leader changed", "pre-vote lost", "vote lost", "log truncated", "entry overwritten",
	"snapshot taken", "snapshot installed", "snapshot resumed", "snapshot refused",
	"snapshot given up", "snapshot not written", "compacted under a laggard",
	"torn batch dropped", "upkeep put off", "node stopped itself", "start failed",
	"outcome unknown", "forwarded command lost", "held by just a majority",
	"read across a change of leader", "timer fired", "lost disk filled again",
	"learner promoted itself", "joint membership", "joint membership outlived its leader",
	"removal was told", "read under a lease", "bounded read elsewhere",
	"read waited for its index",
}

// String names the state.
func (s State) String() string { return stateNames[s] }

// reached counts a state.
func (w *World) reached(s State) { w.Coverage.States[s]++ }

// watcher counts the states that can be told from what observers see.
type watcher struct {
	Bystander
	w        *World
	shadow   *shadow
	term     core.Term // of the newest leader
	leader   core.NodeID
	since    core.Instant
	asked    map[core.NodeID]core.Term    // terms of campaigns that are not won
	offered  map[core.NodeID]bool         // pre-votes that are not won
	transfer map[link]int64               // how far the pieces of a snapshot have come
	gone     map[core.NodeID]bool         // who knows that it was removed
	spoke    map[core.NodeID]core.Instant // when a host last asked others whether somebody leads
}

func newWatcher(w *World, s *shadow) *watcher {
	return &watcher{w: w, shadow: s, asked: map[core.NodeID]core.Term{},
		offered: map[core.NodeID]bool{}, transfer: map[link]int64{},
		gone: map[core.NodeID]bool{}, spoke: map[core.NodeID]core.Instant{}}
}

// Sent implements Observer.
func (o *watcher) Sent(h *Host, m *core.Message) {
	switch m.Kind {
	case core.MsgAppend:
		o.led(h, m.Term)
		o.spoke[h.ID] = o.w.now
	case core.MsgReadIndex:
		o.spoke[h.ID] = o.w.now
	case core.MsgPreVote:
		o.offer(h, m)
	case core.MsgVote:
		if before := o.asked[h.ID]; before != 0 && before < m.Term {
			o.w.reached(StateVoteLost)
		}
		o.asked[h.ID], o.offered[h.ID] = m.Term, false
	case core.MsgSnapshotChunk:
		l := link{h.ID, m.To}
		if m.Offset > 0 && m.Offset < o.transfer[l] {
			o.w.reached(StateResumed)
		}
		o.transfer[l] = m.Offset + int64(len(m.Data))
	}
}

// offer sees the first of the messages of a pre-vote, which go to all hosts at once.
func (o *watcher) offer(h *Host, m *core.Message) {
	if first := o.w.Hosts[0]; m.To != first.ID && (h != first || m.To != first.ID+1) {
		return
	}
	if o.offered[h.ID] {
		o.w.reached(StatePreVoteLost)
	}
	o.offered[h.ID] = true
}

// led sees who leads.
func (o *watcher) led(h *Host, term core.Term) {
	if term <= o.term {
		return
	}
	if o.leader != 0 && o.leader != h.ID {
		o.w.reached(StateLeaderChanged)
		if o.shadow.newest.Joint() {
			o.w.reached(StateInherited)
		}
	}
	o.w.Report.Elected++
	o.term, o.leader, o.since = term, h.ID, o.w.now
	o.asked[h.ID], o.offered[h.ID] = 0, false
}

// Stepped implements Observer.
func (o *watcher) Stepped(h *Host) {
	if !o.gone[h.ID] && o.shadow.seen(h).Role == "removed" {
		o.gone[h.ID] = true
		o.w.reached(StateDismissed)
	}
}

// Writing implements Observer. It is told before the shadow learns what is written.
func (o *watcher) Writing(h *Host, batch []core.Update) {
	d := o.shadow.disk(h.ID)
	for i := range batch {
		u := &batch[i]
		if len(u.Entries) > 0 && u.Install == nil && u.Entries[0].Index <= d.last().Index {
			o.w.reached(StateTruncated)
			if e := d.entry(u.Entries[0].Index); e != nil && e.Term != u.Entries[0].Term {
				o.w.reached(StateOverwritten)
			}
		}
		if u.Install != nil && u.Install.Size > 0 {
			o.w.reached(StateInstalled)
		}
		if u.Snapshot != nil {
			o.w.reached(StateTaken)
		}
		for _, other := range o.w.Hosts {
			if u.Compact > o.shadow.disk(other.ID).last().Index {
				o.w.reached(StateLagged)
			}
		}
	}
}

// Stopped implements Observer.
func (o *watcher) Stopped(_ *Host, how StopKind) {
	if how == StopFailed {
		o.w.reached(StateFailed)
	}
}

// Ended implements Observer.
func (o *watcher) Ended(op *Operation) {
	switch {
	case op.Fate == Unknown:
		o.w.reached(StateUnknown)
	case op.Fate != Acked:
	case op.Query:
		o.queried(op)
	default:
		held, voters := 0, o.shadow.newest.With(core.Voter)
		for _, id := range voters {
			if o.shadow.disk(id).last().Index >= op.Reply.Index {
				held++
			}
		}
		if held == len(voters)/2+1 && held < len(voters) {
			o.w.reached(StateBarely)
		}
	}
}

// queried sees how a query was answered.
func (o *watcher) queried(op *Operation) {
	alone := o.spoke[op.Host] < op.Call
	leads := o.shadow.seen(o.w.Host(op.Host)).Role == "leader"
	switch {
	case op.Level == core.Linearizable && op.Call < o.since && o.since < op.Return:
		o.w.reached(StateReadAcross)
	case op.Level == core.Lease && leads && alone:
		o.w.reached(StateLeased)
	case op.Level == core.Bounded && !leads && alone:
		o.w.reached(StateBounded)
	}
	if op.waits {
		o.w.reached(StateWaited)
	}
}

// logStates are states that production itself tells of, in its log.
var logStates = map[string]State{
	"the log ends in a batch that was not finished; it is dropped": StateTorn,
	"the log was not closed":       StateTorn,
	"upkeep of the log is put off": StateUpkeep,
	"snapshot refused":             StateRefused,
	"snapshot transfer given up":   StateGivenUp,
	"snapshot":                     StateUnsaved,
}

// watchedLog is a slog.Handler that counts.
type watchedLog struct{ w *World }

// Enabled implements slog.Handler.
func (watchedLog) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

// Handle implements slog.Handler.
func (l watchedLog) Handle(_ context.Context, r slog.Record) error {
	if s, ok := logStates[r.Message]; ok {
		l.w.reached(s)
	}
	return nil
}

// WithAttrs implements slog.Handler.
func (l watchedLog) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup implements slog.Handler.
func (l watchedLog) WithGroup(string) slog.Handler { return l }
