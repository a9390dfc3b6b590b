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

// target answers every request some time after it is waited for, and counts.
type target struct {
	takes      time.Duration
	mu         sync.Mutex
	puts, gets int
	keys       map[string]bool
	batches    []int // puts in each
	fail       bool
	open, most atomic.Int64
}

type answer struct{ t *target }

var errFake = errors.New("no")

// Wait implements system.Future.
func (a answer) Wait() error {
	<-time.After(a.t.takes)
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

// PutAll implements system.Target.
func (t *target) PutAll(b system.Batch) system.Future {
	n := 0
	for len(b) > 0 {
		key, _, rest, ok := b.Next()
		if !ok {
			panic("torn")
		}
		t.mu.Lock()
		if t.keys == nil {
			t.keys = make(map[string]bool)
		}
		t.keys[string(key)] = true
		t.mu.Unlock()
		b = rest
		n++
	}
	t.mu.Lock()
	t.batches = append(t.batches, n)
	t.mu.Unlock()
	return t.ask(new(int))
}

// Get implements system.Target.
func (t *target) Get(string) system.Future { return t.ask(&t.gets) }

// Close implements system.Target.
func (t *target) Close() error { return nil }

// measure runs a workload in virtual time: 20 ms of answers that take one each.
func measure(t *testing.T, asked *target, w Workload) (r Result) {
	asked.takes = time.Millisecond
	synctest.Test(t, func(*testing.T) { r = Run(asked, w, setting()) })
	return r
}

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
		r := measure(t, asked, w)
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
	r := measure(t, asked, Workload{Clients: 1, Window: 1})
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
	s.Keys = 10_000
	err := Fill(asked, s)
	if err != nil || len(asked.keys) != s.Keys || asked.most.Load() > 64 {
		t.Errorf("got %v, %d keys, %d open", err, len(asked.keys), asked.most.Load())
	}
	if err := Write(asked, s, 5000); err != nil || asked.puts != 5000 || asked.open.Load() != 0 {
		t.Errorf("got %v, %d puts", err, asked.puts)
	}
}

// TestBatchesCountTheirPuts has rates count puts, and a request be a command.
func TestBatchesCountTheirPuts(t *testing.T) {
	asked := new(target)
	r := measure(t, asked, Workload{Clients: 2, Window: 4, Batch: BatchPuts})
	if r.Count == 0 || r.Count%BatchPuts != 0 || int(r.Count) > len(asked.batches)*BatchPuts ||
		r.CPU != 1e6/float64(r.Count) {
		t.Errorf("got %+v of %d batches", r, len(asked.batches))
	}
	for _, n := range asked.batches {
		if n != BatchPuts {
			t.Fatalf("a batch has %d puts, want %d", n, BatchPuts)
		}
	}
}

// stalling answers at once, but for a time in which it takes nothing.
type stalling struct {
	target
	from, to time.Time
}

// Put implements system.Target.
func (s *stalling) Put(string, []byte) system.Future {
	if now := time.Now(); now.After(s.from) && now.Before(s.to) {
		<-time.After(s.to.Sub(now))
	}
	return due{time.Now()}
}

// TestSteadyMeasuresFromWhenAWriteIsDue writes for a second, 100 ms of which nothing is taken: the
// writes that were due then are late, though they are answered as soon as they are taken.
func TestSteadyMeasuresFromWhenAWriteIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		s := &stalling{from: begin.Add(499 * time.Millisecond), to: begin.Add(600 * time.Millisecond)}
		done := make(chan struct{})
		time.AfterFunc(time.Second+time.Microsecond, func() { close(done) })
		r := Steady(s, setting(), 1000, done)
		if r.Count != 1001 || r.Longest != 100*time.Millisecond || r.Errors != 0 ||
			r.P99 < 80*time.Millisecond || r.P99 > r.Longest {
			t.Errorf("got %+v", r)
		}
	})
}

func TestSteadyTellsOfErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		done := make(chan struct{})
		time.AfterFunc(10*time.Millisecond, func() { close(done) })
		r := Steady(&target{fail: true}, setting(), 1000, done)
		if r.Errors == 0 || r.Errors != r.Count || !errors.Is(r.Cause, errFake) {
			t.Errorf("got %+v", r)
		}
	})
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
