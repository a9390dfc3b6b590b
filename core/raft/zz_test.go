package raft_test

import (
	"math/rand/v2"
	"testing"
)

func TestZZ(t *testing.T) {
	f := func(data []byte) { fuzzOne(t, data) }
	for seed := range uint64(20000) {
		r := rand.New(rand.NewPCG(seed, 9))
		b := make([]byte, 300)
		for i := range b {
			b[i] = byte(r.IntN(6))
			if r.IntN(10) == 0 {
				b[i] = byte(r.IntN(256))
			}
		}
		f(b)
	}
}
