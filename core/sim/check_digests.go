package sim

import "github.com/tidelock-raft/tidelock/core"

// digestsChecker: at every index all machines have the same digest, whenever two of them can be
// seen there; at checkpoints that is the newest index.
type digestsChecker struct {
	Bystander
	s    *shadow
	seen map[core.Index]sighting
}

// sighting is a digest, and whose it was.
type sighting struct {
	host   core.NodeID
	digest uint64
}

func newDigestsChecker(s *shadow) Observer {
	return &digestsChecker{s: s, seen: map[core.Index]sighting{}}
}

// Applied implements Observer.
func (c *digestsChecker) Applied(h *Host, entries []core.Entry, _ []core.Result) {
	if n := len(entries); n > 0 {
		c.compare(h, entries[n-1].Index)
	}
}

func (c *digestsChecker) compare(h *Host, i core.Index) {
	now := sighting{h.ID, c.s.digest(h)}
	was, ok := c.seen[i]
	if !ok {
		c.seen[i] = now
	} else if was.digest != now.digest {
		c.s.w.Fail("equal digests", "at index %d: %x at host %d, %x at host %d",
			i, now.digest, now.host, was.digest, was.host)
	}
}

// Checkpoint implements Observer.
func (c *digestsChecker) Checkpoint() {
	last := core.Index(0)
	for _, h := range c.s.w.Hosts {
		if h.Up() {
			last = max(last, c.s.status(h).AppliedIndex)
		}
	}
	for _, h := range c.s.w.Hosts {
		if h.Up() && c.s.status(h).AppliedIndex == last {
			c.compare(h, last)
		}
	}
}
