// Package timekeeper has a machine's timers fire when they are due.
//
// Timers are replicated state, and firing one is a command in the log; what is left to do is to
// propose that command in time. Every node runs a Keeper for its replica, and every one submits the
// command when it is due, to its own node only: the leader accepts it, the others are refused, and
// ask again at a slow pace for as long as the timer is overdue. So a new leader needs not be told
// that it is one. A Keeper without a timer sleeps until the machine tells it of one.
package timekeeper

import (
	"errors"
	"sync"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
)

// Machine has timers; *scripting.Machine is one.
type Machine interface {
	// NextTimer is when the first timer is due, in milliseconds since 1970; ok: there is one.
	NextTimer() (ms int64, ok bool)
	// OnTimer has f called when that has changed.
	OnTimer(f func())
}

// Clock is the part of a core.Clock that tells the time of day.
type Clock interface {
	Wall() int64 // Unix nanoseconds
}

const (
	// follow is how long to wait after another node was found to lead.
	follow = 200 * time.Millisecond
	// retry is how long to wait after the node had no room, or did not know what became of it.
	retry = 50 * time.Millisecond
	// again is how long to wait after firing left the first timer as it was.
	again = 10 * time.Millisecond
	// maxSleep is when to look at the clock again, which may have been set.
	maxSleep = time.Minute
)

// Keeper watches the timers of one replica.
type Keeper struct {
	group   core.GroupID
	machine Machine
	changed chan struct{}   // has room for one
	replies chan core.Reply // has room for one, and one is outstanding at most

	start sync.Once
	stop  chan struct{} // closed by Close
	close sync.Once
	ended chan struct{} // closed when the goroutine has ended
}

// New returns a Keeper of a machine that has not been used yet. It does nothing before Start.
func New(group core.GroupID, m Machine) *Keeper {
	k := &Keeper{
		group: group, machine: m,
		changed: make(chan struct{}, 1), replies: make(chan core.Reply, 1),
		stop: make(chan struct{}), ended: make(chan struct{}),
	}
	m.OnTimer(k.wake)
	return k
}

// Start lets it submit commands to a node. Only the first call counts.
func (k *Keeper) Start(s core.Service, c Clock) {
	k.start.Do(func() { go k.run(s, c) }) // ended by Close, or by the node's end
}

// Close ends the Keeper and waits until it has. It is called while the node still answers, or after
// the node has answered everything.
func (k *Keeper) Close() {
	k.close.Do(func() { close(k.stop) })
	k.start.Do(func() { close(k.ended) }) // never started
	<-k.ended
}

// wake never blocks: the machine calls it while it applies.
func (k *Keeper) wake() {
	select {
	case k.changed <- struct{}{}:
	default:
	}
}

// Replied takes the outcome of the command; see core.Caller.
func (k *Keeper) Replied(_ uint64, r core.Reply) { k.replies <- r }

func (k *Keeper) run(s core.Service, c Clock) {
	defer close(k.ended)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var asked int64         // the timer for which the command is under way
	var waiting bool        // for a reply
	var notBefore time.Time // no command is submitted earlier
	for {
		select {
		case <-k.stop:
			return
		case <-k.changed:
		case <-timer.C:
		case r := <-k.replies:
			if errors.Is(r.Err, core.ErrClosed) {
				return
			}
			waiting, notBefore = false, time.Now().Add(k.pause(r, asked))
		}
		ms, ok := k.machine.NextTimer()
		switch wait := max(until(ms, c), time.Until(notBefore)); {
		case waiting || !ok:
			timer.Stop()
		case wait > 0:
			timer.Reset(wait)
		default:
			waiting, asked = true, ms
			timer.Stop()
			s.Submit([]core.Request{{
				Group: k.group, Kind: core.RequestCommand, Local: true, Data: scripting.Fire(), Caller: k,
			}})
		}
	}
}

// until is how long it is until a time of day, or until the clock should be looked at again.
func until(ms int64, c Clock) time.Duration {
	now := c.Wall()
	switch {
	case ms <= now/1e6:
		return 0
	case ms > now/1e6+maxSleep.Milliseconds():
		return maxSleep
	}
	return time.Duration(ms*1e6 - now)
}

// pause is how long to wait after a reply.
func (k *Keeper) pause(r core.Reply, asked int64) time.Duration {
	ms, ok := k.machine.NextTimer()
	switch {
	case errors.Is(r.Err, core.ErrNotLeader):
		return follow
	case r.Err != nil:
		return retry
	case r.Result.Failure != nil || ok && ms == asked:
		return again
	}
	return 0
}
