package sim

import (
	"errors"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
)

// keeper has the timers of a host's machine fire, as the timekeeper does for real nodes: each host
// proposes the command when its first timer is due, and who does not lead is refused and asks
// again. It lives as long as an incarnation.
type keeper struct {
	h           *Host
	incarnation uint32
	asked       int64 // the timer for which the command is under way, ms
	waiting     bool
	notBefore   core.Instant
	looks       uint64 // counts when it was told to look; only the newest counts
}

// The pauses of the timekeeper.
const (
	keeperFollows = Second / 5
	keeperRetries = Second / 20
	keeperAgain   = Second / 100
	keeperSleeps  = Minute
)

// keep gives a host's machine a keeper.
func (h *Host) keep() {
	k := &keeper{h: h, incarnation: h.incarnation}
	h.Machine.OnTimer(func() { k.look(0) })
	k.look(0)
}

// look looks for a timer that is due, in a while.
func (k *keeper) look(wait core.Instant) {
	k.looks++
	number := k.looks
	k.h.w.After(max(wait, k.h.paused-k.h.w.now, 0), func() {
		if k.h.incarnation == k.incarnation && k.looks == number && !k.waiting {
			k.ask()
		}
	})
}

func (k *keeper) ask() {
	ms, ok := k.h.Machine.NextTimer()
	if !ok {
		return // the machine tells when there is one
	}
	due := k.h.Clock.span(core.Instant(ms*int64(Millisecond) - k.h.Wall()))
	if wait := max(min(due, keeperSleeps), k.notBefore-k.h.w.now); wait > 0 {
		k.look(wait)
		return
	}
	k.waiting, k.asked = true, ms
	k.h.Submit(core.Request{Group: core.DefaultGroup, Kind: core.RequestCommand, Local: true,
		Data: scripting.Fire(), Caller: k})
}

// Replied implements core.Caller.
func (k *keeper) Replied(_ uint64, r core.Reply) {
	if k.h.incarnation != k.incarnation {
		return
	}
	ms, ok := k.h.Machine.NextTimer()
	pause := core.Instant(0)
	switch {
	case errors.Is(r.Err, core.ErrNotLeader):
		pause = keeperFollows
	case r.Err != nil:
		pause = keeperRetries
	case r.Result.Failure != nil || ok && ms == k.asked:
		pause = keeperAgain
	default:
		k.h.w.reached(StateFired)
	}
	k.waiting, k.notBefore = false, k.h.w.now+pause
	k.look(pause)
}
