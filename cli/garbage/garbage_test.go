package garbage

import (
	"runtime"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"
)

// kept is on the heap, whatever the compiler knows of it.
var kept []byte

// setting is the one that counts now.
func setting() int {
	now := debug.SetGCPercent(100)
	debug.SetGCPercent(now)
	return now
}

func TestPercentFallsAsMoreIsInUse(t *testing.T) {
	for live, want := range map[uint64][3]int{ // for one that is busy, has some to do, and little
		0: {800, 800, 800}, 4 << 20: {800, 800, 800}, 128 << 20: {300, 50, 25},
		256 << 20: {100, 25, 12}, 384 << 20: {50, 16, 12}, 64 << 30: {50, 12, 12},
	} {
		var got [3]int
		for i, rate := range []uint64{1 << 40, 64 << 20, 0} {
			given := tender{whole: whole, rate: rate}
			got[i] = given.percent(live)
			if max(got[i]-want[i], want[i]-got[i]) > 1 { // it is rounded
				t.Errorf("%d bytes: got %d, want %d", live, got, want)
				break
			}
		}
	}
}

func TestNodesHaveRoomEach(t *testing.T) {
	one, three := tender{whole: whole, rate: 1 << 40}, tender{whole: 3 * whole, rate: 1 << 40}
	if a, b := one.percent(256<<20), three.percent(256<<20); a != 100 || b != 500 {
		t.Errorf("got %d for one node and %d for three, want 100 and 500", a, b)
	}
}

// TestGarbageOfABurstIsReturned once it is over, and not before.
func TestGarbageOfABurstIsReturned(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	runtime.GC()
	const step = 1 << 20
	tender := tender{last: look(), whole: whole, now: highest}
	for range 200 {
		kept = make([]byte, step)
	}
	kept = nil
	begun := look()
	tender.tend(begun)
	if h := look(); h.there < begun.there-step {
		t.Errorf("%d bytes were there in the burst, then %d", begun.there, h.there)
	}
	debug.SetGCPercent(highest) // the runtime returns nothing while it does not collect
	looks := 1
	for ; tender.runs == 0; looks++ {
		if looks > 100 {
			t.Fatalf("nothing was collected, rate %d", tender.rate)
		}
		h := look()
		h.allocated = begun.allocated
		tender.tend(h)
	}
	if over := time.Duration(looks) * period; over < 2*time.Second || over > 15*time.Second {
		t.Errorf("it was taken to be over after %v", over)
	}
	late := time.Now().Add(2 * time.Minute)
	for h := look(); h.there+h.free > begun.there-150*step; h = look() {
		if time.Now().After(late) {
			t.Fatalf("%d bytes are there still, %d free, after %d runs", h.there, h.free, tender.runs)
		}
		h.allocated = begun.allocated
		tender.tend(h)
		<-time.After(time.Millisecond)
	}
	if tender.runs > enough {
		t.Errorf("it was collected %d times", tender.runs)
	}
}

// TestSettingFollowsWhatIsInUse holds much memory for a while.
func TestSettingFollowsWhatIsInUse(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	was := setting()
	synctest.Test(t, func(t *testing.T) {
		stop := Tend(1)
		little := setting()
		held := make([]byte, 256<<20)
		runtime.GC()
		<-time.After(2 * period)
		synctest.Wait()
		if much := setting(); much >= little || much > 100 {
			t.Errorf("got %d with little in use and %d with much", little, much)
		}
		runtime.KeepAlive(held)
		stop()
	})
	if got := setting(); got != was {
		t.Errorf("got %d when it was stopped, want %d", got, was)
	}
}

func TestWhatTheUserSaysWins(t *testing.T) {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GOGC", "")
			t.Setenv("GOMEMLIMIT", "")
			t.Setenv(name, "80")
			was := setting()
			stop := Tend(1)
			if got := setting(); got != was {
				t.Errorf("got %d, want %d", got, was)
			}
			stop()
		})
	}
}
