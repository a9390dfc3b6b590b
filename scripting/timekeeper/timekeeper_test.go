package timekeeper

import (
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidelock-raft/tidelock/core"
)

// fake is a machine with one timer, its node, and its clock, all in the time of the test.
type fake struct {
	mu     sync.Mutex
	due    int64
	set    bool
	leads  bool
	ahead  time.Duration // of the wall clock
	err    error         // what else the node answers
	tell   func()
	asked  []time.Time
	fired  []time.Time
	silent bool // firing changes nothing
}

func (f *fake) NextTimer() (int64, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.due, f.set
}

func (f *fake) OnTimer(tell func())     { f.tell = tell }
func (f *fake) Wall() int64             { return time.Now().Add(f.ahead).UnixNano() }
func (f *fake) Status() core.NodeStatus { return core.NodeStatus{} }

func (f *fake) Submit(requests []core.Request) {
	for _, r := range requests {
		r.Caller.Replied(r.Token, f.answer(r))
	}
}

func (f *fake) answer(r core.Request) core.Reply {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, time.Now())
	switch {
	case r.Group != 7 || !r.Local || r.Kind != core.RequestCommand:
		return core.Reply{Err: core.ErrNoGroup}
	case f.err != nil:
		return core.Reply{Err: f.err}
	case !f.leads:
		return core.Reply{Err: &core.NotLeaderError{}}
	}
	if !f.silent {
		f.set = false
		f.fired = append(f.fired, time.Now())
	}
	return core.Reply{}
}

// at sets the timer.
func (f *fake) at(due time.Time) {
	f.do(func() { f.due, f.set = due.UnixMilli(), true })
	f.tell()
}

// do changes or reads it.
func (f *fake) do(what func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	what()
}

// count is how often the command was submitted, and how often it fired.
func (f *fake) count() (asked, fired int) {
	f.do(func() { asked, fired = len(f.asked), len(f.fired) })
	return asked, fired
}

// advance lets time pass and everything happen that is to happen in it.
func advance(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func run(t *testing.T, f *fake, test func(t *testing.T)) {
	synctest.Test(t, func(t *testing.T) {
		k := New(7, f)
		k.Start(f, f)
		defer k.Close()
		synctest.Wait()
		test(t)
	})
}

func TestFiresWhenDueAndNeverBefore(t *testing.T) {
	f := &fake{leads: true}
	run(t, f, func(t *testing.T) {
		began := time.Now()
		f.at(began.Add(3 * time.Hour))
		advance(time.Second)
		f.at(began.Add(5 * time.Second)) // sooner
		advance(3900 * time.Millisecond)
		if asked, _ := f.count(); asked != 0 {
			t.Fatal("asked before the timer was due")
		}
		advance(100 * time.Millisecond)
		f.do(func() {
			if len(f.fired) != 1 || f.fired[0].Sub(began) != 5*time.Second {
				t.Fatalf("fired at %v, want after 5s", f.fired)
			}
		})
		advance(24 * time.Hour)
		if asked, _ := f.count(); asked != 1 {
			t.Errorf("asked %d times without a timer", asked-1)
		}
		f.at(time.UnixMilli(-1 << 53)) // long ago
		synctest.Wait()
		if _, fired := f.count(); fired != 2 {
			t.Errorf("an overdue timer: fired %d times, want 2", fired)
		}
	})
}

func TestFollowerAsksSlowlyUntilItLeads(t *testing.T) {
	f := &fake{}
	run(t, f, func(t *testing.T) {
		f.at(time.Now().Add(time.Second))
		advance(11 * time.Second)
		if n, _ := f.count(); n < 40 || n > 52 {
			t.Errorf("a follower asked %d times in ten seconds, want about 50", n)
		}
		f.do(func() { f.leads = true })
		advance(follow)
		if _, fired := f.count(); fired != 1 {
			t.Fatalf("the new leader fired %d timers, want 1", fired)
		}
	})
}

func TestChangesDoNotHurryAFollower(t *testing.T) {
	f := &fake{}
	run(t, f, func(t *testing.T) {
		for range 1000 {
			f.at(time.Now())
			advance(time.Millisecond)
		}
		if n, _ := f.count(); n > 6 {
			t.Errorf("asked %d times in a second", n)
		}
	})
}

func TestRetriesWhatIsNotKnownToHaveHappened(t *testing.T) {
	for _, err := range []error{core.ErrBusy, core.ErrUnknownOutcome} {
		f := &fake{leads: true, err: err}
		run(t, f, func(t *testing.T) {
			f.at(time.Now())
			advance(time.Second)
			if n, _ := f.count(); n < 15 || n > 21 {
				t.Errorf("%v: asked %d times in a second", err, n)
			}
			f.do(func() { f.err = nil })
			advance(retry)
			if _, fired := f.count(); fired != 1 {
				t.Errorf("%v: not fired", err)
			}
		})
	}
}

// TestFiringThatChangesNothingDoesNotSpin is about a log whose clock is behind the node's.
func TestFiringThatChangesNothingDoesNotSpin(t *testing.T) {
	f := &fake{leads: true, silent: true}
	run(t, f, func(t *testing.T) {
		f.at(time.Now())
		advance(time.Second)
		if n, _ := f.count(); n < 90 || n > 101 {
			t.Errorf("asked %d times in a second", n)
		}
	})
}

// TestClockThatIsSetForwardIsNoticed also sets a timer for the end of time.
func TestClockThatIsSetForwardIsNoticed(t *testing.T) {
	f := &fake{leads: true}
	run(t, f, func(t *testing.T) {
		f.do(func() { f.due, f.set = math.MaxInt64-1, true })
		f.tell()
		advance(time.Hour)
		if n, _ := f.count(); n != 0 {
			t.Fatal("fired at the beginning of time")
		}
		f.at(time.Now().Add(10 * time.Hour))
		advance(time.Second)
		f.do(func() { f.ahead = 10 * time.Hour })
		advance(maxSleep)
		if _, fired := f.count(); fired != 1 {
			t.Error("not fired within a minute")
		}
	})
}

func TestEndsWithItsNode(t *testing.T) {
	f := &fake{err: core.ErrClosed}
	run(t, f, func(t *testing.T) {
		f.at(time.Now())
		advance(time.Hour)
		if n, _ := f.count(); n != 1 {
			t.Errorf("asked a closed node %d times", n)
		}
	})
	New(1, f).Close() // never started
}
