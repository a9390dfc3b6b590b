package engine

import (
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// TestCohort: what has gathered when the own write ends goes when the rest has come, when nothing
// is on its way to who answers, or when it has waited for long enough.
func TestCohort(t *testing.T) {
	for name, c := range map[string]struct {
		more  []uint64 // commands that come when the first two are durable here
		cut   bool     // the followers are not heard
		count []int    // of what is proposed in the steps from then on
	}{
		"all that were outstanding":  {more: []uint64{3, 4}, count: []int{2, 0, 0}},
		"one, until all is answered": {more: []uint64{3}, count: []int{0, 1, 0}},
		"one, and nobody answers":    {more: []uint64{3}, cut: true, count: []int{0, 0, 0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, Config{}, 1, 2, 3)
			d, n := p.lead(), notes{}
			for _, other := range p.desks {
				p.cut[other.engine.config.Node] = c.cut && other != d
			}
			d.ask(n, command(1, 0))
			d.ask(n, command(2, 0))
			if p.step(); d.proposed() != 2 {
				t.Fatalf("%d commands were proposed, want 2", d.proposed())
			}
			for _, token := range c.more {
				d.ask(n, command(token, 0))
			}
			for i, want := range c.count {
				if p.step(); d.proposed() != want {
					t.Errorf("step %d: %d commands were proposed, want %d", i, d.proposed(), want)
				}
			}
			clear(p.cut)
			p.until("answers", func() bool { return len(n) == 2+len(c.more) })
		})
	}
}

// TestWaitingInVainIsPunished by ever more batches that do without, until it was not in vain.
func TestWaitingInVainIsPunished(t *testing.T) {
	c, now := cohort{}, core.Instant(1)
	// batch proposes ten commands, of ten outstanding, a while after their write has ended.
	batch := func(later core.Instant) (waits bool) {
		c.proposed(now, 1, 10)
		now += 100
		c.wrote(now)
		waits = c.waits(now, 1)
		now += later
		return waits
	}
	skipped := func(later core.Instant) (n int) {
		for !batch(later) {
			n++
		}
		return n
	}
	if got := skipped(300); got != 0 {
		t.Errorf("%d batches did not wait to begin with", got)
	}
	for want := 1; want <= 4*maxPenalty; want *= 2 {
		if got := skipped(300); got != min(want, maxPenalty) {
			t.Fatalf("%d batches did not wait, want %d", got, min(want, maxPenalty))
		}
	}
	skipped(299)
	if got := skipped(300); got != 0 {
		t.Errorf("%d batches did not wait after it was of use", got)
	}
	if got := skipped(300); got != 1 {
		t.Errorf("%d batches did not wait, want 1", got)
	}
}

// TestWaitingEndsAfterTheAnswers: who was answered has as long to ask again as the own write took.
func TestWaitingEndsAfterTheAnswers(t *testing.T) {
	c := cohort{}
	c.proposed(100, 2, 2)
	c.answered(105) // by the others, while the own write is still under way
	c.wrote(110)
	for _, at := range []core.Instant{115, 120} {
		c.answered(at)
	}
	for at, want := range map[core.Instant]bool{115: true, 124: true, 125: false, 139: false} {
		if got := c.waits(at, 1); got != want {
			t.Errorf("at %d: got %t, want %t", at, got, want)
		}
	}
}

// TestCohortIsComplete: nobody waits for more than are outstanding, nor for very many.
func TestCohortIsComplete(t *testing.T) {
	for outstanding, enough := range map[int]int{1: 1, 2: 2, 100: 100, 10_000: maxCohort} {
		c := cohort{}
		c.proposed(1, outstanding, outstanding)
		c.wrote(2)
		for have := range outstanding + 2 {
			if got, want := c.waits(3, have), 0 < have && have < enough; got != want {
				t.Errorf("%d of %d wait: got %t, want %t", have, outstanding, got, want)
			}
		}
	}
}

// TestStallMakesNobodyWait: however long a write took, or a leadership is over, no command waits
// for its cohort for much longer than a tick.
func TestStallMakesNobodyWait(t *testing.T) {
	c := cohort{}
	c.proposed(1e9, 2, 2)
	c.wrote(61e9) // the disk hung for a minute
	if c.waits(61.5e9, 1) {
		t.Error("half a second after a write that hung, a command waits")
	}
}

// TestCohortOfOneForgivesNothing: A asks always, B now and then and not again: A need not wait each
// time.
func TestCohortOfOneForgivesNothing(t *testing.T) {
	c, now, waited := cohort{}, core.Instant(1), 0
	batch := func(n int) {
		if c.waits(now, n) {
			waited++
			now = c.until
		}
		c.proposed(now, n, n)
		now += 100
		c.wrote(now)
	}
	for range 100 {
		batch(2)
		for range 5 {
			batch(1)
		}
	}
	if waited > 20 {
		t.Errorf("waited in vain %d times", waited)
	}
}

// TestHungWriteHoldsNobodyUp: the leader's own write has hung, and a voter whose disk hangs goes on
// to answer; a command then goes all the same.
func TestHungWriteHoldsNobodyUp(t *testing.T) {
	p := newPool(t, Config{}, 1, 2, 3)
	d, n := p.lead(), notes{}
	stuck := p.desk(d.engine.config.Node%3 + 1)
	p.paused[stuck.engine.config.Node] = true // it is stepped here
	step := func(hangs bool) {
		if stuck.in.Wrote = 0; hangs {
			d.in.Wrote = 0
		}
		stuck.step()
		stuck.now -= 10e6
		late := 0
		for _, box := range stuck.out.AfterWrite.Boxes() {
			late += len(box.Messages)
		}
		stuck.outbox = stuck.outbox[:len(stuck.outbox)-late]
		p.step()
	}
	d.ask(n, command(1, 0))
	d.ask(n, command(2, 0))
	step(false)
	wrote := d.in.Wrote
	for range 100 {
		step(true)
	}
	d.in.Wrote = wrote
	for range 4 {
		step(false)
	}
	if d.ask(n, command(3, 0)); !d.leads() || len(n) != 2 {
		t.Fatalf("leads: %t, %d answers, want 2", d.leads(), len(n))
	}
	for i := 0; d.proposed() == 0 || i == 0; i++ {
		if step(false); i == 10 {
			t.Fatalf("a command waits for %d ticks", i)
		}
	}
}
