package node

import (
	"io"
	"time"

	"github.com/tidelock-raft/tidelock/core"
)

// A snapshot is written a little at a time, with rests between, so that commands find a processor
// and a disk that are free: restRatio times as long as the work, which takes an eighth of one
// processor then, and eight times as long as it had to. Nobody waits for it; should somebody, or
// the log become long meanwhile, the engine says so (engine.Effects.Hurry), and the rests end.
const (
	restRatio              = 7
	workSlice core.Instant = 1e6   // ns of work between two rests, at least
	maxRest   core.Instant = 100e6 // ns, however long a slow disk has made the work
)

// rester is a core.Clock by which jobs can wait. Without one, as in virtual time, they do not.
type rester interface {
	// rest returns after so many nanoseconds, or when one of the channels is closed.
	rest(d core.Instant, a, b <-chan struct{})
}

func (systemClock) rest(d core.Instant, a, b <-chan struct{}) {
	timer := time.NewTimer(time.Duration(d))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-a:
	case <-b:
	}
}

// pace is how fast one snapshot is written. The handler owns hasty, the lane the rest.
type pace struct {
	clock core.Clock
	haste chan struct{}   // closed: it is urgent
	over  <-chan struct{} // closed: the node ends
	hasty bool            // haste is closed
	since core.Instant    // when the work began that there was no rest after
}

func (h *Handler) newPace() *pace {
	return &pace{clock: h.config.Clock, haste: make(chan struct{}), over: h.over}
}

// hurry ends the rests.
func (p *pace) hurry() {
	if !p.hasty {
		p.hasty = true
		close(p.haste)
	}
}

// begin notes that the work begins, unless the node ends.
func (p *pace) begin() error {
	p.since = p.clock.Now()
	select {
	case <-p.over:
		return core.ErrClosed
	default:
		return nil
	}
}

// step rests, if it is time to.
func (p *pace) step() error {
	select {
	case <-p.over:
		return core.ErrClosed
	case <-p.haste:
		return nil
	default:
	}
	worked := p.clock.Now() - p.since
	if clock, ok := p.clock.(rester); ok && worked >= workSlice {
		clock.rest(min(restRatio*worked, maxRest), p.haste, p.over)
		p.since = p.clock.Now()
	}
	return nil
}

// paced is a writer that takes its time.
type paced struct {
	w io.Writer
	p *pace
}

// Write implements io.Writer.
func (p paced) Write(b []byte) (int, error) {
	if err := p.p.step(); err != nil {
		return 0, err
	}
	return p.w.Write(b)
}
