package sim

import (
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

func init() {
	register(FaultKill, class{name: "kill", often: 6, least: shortest, most: longest,
		begin: striking(StopKill), end: revive})
	register(FaultKillInside, class{name: "kill inside an operation", often: 6, least: shortest,
		most: longest, draw: drawInside, operation: inside(StopKill), end: revive})
	register(FaultPower, class{name: "power cut", often: 6, least: shortest, most: longest,
		begin: striking(StopPower), end: revive})
	register(FaultPowerInside, class{name: "power cut inside an operation", often: 6,
		least: shortest, most: longest, draw: drawInside, operation: inside(StopPower), end: revive})
	register(FaultPowerTwice, class{name: "power cut during recovery", often: 4, least: shortest,
		most: longest, draw: drawInside, begin: striking(StopPower), end: twice})
	register(FaultPowerAll, class{name: "power cut of several", often: 2, least: shortest,
		most: 10 * Second, draw: drawSet, begin: powerAll, end: reviveAll})
	register(FaultPause, class{name: "pause", often: 6, least: 10 * Millisecond, most: longest,
		begin: pause})
	register(FaultSlowApply, class{name: "slow apply", often: 3, draw: drawSlow})
	register(FaultDrift, class{name: "clock drift", most: Hour, draw: drawDrift, begin: drift,
		end: undrift})
	register(FaultJump, class{name: "wall clock jump", often: 4, draw: drawJump, begin: jump})
	register(FaultSuspend, class{name: "suspend", often: 3, least: 10 * Millisecond, most: longest,
		begin: suspend})
}

// Bounds of how long a host is down or stands still.
const (
	shortest = Second / 10
	longest  = Minute
)

func revive(w *World, a *active) { w.Host(a.Node).revive() }

func drawNothing(*drawer, *Fault) {}

// drawHost leaves it to the instant half of the time: then the leader is struck.
func drawHost(d *drawer, f *Fault) {
	if d.rng.IntN(2) == 0 {
		f.Node = d.host()
	}
}

func drawInside(d *drawer, f *Fault) {
	drawHost(d, f)
	f.Number = 1 + d.rng.Uint64N(40)
}

func striking(how StopKind) func(w *World, a *active) {
	return func(w *World, a *active) {
		if h := w.Host(a.Node); h.Up() {
			w.fired(a.Kind)
			h.end(how)
		}
	}
}

// inside ends the host when its disk is asked for something the Number-th time.
func inside(how StopKind) func(h *Host, a *active, op vfs.Op) error {
	return func(h *Host, a *active, _ vfs.Op) error {
		if a.count++; a.count < a.Number {
			return nil
		}
		a.spent = true
		h.end(how)
		return errCut
	}
}

// twice has the start that follows end in the midst of its work, and the one after that succeed.
func twice(w *World, a *active) {
	h := w.Host(a.Node)
	if h.Up() {
		return
	}
	left, before := a.Number, h.DiskFault
	h.DiskFault = func(vfs.Op) error {
		if left--; left > 0 {
			return nil
		}
		h.DiskFault = before
		w.fired(a.Kind)
		h.end(StopPower)
		return errCut
	}
	h.revive()
	h.DiskFault = before
	h.revive()
}

func drawSet(d *drawer, f *Fault) { f.Number = 1 + d.rng.Uint64N(uint64(1)<<d.options.Nodes-1) }

func powerAll(w *World, a *active) {
	for _, h := range w.Hosts {
		if w.bit(a.Number, h.ID) != 0 && h.Up() {
			w.fired(a.Kind)
			h.Power()
		}
	}
}

func reviveAll(w *World, a *active) {
	for _, h := range w.Hosts {
		if w.bit(a.Number, h.ID) != 0 {
			h.revive()
		}
	}
}

func pause(w *World, a *active) {
	w.fired(a.Kind)
	w.Host(a.Node).Pause(a.Until - a.At)
}

func drawSlow(d *drawer, f *Fault) {
	drawHost(d, f)
	f.Span = d.span(Millisecond, 200*Millisecond)
}

func drawDrift(d *drawer, f *Fault) {
	f.Node = d.host()
	f.Rate = 0.1*d.rng.Float64() - 0.05
}

func drift(w *World, a *active) {
	w.fired(a.Kind)
	w.breaks(max(a.Rate, -a.Rate))
	w.Host(a.Node).Clock.pace(w.now, a.Rate)
}

// breaks notes that a clock is wrong by so much: if that is more than was promised, leases are
// worth nothing from now on, and everything else is worth what it was.
func (w *World) breaks(rate float64) {
	promised := w.Options.Engine.ClockDriftPPM
	if w.broken == 0 && promised > 0 && rate*1e6 > float64(promised) {
		w.broken = w.now
	}
}

func undrift(w *World, a *active) { w.Host(a.Node).Clock.pace(w.now, 0) }

func drawJump(d *drawer, f *Fault) {
	drawHost(d, f)
	f.Span = core.Instant(d.rng.Int64N(int64(10*Hour))) - 5*Hour
}

func jump(w *World, a *active) {
	w.fired(a.Kind)
	w.Host(a.Node).Clock.Jump += int64(a.Span)
}

// suspend has the computer sleep: nothing runs, and the monotonic clock stands still.
func suspend(w *World, a *active) {
	h := w.Host(a.Node)
	w.fired(a.Kind)
	w.breaks(1)
	h.Clock.suspend(w.now, a.Until-a.At)
	h.Pause(a.Until - a.At)
}
