package engine

import "github.com/tidelock-raft/tidelock/core"

// cohort has commands wait for each other that are outstanding at the same time. Clients that are
// answered together soon ask again: had what gathered during the leader's own write gone at once,
// there would be two cohorts of clients that take turns, and two messages and two writes everywhere
// where one would do. So what has gathered goes when all that is outstanding has come, or when
// nothing is on its way any more for which somebody waits.
//
// Where that is long after the own write, or after the answers, followers are far away or clients
// slow: then waiting is in vain, and the next batches do without, 1, 2, 4 … of them. It ends when
// something happens, at the next tick at the latest.
type cohort struct {
	size    int          // commands outstanding when the newest were proposed, with them
	began   core.Instant // when that was
	took    core.Instant // for how long they were being written here
	until   core.Instant // when waiting for the rest is in vain; zero: the own write is under way
	skips   int          // how many batches do not wait
	penalty int          // how many shall not, when next it is in vain
}

const (
	// maxCohort bounds how many commands wait for the rest. More than so many keep the processors
	// busy, which then had better be at one batch while the disks are at another.
	maxCohort = 256
	// patience is until when commands wait for answers to others, in times of what the own write of
	// those took, from when it began. For what comes of the answers they wait as long as it took.
	patience = 4
	// maxTook is what counts at most of the time of the own write, in nanoseconds: it may have hung,
	// or its end been noticed long after, when leading was over.
	maxTook core.Instant = 16e6
	// maxPenalty bounds cohort.penalty.
	maxPenalty = 256
)

// waits reports whether commands, which are so many, wait for others.
func (c *cohort) waits(now core.Instant, have int) bool {
	return 0 < have && have < min(c.size, maxCohort) && now < c.until && c.skips == 0
}

// proposed notes that commands have been proposed; so many are outstanding. It was in vain to wait
// if they had to go without the rest. One that nobody else is outstanding with tells nothing.
func (c *cohort) proposed(now core.Instant, commands, outstanding int) {
	switch {
	case c.skips > 0:
		c.skips--
	case c.until == 0, c.size <= 1:
	case commands >= min(c.size, maxCohort) || now < c.until:
		c.penalty = 0
	default:
		c.penalty = min(max(2*c.penalty, 1), maxPenalty)
		c.skips = c.penalty
	}
	c.size, c.began, c.until = outstanding, now, 0
}

// wrote notes that nothing is being written here any more.
func (c *cohort) wrote(now core.Instant) {
	if c.until == 0 {
		c.took = min(now-c.began, maxTook)
		c.until = now + (patience-1)*c.took
	}
}

// answered notes that nothing is outstanding but what waits.
func (c *cohort) answered(now core.Instant) {
	if c.until != 0 {
		c.until = min(c.until, now+c.took)
	}
}
