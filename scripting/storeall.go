package scripting

import (
	"bytes"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/state"
	"github.com/tidelock-raft/tidelock/scripting/value"
)

// storeAll carries out a command that findStores has found, without a table of its items: all of
// them are read first, and then written where they stand, for nothing can go wrong any more.
func (m *Machine) storeAll(o *opened) (core.Result, bool) {
	s := m.writer
	if o.all == nil {
		return core.Result{}, false
	}
	defer s.forgetItems()
	if !s.readItems(o) {
		return core.Result{}, false
	}
	for left := s.items; len(left) > 0; {
		n := min(len(left), state.MaxWarm)
		m.storeSome(o.all.number, o.data, left[:n])
		left = left[n:]
	}
	return core.Result{Value: o.all.result}, true
}

// maxIdleItems is for how many items room is kept for the next command.
const maxIdleItems = 4 << 10

func (s *script) forgetItems() {
	if cap(s.items) > maxIdleItems {
		s.items = nil
	}
}

// item is a pair of an encoded map: where its key, its value and what follows begin.
type item struct{ key, val, end uint32 }

// readItems takes the items apart, and accounts for them. It leaves to the interpreter whatever is
// not the usual: an argument that is no map, keys that are no short strings or do not ascend, as
// they do unless somebody else wrote them or one comes twice, values that are tables or nil, and
// what passes a limit.
func (s *script) readItems(o *opened) bool {
	all := items{r: o.r}
	head, err := all.r.Next()
	if err != nil || head.Kind != value.Map {
		return false
	}
	s.vm.Abandon() // what the call before has used does not count
	if !s.vm.Take(o.all.steps+mapSteps(head.Len), tableCost+head.Len*pairCost) {
		return false
	}
	s.items = s.items[:0]
	steps, bytes := 0, 0
	for range head.Len {
		key, val, ok := all.next()
		if !ok {
			return false
		}
		end := uint32(all.r.Pos())
		mid := end - uint32(len(val))
		s.items = append(s.items, item{mid - uint32(len(key)), mid, end})
		steps, bytes = steps+setSteps(len(key), len(val)), bytes+len(val)
	}
	return s.vm.Take(steps, bytes) && !all.r.More()
}

// storeSome stores items that are looked at together first.
func (m *Machine) storeSome(number int, data []byte, some []item) {
	var sought [state.MaxWarm]state.Sought
	keys := m.writer.key[:0]
	for i, it := range some {
		from := len(keys)
		keys = state.StringKey(keys, data[it.key:it.val])
		sought[i].Number, sought[i].Key = number, keys[from:]
	}
	m.writer.key = keys
	m.space.Warm(sought[:len(some)])
	for i, it := range some {
		m.write(&sought[i], data[it.val:it.end])
	}
}

// write writes a value of a command that does not fail; one that is observed is committed later.
func (m *Machine) write(q *state.Sought, val []byte) {
	if m.observed() {
		m.space.SetSought(q, val)
	} else {
		m.space.Put(q, val)
	}
}

// mapSteps is what it takes to decode a map of n pairs with short keys, and to go over it.
func mapSteps(n int) int { return n + n/8 }

// items are the pairs of an encoded map that have not been read yet.
type items struct {
	r    value.Reader
	last []byte // the key before
}

// next reads a pair, if it is usual: the key a short string, behind the one before and not empty,
// the value a boolean, number or string in its canonical form.
func (m *items) next() (key, val []byte, ok bool) {
	if key, ok = m.r.Text(); ok && bytes.Compare(m.last, key) < 0 {
		m.last = key
		val, ok = m.r.Canonical()
		return key, val, ok
	}
	return nil, nil, false
}
