package plugins

import (
	"errors"
	"strconv"
	"strings"
)

// Bytes is a number of bytes, written as 4096, 512KiB, 64MiB or 2GiB.
type Bytes int64

// units are those that Bytes is written in, the largest first.
var units = []struct {
	name string
	size Bytes
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}

// UnmarshalText reads a number with or without a unit.
func (b *Bytes) UnmarshalText(text []byte) error {
	digits, size := string(text), Bytes(1)
	for _, u := range units {
		if number, found := strings.CutSuffix(digits, u.name); found {
			digits, size = strings.TrimSpace(number), u.size
			break
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange), n < 0:
		return errors.New("a size is written as 4096, 512KiB, 64MiB or 2GiB")
	case err != nil, n > int64(1<<63-1)/int64(size):
		return errors.New("out of range")
	}
	*b = Bytes(n) * size
	return nil
}

// String prints the number in the largest unit that divides it.
func (b Bytes) String() string {
	for _, u := range units {
		if b != 0 && b%u.size == 0 {
			return strconv.FormatInt(int64(b/u.size), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}
