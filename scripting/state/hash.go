package state

import (
	"encoding/binary"
	"math/bits"
)

// Odd constants with about as many ones as zeros, from the digits of pi; part of the digest.
const (
	mixA = 0x243f6a8885a308d3
	mixB = 0x13198a2e03707345
	mixC = 0xa4093822299f31d1
)

// hash names a key and its value within a collection. Sixteen bytes a step are folded with one
// multiplication to 128 bits. It serves to notice divergence, not to resist an enemy.
func hash(seed uint64, key, val string) uint64 {
	h := fold(seed^mixA, uint64(len(key))<<32^uint64(len(val))^mixB)
	return absorb(absorb(h, key), val)
}

func absorb(h uint64, s string) uint64 {
	for ; len(s) > 16; s = s[16:] {
		h = fold(word(s)^mixB, word(s[8:])^h)
	}
	a, b := last(s)
	return fold(a^mixC, b^h)
}

// last reads up to sixteen bytes, and zeros behind them.
func last(s string) (a, b uint64) {
	switch n := len(s); {
	case n >= 8:
		return word(s), word(s[n-8:]) >> (8 * (16 - n))
	case n >= 4:
		lo, hi := binary.LittleEndian.Uint32(raw(s)), binary.LittleEndian.Uint32(raw(s[n-4:]))
		return uint64(lo) | uint64(hi>>(8*(8-n)))<<32, 0
	case n > 0: // the first byte, the one in the middle, the last: some of them are the same
		return uint64(s[0]) | uint64(s[n/2])<<(8*(n/2)) | uint64(s[n-1])<<(8*(n-1)), 0
	}
	return 0, 0
}

// word reads eight bytes.
func word(s string) uint64 { return binary.LittleEndian.Uint64(raw(s)) }

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// scramble spreads every bit of the sum over the digest.
func scramble(x uint64) uint64 { return fold(x^mixA, mixB) ^ x }
