package sim

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tidelock-raft/tidelock/core"
)

// Outcome is what a run came to.
type Outcome struct {
	Options  Options
	Trace    uint64 // hash of everything that happened: equal for equal options
	Report   Report
	Coverage Coverage
	Schedule Schedule
	History  History
	Err      error // nil, a *Violation, or one that wraps ErrStuck
}

// Run runs a world: the script is put into its log, clients ask and faults happen for a while;
// then a majority is healed, which has to get on with its work whatever the others do; in the end
// all replicas are compared. The default checkers watch, and extra ones.
//
// The faults are those of o.Schedule, or drawn from the seed if that is nil.
func Run(o Options, extra ...Observer) *Outcome {
	o = o.withDefaults()
	if o.Script == nil {
		src := Registers()
		o.Script = &src
	}
	if o.Schedule == nil {
		o.Schedule = DrawSchedule(o)
	}
	w := build(o)
	w.watch(extra...)
	w.supervised = true
	err := w.boot()
	if err == nil {
		err = w.play()
	}
	if w.violation != nil {
		err = w.violation
	}
	return &Outcome{Options: o, Trace: w.trace, Report: w.Report, Coverage: w.Coverage,
		Schedule: o.Schedule, History: w.History, Err: err}
}

// watch has the default checkers watch, and extra observers after them.
func (w *World) watch(extra ...Observer) {
	w.observers = Checkers(w)
	for _, o := range w.observers {
		if s, ok := o.(*shadow); ok {
			w.shadow = s
		}
	}
	w.observers = append(append(w.observers, newWatcher(w, w.shadow)), extra...)
}

func (w *World) play() error {
	if err := w.Install(Minute); err != nil {
		return err
	}
	workload := w.Options.Workload
	if workload == nil {
		workload = DefaultWorkload
	}
	w.StartClients(workload(w))
	start := w.now
	w.closing = start + w.Options.Span - Second
	for _, f := range w.Options.Schedule {
		f.At, f.Until = f.At+start, f.Until+start
		w.Inflict(f)
	}
	if err := w.Run(w.Options.Span); err != nil {
		return err
	}
	return w.recover()
}

// Failed reports whether the run broke a rule or came to a halt.
func (o *Outcome) Failed() bool { return o.Err != nil }

// Rule names the rule that was broken, "liveness" if there was no progress, and is empty if all is
// well.
func (o *Outcome) Rule() string {
	if o.Err == nil {
		return ""
	}
	if v, ok := o.Err.(*Violation); ok {
		return v.Rule
	}
	return "liveness"
}

// String says what it takes to see the run again.
func (o *Outcome) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v\ntrace=%016x %+v\n", o.Options, o.Trace, o.Report)
	if o.Err != nil {
		fmt.Fprintf(&b, "%v\nschedule:\n%v", o.Err, o.Schedule)
	}
	return b.String()
}

// revive starts a host that is down, and tries again for as long as that does not work.
func (h *Host) revive() {
	if h.Up() || h.rotten {
		return
	}
	err := h.Start()
	if err == nil {
		return
	}
	h.w.reached(StateUnstarted)
	if h.suspect && errors.Is(err, core.ErrCorrupt) {
		h.rotten = true
	} else if h.w.supervised {
		h.again()
	}
}

// again has the supervisor start the host in a while.
func (h *Host) again() {
	incarnation := h.incarnation
	wait := Second/10 + core.Instant(h.w.schedule.Int64N(int64(2*Second)))
	h.w.After(wait, func() {
		if h.incarnation == incarnation {
			h.revive()
		}
	})
}

// restart ends a host and starts it again.
func (h *Host) restart(how StopKind) {
	h.end(how)
	h.revive()
}

// end stops a host; it may be in the midst of an operation of its disk.
func (h *Host) end(how StopKind) {
	if how == StopPower {
		h.Power()
	} else {
		h.Kill()
	}
}
