package scripting

import (
	"bytes"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/state"
	"github.com/tidelock-raft/tidelock/scripting/value"
)

// storeAll carries out a command that findStores has found, as it reads the items, without a table
// of them. It leaves to the interpreter, with nothing done, whatever is not the usual: an argument
// that is no map, keys that are no short strings or do not ascend, as they do unless somebody else
// wrote them or one comes twice, values that are tables or nil, and what passes a limit.
func (s *script) storeAll(data []byte) (core.Result, bool) {
	c, err := openCall(data)
	if err != nil || c.arguments != 1 {
		return core.Result{}, false
	}
	st, ok := s.storesAll[text(c.name)]
	head, err := c.r.Next()
	if !ok || err != nil || head.Kind != value.Map {
		return core.Result{}, false
	}
	s.vm.Abandon() // what the call before has used does not count
	ok = s.vm.Take(st.steps+mapSteps(head.Len), tableCost+head.Len*pairCost)
	all := items{r: c.r}
	for left := head.Len; ok && left > 0; left -= state.MaxWarm {
		ok = s.storeSome(st.number, &all, min(left, state.MaxWarm))
	}
	if !ok || all.r.More() {
		s.space.Rollback(0)
		return core.Result{}, false
	}
	return core.Result{Value: st.result}, true
}

// storeSome stores n items, which are looked at together first, and reports whether all of them are
// usual and within the limits.
func (s *script) storeSome(number int, all *items, n int) bool {
	var sought [state.MaxWarm]state.Sought
	var vals [state.MaxWarm][]byte
	text, steps, bytes := s.key[:0], 0, 0
	for i := range n {
		key, val, ok := all.next()
		if !ok {
			return false
		}
		from := len(text)
		text = state.StringKey(text, key)
		sought[i], vals[i] = state.Sought{Number: number, Key: text[from:]}, val
		steps, bytes = steps+setSteps(len(key), len(val)), bytes+len(val)
	}
	s.key = text
	if !s.vm.Take(steps, bytes) {
		return false
	}
	s.space.Warm(sought[:n])
	for i := range n {
		s.space.SetSought(&sought[i], vals[i])
	}
	s.wrote = true
	return true
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
