package state

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// TestLastReadsAllAndZeros of strings of every length.
func TestLastReadsAllAndZeros(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 17 {
		for range 100 {
			var twin [16]byte
			for i := range n {
				twin[i] = byte(rng.Uint32())
			}
			a, b := last(string(twin[:n]))
			wantA, wantB := binary.LittleEndian.Uint64(twin[:]), binary.LittleEndian.Uint64(twin[8:])
			if a != wantA || b != wantB {
				t.Fatalf("%x: got %x %x, want %x %x", twin[:n], a, b, wantA, wantB)
			}
		}
	}
}
