package client

import (
	"bytes"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
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
		c.withdraw()
		if len(c.waiting) != c.head || c.flight.count > 0 || len(c.out) > 0 || !c.wake.IsZero() {
			t.Errorf("left: %d waiting, %d in flight, %d bytes to send, wake %v",
				len(c.waiting)-c.head, c.flight.count, len(c.out), c.wake)
		}
		c.fail(errParted)
	})
}

// TestWriterOutlivesCancelledExchanges cancels what the writer is about to send: it waits for more,
// as only a failed connection leaves it with nothing.
func TestWriterOutlivesCancelledExchanges(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	c := newConn(here, "nobody", wire.Welcome{Window: 10})
	defer c.fail(errParted)
	for n := range 1000 {
		sent := make(chan int)
		go func() { sent <- len(c.collect(nil)) }() // ends with the second exchange
		for _, cancelled := range []bool{true, false} {
			x := newExchange().(*exchange)
			if err := c.start(x, time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			runtime.Gosched()
			if cancelled {
				c.cancel(x, errExpired)
			}
		}
		if got := <-sent; got == 0 {
			t.Fatalf("round %d: the writer returned with nothing", n)
		}
		for len(c.out) > 0 { // it sent the first, before that was cancelled
			c.collect(nil)
		}
		c.flight.slots, c.flight.count = nil, 0
	}
}

// TestValuesAreTheirOwn overwrites the buffer that values came in, and appends to each.
func TestValuesAreTheirOwn(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	replies := make([]wire.Reply, maxBurst)
	var want [][]byte
	for i := range replies {
		size := []int{0, 1, 100, sharedBytes, sharedBytes + 1}[random.IntN(5)]
		replies[i].Value = bytes.Repeat([]byte{byte(i)}, size)
		want = append(want, bytes.Clone(replies[i].Value))
	}
	buffers := slices.Clone(replies)
	own(replies)
	for i := range replies {
		clear(buffers[i].Value)
		_ = append(replies[i].Value, 0xff)
	}
	for i := range replies {
		if got := replies[i].Value; !bytes.Equal(got, want[i]) {
			t.Errorf("value %d: got %d bytes, %x, want %d, %x", i, len(got), got, len(want[i]), want[i])
		}
	}
}
