package state

// MaxWarm is how many keys Warm takes at once: as many waits for memory as a processor has at a
// time, and a few more.
const MaxWarm = 16

// Large reports whether there is just one collection, with so many items.
func (s *Space) Large(items int) bool {
	return len(s.collections) == 1 && len(s.collections[0].items) >= items
}

// Warm looks at what writes to these keys of a collection will look at. A map that is larger than
// the caches makes each write wait for memory four or five times, one after the other; here the
// waits for many keys are at the same time. The state stays as it is.
func (s *Space) Warm(number int, keys [][]byte) {
	c := s.collections[number]
	var at, val [MaxWarm]cell
	keys = keys[:min(len(keys), MaxWarm)]
	for i, key := range keys {
		at[i] = c.items[s.keyHash(key)]
	}
	for i := range keys {
		if at[i] != 0 {
			val[i] = s.item(at[i]).val
		}
	}
	for i := range keys {
		if val[i] != 0 {
			s.warmth += *(*byte)(s.slab.at(val[i])) // kept, or the compiler would leave it out
		}
	}
}
