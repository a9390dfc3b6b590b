package garbage

import (
	"runtime"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"
)

// setting is the one that counts now.
func setting() int {
	now := debug.SetGCPercent(100)
	debug.SetGCPercent(now)
	return now
}

func TestPercentFallsAsMoreIsInUse(t *testing.T) {
	for live, want := range map[uint64]int{
		0: 800, 4 << 20: 800, 128 << 20: 300, 256 << 20: 100, 384 << 20: 50, 64 << 30: 50,
	} {
		if got := percent(live); got != want {
			t.Errorf("%d bytes: got %d, want %d", live, got, want)
		}
	}
}

// TestSettingFollowsWhatIsInUse holds much memory for a while.
func TestSettingFollowsWhatIsInUse(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	was := setting()
	synctest.Test(t, func(t *testing.T) {
		stop := Tend()
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
			stop := Tend()
			if got := setting(); got != was {
				t.Errorf("got %d, want %d", got, was)
			}
			stop()
		})
	}
}
