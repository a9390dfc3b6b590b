package scripting

import (
	"strings"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/state"
)

// Write is what a command did to one key.
type Write struct {
	Collection string
	Key        any    // a string, or an int64; "" for what state.value keeps
	Value      []byte // canonical, of package value; nil: the key was deleted
}

// Observe has f called for each command that wrote to a collection, with what it wrote, a key once,
// before anything else is applied; nil ends that. It is for tools that follow a log: the state does
// not depend on it.
func (m *Machine) Observe(f func(e *core.Entry, writes []Write)) { m.observer = f }

// observed reports whether anybody wants to know.
func (m *Machine) observed() bool { return m.observer != nil || m.recent.on }

// observe tells those who want to know what is about to be committed. When nobody does, that costs
// the look at two words.
func (m *Machine) observe(e *core.Entry) {
	if !m.observed() {
		return
	}
	var writes []Write
	m.space.Written(func(collection, key, val string) {
		w := Write{Collection: strings.Clone(collection), Key: itemKey(key)}
		if val != "" {
			w.Value = []byte(val)
		}
		writes = append(writes, w)
	})
	if len(writes) == 0 {
		return
	}
	if m.recent.on {
		m.recent.add(e.Index, writes)
	}
	if m.observer != nil {
		m.observer(e, writes)
	}
}

func itemKey(key string) any {
	text, n, isString := state.SplitKey(key)
	if isString {
		return strings.Clone(text)
	}
	return n
}

// Collection says how much there is in a collection.
type Collection struct {
	Name  string `json:"name"`
	Items int    `json:"items"`
	Bytes int64  `json:"bytes"` // of keys and values, encoded
}

// inventoryPage is how many items are looked at together.
const inventoryPage = 256

// Collections says what the state consists of: the script's collections, then those of events and
// timers that are not empty. It reads all of it.
func (m *Machine) Collections() []Collection {
	all := inventory(m.space)
	for _, c := range inventory(m.effects.space) {
		if c.Items > 0 {
			all = append(all, c)
		}
	}
	return all
}

func inventory(space *state.Space) (all []Collection) {
	view := space.Live()
	for i, name := range space.Names() {
		c := Collection{Name: name, Items: view.Len(i)}
		walk(view, i, func(p state.Pair) { c.Bytes += int64(len(p.Key) + len(p.Val)) })
		all = append(all, c)
	}
	return all
}

// Each calls f with every key of every collection of the script.
func (m *Machine) Each(f func(collection string, key any)) {
	for i, name := range m.space.Names() {
		walk(m.live, i, func(p state.Pair) { f(name, itemKey(p.Key)) })
	}
}

func walk(view *state.View, number int, f func(state.Pair)) {
	var page []state.Pair
	for lo := ""; ; lo = page[len(page)-1].Key + "\x00" {
		if page = view.Page(page[:0], number, lo, "", inventoryPage); len(page) == 0 {
			return
		}
		for _, p := range page {
			f(p)
		}
	}
}
