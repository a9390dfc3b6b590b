package node

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidelock-raft/tidelock/core"
)

// strained is a clock by which each look at it takes a millisecond, and that counts the rests.
type strained struct {
	now, rests core.Instant
	during     func() // a rest
}

func (c *strained) Now() core.Instant { c.now += 1e6; return c.now }
func (c *strained) Wall() int64       { return 0 }

func (c *strained) rest(d core.Instant, _, _ <-chan struct{}) {
	c.now, c.rests = c.now+d, c.rests+d
	c.during()
}

func newStrained() (*strained, *pace) {
	c := &strained{during: func() {}}
	h := &Handler{config: Config{Clock: c}, over: make(chan struct{})}
	return c, h.newPace()
}

// write writes so many blocks at the pace.
func (p *pace) write(blocks int) error {
	if err := p.begin(); err != nil {
		return err
	}
	_, err := io.CopyBuffer(
		paced{struct{ io.Writer }{io.Discard}, p},
		struct{ io.Reader }{bytes.NewReader(make([]byte, blocks))}, make([]byte, 1))
	return err
}

// TestSnapshotTakesAnEighthOfTheTime that passes while it is written.
func TestSnapshotTakesAnEighthOfTheTime(t *testing.T) {
	c, p := newStrained()
	if err := p.write(1000); err != nil {
		t.Fatal(err)
	}
	if worked := c.now - c.rests; c.rests < 3*worked || c.rests > restRatio*worked {
		t.Errorf("rests of %d ms beside %d ms of work", c.rests/1e6, worked/1e6)
	}
}

// TestNoRestIsLong, however long the work before has taken.
func TestNoRestIsLong(t *testing.T) {
	c, p := newStrained()
	before := core.Instant(0)
	c.during = func() {
		if c.rests-before > maxRest {
			t.Errorf("a rest of %d ms", (c.rests-before)/1e6)
		}
		before = c.rests
		c.now += 1e9 // of work, until there is a look at the clock
	}
	if err := p.write(10); err != nil || before == 0 {
		t.Fatalf("rests %d, %v", before, err)
	}
}

// TestUrgentSnapshotDoesNotRest from when that is known.
func TestUrgentSnapshotDoesNotRest(t *testing.T) {
	c, p := newStrained()
	c.during = func() { p.hurry(); p.hurry() }
	if err := p.write(1000); err != nil {
		t.Fatal(err)
	}
	if c.rests == 0 || c.rests > restRatio*10e6 {
		t.Errorf("rests of %d ms, want one", c.rests/1e6)
	}
}

// TestNoSnapshotIsBegunWhenTheNodeEnds, nor is one gone on with.
func TestNoSnapshotIsBegunWhenTheNodeEnds(t *testing.T) {
	h := &Handler{config: Config{Clock: NewClock()}, over: make(chan struct{})}
	begun, p := h.newPace(), h.newPace()
	err := begun.begin()
	close(h.over)
	gone := []error{begun.step(), p.write(1)}
	if err != nil || !errors.Is(gone[0], core.ErrClosed) || !errors.Is(gone[1], core.ErrClosed) {
		t.Error("a snapshot is written of a node that ends")
	}
}

// TestRestEnds after its time, when it becomes urgent, and when the node ends.
func TestRestEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := NewClock()
		open, closed := make(chan struct{}), make(chan struct{})
		close(closed)
		for _, test := range []struct {
			haste, over chan struct{}
			want        core.Instant
		}{{open, open, 5e6}, {closed, open, 0}, {open, closed, 0}} {
			began := clock.Now()
			clock.(rester).rest(5e6, test.haste, test.over)
			if took := clock.Now() - began; took != test.want {
				t.Errorf("got %v, want %v", time.Duration(took), time.Duration(test.want))
			}
		}
	})
}
