package state

// Written calls f for every key written since the last Commit, in the order of the first writes:
// one that was rolled back does not count. The value is the last one; empty: the key was deleted.
// The strings are good until the next Commit.
func (s *Space) Written(f func(collection, key, val string)) {
	var seen map[cell]bool
	if len(s.journal) > 1 {
		seen = make(map[cell]bool, len(s.journal))
	}
	for i := range s.journal {
		ch := &s.journal[i]
		if seen[ch.at] {
			continue
		}
		if seen != nil {
			seen[ch.at] = true
		}
		val := ""
		if it := s.item(ch.at); it.val != 0 {
			val = s.slab.text(it.val)
		}
		f(ch.in.name, s.key(ch.at), val)
	}
}
