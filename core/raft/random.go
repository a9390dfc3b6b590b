package raft

// random is the splitmix64 generator: a seed in, a reproducible sequence out.
type random uint64

func (r *random) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	return mix(uint64(*r))
}

// below returns a number in [0, n); n is small, so the modulo's bias does not matter.
func (r *random) below(n int) int { return int(r.next() % uint64(n)) }

// newRandom gives every replica of every group a sequence of its own.
func newRandom(c Config) random {
	return random(mix(c.Seed ^ mix(uint64(c.ID)^mix(uint64(c.Group)))))
}

// mix spreads every bit of x over the whole word.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
