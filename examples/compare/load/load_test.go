package load

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.org/compare/system"
)

// target answers every request when it is waited for, and counts.
type target struct {
	mu         sync.Mutex
	puts, gets int
	fail       bool
	open, most atomic.Int64
}

type answer struct{ t *target }

var errFake = errors.New("no")

// Wait implements system.Future.
func (a answer) Wait() error {
	a.t.open.Add(-1)
	if a.t.fail {
		return errFake
	}
	return nil
}

func (t *target) ask(n *int) system.Future {
	open := t.open.Add(1)
	for most := t.most.Load(); open > most && !t.most.CompareAndSwap(most, open); {
		most = t.most.Load()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	*n++
	return answer{t}
}

// Put implements system.Target.
func (t *target) Put(string, []byte) system.Future { return t.ask(&t.puts) }

// Get implements system.Target.
func (t *target) Get(string) system.Future { return t.ask(&t.gets) }

// Close implements system.Target.
func (t *target) Close() error { return nil }

func setting() Setting {
	spent := time.Duration(0)
	return Setting{Duration: 20 * time.Millisecond, Keys: 10, ValueBytes: 4,
		CPU: func() time.Duration { spent += time.Second; return spent }}
}

func TestRunCountsWhatIsAnswered(t *testing.T) {
	for _, w := range []Workload{
		{Name: "closed", Clients: 3, Window: 1}, {Name: "open", Clients: 2, Window: 16},
		{Name: "reads", Clients: 2, Window: 1, Read: true},
	} {
		asked := new(target)
		r := Run(asked, w, setting())
		total := asked.puts + asked.gets
		if r.Workload != w.Name || r.Count == 0 || int(r.Count) > total || r.Errors != 0 ||
			r.P50 > r.P99 || r.P99 > r.Max || r.CPU != 1e6/float64(r.Count) {
			t.Errorf("%s: got %+v of %d", w.Name, r, total)
		}
		if most := int(asked.most.Load()); most > w.Clients*w.Window {
			t.Errorf("%s: %d requests were open, want %d at most", w.Name, most, w.Clients*w.Window)
		}
		if asked.open.Load() != 0 || (asked.gets > 0) != w.Read || (asked.puts > 0) == w.Read {
			t.Errorf("%s: %d open at the end, %d puts, %d gets", w.Name, asked.open.Load(), asked.puts,
				asked.gets)
		}
	}
}

// slow answers after a millisecond.
type slow struct{ target }

// due is a Future that is settled then.
type due struct{ time.Time }

// Wait implements system.Future.
func (d due) Wait() error { <-time.After(time.Until(d.Time)); return nil }

// Put implements system.Target.
func (s *slow) Put(string, []byte) system.Future { return due{time.Now().Add(time.Millisecond)} }

// TestOnlyWhatEndsInTimeCounts measures 20 ms of virtual time after 10 that do not count.
func TestOnlyWhatEndsInTimeCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := setting()
		s.WarmUp = 10 * time.Millisecond
		for window, want := range map[int]uint64{1: 20, 8: 160} {
			r := Run(new(slow), Workload{Clients: 1, Window: window}, s)
			if r.Count != want || r.Rate != float64(want)*50 {
				t.Errorf("window %d: got %+v, want %d", window, r, want)
			}
		}
	})
}

func TestRunTellsOfErrors(t *testing.T) {
	asked := &target{fail: true}
	r := Run(asked, Workload{Clients: 1, Window: 1}, setting())
	if r.Count != 0 || int(r.Errors) != asked.puts || r.Cause != errFake.Error() {
		t.Errorf("got %+v of %d", r, asked.puts)
	}
	if err := Fill(asked, setting()); !errors.Is(err, errFake) {
		t.Errorf("fill: got %v", err)
	}
}

func TestFillWritesEveryKey(t *testing.T) {
	asked := new(target)
	s := setting()
	s.Keys = 1200
	if err := Fill(asked, s); err != nil || asked.puts != 1200 || asked.most.Load() > 512 {
		t.Errorf("got %v, %d puts, %d open", err, asked.puts, asked.most.Load())
	}
}

func TestLazyIsStartedBesideTheCaller(t *testing.T) {
	began, release := make(chan bool), make(chan error)
	f := started(system.Lazy(func() error { began <- true; return <-release }))
	<-began
	release <- errFake
	if err := f.Wait(); !errors.Is(err, errFake) {
		t.Errorf("got %v", err)
	}
}
