package state

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tidelock-raft/tidelock/scripting/value"
)

// The first byte of a key says what it is, and puts integers before strings.
const (
	integerKey = 1 // then 8 bytes, big endian, the sign bit turned round
	stringKey  = 2 // then the string
)

// ErrKey is what the errors of CheckKey wrap.
var ErrKey = errors.New("state: invalid key")

// IntegerKey appends the key of an integer.
func IntegerKey(dst []byte, n int64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, integerKey), uint64(n)^1<<63)
}

// StringKey appends the key of a string.
func StringKey[S string | []byte](dst []byte, s S) []byte {
	return append(append(dst, stringKey), s...)
}

// SplitKey takes a valid key apart: the string, or the integer if isString is false.
func SplitKey(key string) (s string, n int64, isString bool) {
	if key[0] == stringKey {
		return key[1:], 0, true
	}
	var u uint64
	for i := 1; i < len(key); i++ {
		u = u<<8 | uint64(key[i])
	}
	return "", int64(u ^ 1<<63), false
}

// CheckKey reports whether a key is one that IntegerKey or StringKey makes within the bounds of
// package value. The error wraps ErrKey.
func CheckKey(key string) error {
	switch {
	case key == "" || key[0] != integerKey && key[0] != stringKey:
		return fmt.Errorf("%w: it is neither integer nor string", ErrKey)
	case key[0] == stringKey && len(key) > 1+value.MaxKey:
		return fmt.Errorf("%w: it has %d bytes, at most %d", ErrKey, len(key)-1, value.MaxKey)
	case key[0] == stringKey:
		return nil
	case len(key) != 9:
		return fmt.Errorf("%w: an integer has 8 bytes, not %d", ErrKey, len(key)-1)
	}
	if _, n, _ := SplitKey(key); n > value.MaxInteger || n < -value.MaxInteger {
		return fmt.Errorf("%w: integer %d is beyond 2^53", ErrKey, n)
	}
	return nil
}
