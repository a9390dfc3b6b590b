package core

import (
	"fmt"
	"iter"
)

// EachEntry yields the entries lo … hi-1 of a log, which read gets page by page: as Store.Entries
// does, at least the first of those asked for. An entry is valid until the next one, its Data for
// ever. An error comes with no entry, and ends it; a page without entries is ErrUnavailable.
func EachEntry(
	lo, hi Index, read func(dst []Entry, lo, hi Index) ([]Entry, error),
) iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		var page []Entry
		for at := lo; at < hi; at += Index(len(page)) {
			var err error
			if page, err = read(page[:0], at, hi); err == nil && len(page) == 0 {
				err = ErrUnavailable
			}
			if err != nil {
				yield(nil, fmt.Errorf("read entries from %d on: %w", at, err))
				return
			}
			for i := range page {
				if !yield(&page[i], nil) {
					return
				}
			}
		}
	}
}
