package system

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
)

// Batch is keys and values to be put together, and the command of a KV:
//
//	key's length (1) | value's length (4) | key | value | ...
type Batch []byte

const (
	pairHead = 5
	// maxRecord bounds what a snapshot says of one item.
	maxRecord = 1 << 20
)

// AppendPut appends a pair to a batch.
func AppendPut(dst Batch, key string, value []byte) Batch {
	dst = binary.LittleEndian.AppendUint32(append(dst, byte(len(key))), uint32(len(value)))
	return append(append(dst, key...), value...)
}

// single is a batch of one pair, with room for something before it.
func single(room int, key string, value []byte) Batch {
	return AppendPut(make(Batch, room, room+pairHead+len(key)+len(value)), key, value)
}

// Next returns the first pair, in slices of the batch, and what is behind it; false: it is not whole.
func (b Batch) Next() (key, value []byte, rest Batch, ok bool) {
	if len(b) < pairHead {
		return nil, nil, nil, false
	}
	begin := pairHead + int(b[0])
	end := uint64(begin) + uint64(binary.LittleEndian.Uint32(b[1:]))
	if end > uint64(len(b)) {
		return nil, nil, nil, false
	}
	return b[pairHead:begin], b[begin:end:end], b[end:], true
}

// KV is the machine of all systems but Tidelock and Redis. The zero value is empty.
//
// A view costs no more than a mark on each shard: what is in a view is copied before it is changed.
type KV struct {
	mu     sync.RWMutex
	shards [shards]shard
}

// shards is how many maps share the items, so that each is small enough to be copied in passing.
const shards = 4096

// shard is some of the items. Values have numbers, so that few objects burden the collector.
type shard struct {
	items
	shared, sharedNumbers bool // with a view: the values; the numbers
}

type items struct {
	numbers map[string]uint32
	values  [][]byte
}

// place is the shard of a key, by FNV-1a.
func place[K string | []byte](key K) uint32 {
	hash := uint32(2166136261)
	for i := range len(key) {
		hash = (hash ^ uint32(key[i])) * 16777619
	}
	return (hash ^ hash>>16) % shards
}

func (s *shard) put(key, value []byte) {
	if s.shared {
		s.values, s.shared = slices.Clone(s.values), false
	}
	if number, ok := s.numbers[string(key)]; ok {
		s.values[number] = value
		return
	}
	if s.sharedNumbers || s.numbers == nil {
		numbers := make(map[string]uint32, len(s.numbers)+1)
		maps.Copy(numbers, s.numbers)
		s.numbers, s.sharedNumbers = numbers, false
	}
	s.numbers[string(key)] = uint32(len(s.values))
	s.values = append(s.values, value)
}

// Batch lets apply carry out commands; the lock is taken once for all of them.
func (s *KV) Batch(apply func(put func(command []byte) error) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return apply(s.put)
}

// put keeps the command, which must not be changed any more.
func (s *KV) put(command []byte) error {
	if len(command) == 0 {
		return errCommand
	}
	for rest := Batch(command); len(rest) > 0; {
		key, value, behind, ok := rest.Next()
		if !ok {
			return errCommand
		}
		s.shards[place(key)].put(key, value)
		rest = behind
	}
	return nil
}

// Get returns the value of a key, which must not be changed.
func (s *KV) Get(key string) ([]byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	shard := &s.shards[place(key)]
	if number, ok := shard.numbers[key]; ok {
		return shard.values[number], nil
	}
	return nil, ErrNotFound
}

// Holds implements Holder.
func (s *KV) Holds(key string) bool {
	_, err := s.Get(key)
	return err == nil
}

// View is what a KV held at one time.
type View []items

// View returns what it holds now.
func (s *KV) View() View {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := make(View, 0, shards)
	for i := range s.shards {
		if one := &s.shards[i]; len(one.values) > 0 {
			one.shared, one.sharedNumbers = true, true
			v = append(v, one.items)
		}
	}
	return v
}

// WriteTo implements io.WriterTo, for a snapshot: a batch for each item, with its length before it.
func (v View) WriteTo(to io.Writer) (n int64, err error) {
	w := bufio.NewWriterSize(to, 256<<10)
	var record, head []byte
	for _, shard := range v {
		for key, number := range shard.numbers {
			record = AppendPut(record[:0], key, shard.values[number])
			head = binary.AppendUvarint(head[:0], uint64(len(record)))
			n += int64(len(head) + len(record))
			_, _ = w.Write(head) // errors of a bufio.Writer stay: the flush tells
			if _, err := w.Write(record); err != nil {
				return n, err
			}
		}
	}
	return n, w.Flush()
}

// Restore replaces all items by those of a view that was written.
func (s *KV) Restore(from io.Reader) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.shards[:])
	r := bufio.NewReaderSize(from, 256<<10)
	for {
		n, err := binary.ReadUvarint(r)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case n > maxRecord:
			return fmt.Errorf("%w: item of %d bytes", errCommand, n)
		}
		record := make([]byte, n)
		if _, err := io.ReadFull(r, record); err != nil {
			return err
		}
		if err := s.put(record); err != nil {
			return err
		}
	}
}
