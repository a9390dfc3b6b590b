package state

// Written calls f for every write since the last Commit, in order: one that was rolled back does
// not count, one key may come several times. The strings are good until the next Commit.
func (s *Space) Written(f func(collection, key string, deleted bool)) {
	for i := range s.journal {
		ch := &s.journal[i]
		f(ch.in.name, s.key(ch.at), s.item(ch.at).val == 0)
	}
}
