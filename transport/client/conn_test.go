package client

import (
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidelock-raft/tidelock/transport/api/wire"
)

// TestEveryExchangeEndsAtItsDeadline starts exchanges whose deadlines come in any order, on a
// connection to nobody: one timer serves them all, those that were sent and those that were not.
func TestEveryExchangeEndsAtItsDeadline(t *testing.T) {
	const window, exchanges = 10, 40
	random := rand.New(rand.NewPCG(1, 2))
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		defer there.Close()
		c := newConn(here, "nobody", wire.Welcome{Window: window})
		var waiting sync.WaitGroup
		begun := time.Now()
		for n := range exchanges {
			x, limit := newExchange().(*exchange), time.Duration(1+random.IntN(500))*time.Millisecond
			if err := c.start(x, begun.Add(limit)); err != nil {
				t.Fatal(err)
			}
			waiting.Go(func() {
				<-x.done
				if got := time.Since(begun); got != limit || x.err != errExpired || x.sent() != (n < window) {
					t.Errorf("exchange %d ended after %v (%v, sent: %v), want %v", n, got, x.err, x.sent(), limit)
				}
			})
			if n == window+5 {
				c.collect(nil)
			}
		}
		waiting.Wait()
		if len(c.waiting) != c.head || len(c.pending) > 0 || !c.wake.IsZero() {
			t.Errorf("left: %d waiting, %d sent, wake %v", len(c.waiting)-c.head, len(c.pending), c.wake)
		}
		c.fail(errParted)
	})
}
