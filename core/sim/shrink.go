package sim

import "slices"

// maxShrinks bounds how many runs a shrinking may take.
const maxShrinks = 400

// Shrink looks for a smaller run that breaks the same rule: with fewer faults, which it takes out
// in larger and then in smaller pieces, with fewer clients, and over in a shorter time. What it
// returns has failed just so; it may be o itself.
func Shrink(o *Outcome, run func(Options) *Outcome) *Outcome {
	if !o.Failed() {
		return o
	}
	s := &shrinker{best: o, rule: o.Rule(), run: run}
	s.best.Options.Schedule = slices.Clone(o.Schedule)
	s.faults()
	for s.best.Options.Clients > 1 && s.try(func(p *Options) { p.Clients /= 2 }) {
	}
	for s.best.Options.Span > Second && s.try(func(p *Options) { p.Span = p.Span * 3 / 4 }) {
	}
	s.faults()
	for i := range s.best.Options.Schedule {
		s.try(func(p *Options) {
			f := &p.Schedule[i]
			f.Until = f.At + (f.Until-f.At)/2
		})
	}
	return s.best
}

type shrinker struct {
	best *Outcome
	rule string
	run  func(Options) *Outcome
	runs int
}

// try makes one change, and keeps it if the same rule is broken.
func (s *shrinker) try(change func(p *Options)) bool {
	if s.runs++; s.runs > maxShrinks {
		return false
	}
	p := s.best.Options
	p.Schedule = append(Schedule{}, p.Schedule...)
	change(&p)
	o := s.run(p)
	if o.Rule() != s.rule {
		return false
	}
	s.best = o
	return true
}

// faults takes out faults, half of them at first, one by one in the end.
func (s *shrinker) faults() {
	for size := (len(s.best.Options.Schedule) + 1) / 2; size > 0; size /= 2 {
		for lo := 0; lo < len(s.best.Options.Schedule); {
			hi := min(lo+size, len(s.best.Options.Schedule))
			if !s.try(func(p *Options) { p.Schedule = slices.Delete(p.Schedule, lo, hi) }) {
				lo = hi
			}
		}
	}
}
