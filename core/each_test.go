package core_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// TestEachEntryReadsPageByPage has pages of all sizes, and one that cannot be read or is empty.
func TestEachEntryReadsPageByPage(t *testing.T) {
	broken := errors.New("broken")
	for size := 1; size <= 11; size++ {
		read := func(dst []core.Entry, lo, hi core.Index) ([]core.Entry, error) {
			if lo > 20 {
				return dst, broken
			}
			for i := lo; i < min(hi, lo+core.Index(size)) && lo < 12; i++ {
				dst = append(dst, core.Entry{Position: core.Position{Term: 1, Index: i}})
			}
			return dst, nil
		}
		walk := func(lo, hi core.Index) (got []core.Index, failed error) {
			for e, err := range core.EachEntry(lo, hi, read) {
				if err != nil {
					return got, err
				}
				if got = append(got, e.Index); e.Index == 10 {
					break
				}
			}
			return got, nil
		}
		for lo := core.Index(1); lo <= 8; lo++ {
			got, err := walk(lo, 8)
			var want []core.Index
			for i := lo; i < 8; i++ {
				want = append(want, i)
			}
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("pages of %d from %d on: got %v, %v, want %v", size, lo, got, err, want)
			}
		}
		if got, err := walk(9, 30); err != nil || len(got) != 2 {
			t.Errorf("pages of %d: got %v, %v, want an end at 10", size, got, err)
		}
		if got, err := walk(12, 30); !errors.Is(err, core.ErrUnavailable) || len(got) > 0 {
			t.Errorf("an empty page: got %v, %v, want ErrUnavailable", got, err)
		}
		if got, err := walk(21, 30); !errors.Is(err, broken) || len(got) > 0 {
			t.Errorf("a page that cannot be read: got %v, %v", got, err)
		}
	}
}
