package state

// stale is an item that had an older value, or none, from epoch on: when no view is older than
// that, it can forget.
type stale struct {
	in    *collection
	at    *item
	epoch uint64
}

// The steps of sweeping done by a write, a commit, and a new view.
const (
	sweepPerWrite  = 2
	sweepPerCommit = 8
	sweepPerView   = 64
)

// keepPast is called before it is written: the present value moves to the past if a view needs it.
func (s *Space) keepPast(c *collection, it *item) {
	if it.epoch == s.epoch || len(s.views) == 0 && it.past == nil {
		return
	}
	it.past = s.prune(it.past, it.epoch)
	if !s.needed(it.epoch, s.epoch) {
		return
	}
	it.past = &past{val: it.val, epoch: it.epoch, older: it.past}
	s.stale = append(s.stale, stale{c, it, s.epoch})
}

// prune returns what views need of a chain whose first part was replaced in epoch hi. It copies
// what it shortens, for the journal may hold the chain as it was.
func (s *Space) prune(p *past, hi uint64) *past {
	if p == nil {
		return nil
	}
	older := s.prune(p.older, p.epoch)
	switch {
	case !s.needed(p.epoch, hi):
		return older
	case older == p.older:
		return p
	}
	return &past{val: p.val, epoch: p.epoch, older: older}
}

// sweep forgets what no view needs any more, in at most so many steps.
func (s *Space) sweep(steps int) {
	for ; steps > 0 && s.swept < len(s.stale); steps-- {
		st := s.stale[s.swept]
		if len(s.views) > 0 && s.views[0] < st.epoch {
			return
		}
		s.stale[s.swept] = stale{}
		s.swept++
		s.forget(st)
	}
	if s.swept > len(s.stale)/2 {
		kept := copy(s.stale, s.stale[s.swept:])
		clear(s.stale[kept:])
		s.stale, s.swept = s.stale[:kept], 0
	}
}

func (s *Space) forget(st stale) {
	it := st.at
	it.past = s.prune(it.past, it.epoch)
	if it.blank() && st.in.items[it.key] == it {
		st.in.remove(it)
	}
}
