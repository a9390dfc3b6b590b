package bbolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"os"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/keyed"
)

// A bbolt file is pages of 4096 bytes, some of them longer by a number of further ones (overflow).
// Integers are those of the machine, which for us is little endian.
//
//	page     id 8, flags 2 (branch 1, leaf 2, meta 4, free list 16), count 2, overflow 4
//	meta     (pages 0 and 1) magic 4, version 4, page size 4, flags 4, root page 8, sequence 8,
//	         free list 8, end of the pages in use 8, transaction 8, FNV-1a of the 56 bytes before 8
//	branch   count × (position 4, length of key 4, page 8), keys
//	leaf     count × (flags 4, position 4, length of key 4, length of value 4), keys and values
//
// A position is counted from the element that it stands in. The value of a leaf whose flags are 1
// is a bucket: root page 8, sequence 8; if the root is 0, its one page, a leaf, follows.
const (
	pageHeader  = 16
	metaLength  = 64
	boltMagic   = 0xED0CDAED
	boltVersion = 2
	elementSize = 16
	flagBranch  = 1
	flagLeaf    = 2
	bucketFlag  = 1
	bucketSize  = 16
)

var (
	errPage  = errors.New("page does not fit")
	errMeta  = errors.New("neither of the first two pages is whole")
	errShort = errors.New("file is cut short")

	little = binary.LittleEndian
)

// check reads the pages in use, so that nothing in them can lead bbolt astray.
func check(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	w := walk{file: f, size: info.Size()}
	at, err := w.run()
	if err != nil {
		return &core.CorruptError{Path: path, Offset: at, Err: err}
	}
	return nil
}

// walk visits pages; those to be visited yet are in pending.
type walk struct {
	file interface {
		ReadAt(p []byte, off int64) (int, error)
	}
	size    int64
	end     uint64 // of the pages in use
	seen    []bool
	pending []uint64
}

// run returns the offset of what does not fit.
func (w *walk) run() (int64, error) {
	root, err := w.meta()
	if err != nil {
		return 0, err
	}
	if int64(w.end) > w.size/pageBytes {
		return w.size, fmt.Errorf("%w: got %d bytes, want %d pages", errShort, w.size, w.end)
	}
	w.seen = make([]bool, w.end)
	w.pending = []uint64{root}
	for len(w.pending) > 0 {
		id := w.pending[len(w.pending)-1]
		w.pending = w.pending[:len(w.pending)-1]
		if err := w.visit(id); err != nil {
			return int64(min(id, w.end)) * pageBytes, err
		}
	}
	return 0, nil
}

// meta reads the newer of the first two pages that is whole.
func (w *walk) meta() (root uint64, err error) {
	newest, found, ours := uint64(0), false, false
	for i := range int64(2) {
		var page [pageHeader + metaLength]byte
		if _, err := w.file.ReadAt(page[:], i*pageBytes); err != nil {
			continue // a file that is too short has no such page
		}
		m := page[pageHeader:]
		hash := fnv.New64a()
		_, _ = hash.Write(m[:metaLength-8]) // never fails, says package hash
		ours = ours || little.Uint32(m) == boltMagic
		if little.Uint32(m) != boltMagic || little.Uint32(m[4:]) != boltVersion ||
			little.Uint32(m[8:]) != pageBytes || little.Uint64(m[56:]) != hash.Sum64() {
			continue
		}
		if number := little.Uint64(m[48:]); !found || number > newest {
			newest, found = number, true
			root, w.end = little.Uint64(m[16:]), little.Uint64(m[40:])
		}
	}
	switch {
	case found:
		return root, nil
	case ours:
		return 0, errMeta
	}
	return 0, fmt.Errorf("no bbolt file: %w", keyed.ErrForeign)
}

// visit checks one page, and notes those that it leads to.
func (w *walk) visit(id uint64) error {
	if id < 2 || id >= w.end || w.seen[id] {
		return fmt.Errorf("%w: page %d of %d is named, or named twice", errPage, id, w.end)
	}
	page := make([]byte, pageBytes)
	if _, err := w.file.ReadAt(page, int64(id)*pageBytes); err != nil {
		return fmt.Errorf("read page %d: %w", id, err)
	}
	further := uint64(little.Uint32(page[12:]))
	if got := little.Uint64(page); got != id || further >= w.end-id {
		return fmt.Errorf("%w: page %d says that it is %d, and %d further", errPage, id, got, further)
	}
	for i := range further + 1 {
		if w.seen[id+i] {
			return fmt.Errorf("%w: page %d is part of another", errPage, id+i)
		}
		w.seen[id+i] = true
	}
	if further > 0 {
		page = make([]byte, (further+1)*pageBytes)
		if _, err := w.file.ReadAt(page, int64(id)*pageBytes); err != nil {
			return fmt.Errorf("read page %d: %w", id, err)
		}
	}
	if err := w.elements(page); err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return nil
}

// elements checks that all that the elements of a page speak of lies in it.
func (w *walk) elements(page []byte) error {
	flags, count := little.Uint16(page[8:]), int(little.Uint16(page[10:]))
	if flags != flagBranch && flags != flagLeaf {
		return fmt.Errorf("%w: flags %#x", errPage, flags)
	}
	if pageHeader+count*elementSize > len(page) || count == 0 && flags == flagBranch {
		return fmt.Errorf("%w: %d elements", errPage, count)
	}
	for i := range count {
		at := pageHeader + i*elementSize
		element := page[at:]
		if flags == flagBranch {
			if _, err := within(element, little.Uint32(element), little.Uint32(element[4:]), 0); err != nil {
				return err
			}
			w.pending = append(w.pending, little.Uint64(element[8:]))
			continue
		}
		value, err := within(element, little.Uint32(element[4:]), little.Uint32(element[8:]),
			little.Uint32(element[12:]))
		if err == nil && little.Uint32(element) == bucketFlag {
			err = w.bucket(value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// within returns the value that lies behind a key at a position, if it lies in the page.
func within(element []byte, position, key, value uint32) ([]byte, error) {
	from, to := uint64(position)+uint64(key), uint64(position)+uint64(key)+uint64(value)
	if to > uint64(len(element)) || key == 0 {
		return nil, fmt.Errorf("%w: an element reaches beyond it", errPage)
	}
	return element[from:to], nil
}

func (w *walk) bucket(value []byte) error {
	if len(value) < bucketSize {
		return fmt.Errorf("%w: a bucket of %d bytes", errPage, len(value))
	}
	if root := little.Uint64(value); root != 0 {
		w.pending = append(w.pending, root)
		return nil
	}
	if len(value) < bucketSize+pageHeader || little.Uint16(value[bucketSize+8:]) != flagLeaf {
		return fmt.Errorf("%w: a bucket without a page", errPage)
	}
	return w.elements(value[bucketSize:])
}
