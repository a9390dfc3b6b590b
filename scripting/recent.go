package scripting

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/value"
)

// The bounds of what a node keeps of the newest changes of keys. Nothing of it is replicated.
const (
	MaxRecent      = 65536    // changes
	MaxRecentSize  = 16 << 20 // bytes of their keys and values
	recentPatience = 1 << 20  // entries since somebody asked: then nothing is kept any more
)

// changesQuery is the query that reads the newest changes of keys: @changes(prefix, index, limit,
// number). It answers as @events does, with all keys for nil, and each change {index, number,
// collection, key, op, value}: op is put or del, which has no value. Without first, this node has
// kept nothing, and does from the next query on.
const changesQuery = "@changes"

// change is a write and where it stands.
type change struct {
	Write
	index  core.Index
	number uint32 // within the entry
}

func (c *change) size() int {
	text, _ := c.Key.(string)
	return len(c.Collection) + len(text) + len(c.Value)
}

// recent keeps the newest changes while somebody asks for them.
//
// Invariant: while on, kept has all changes with an index of at least first, in order, and maybe
// some before.
type recent struct {
	on     bool        // the applier's: changes are kept
	wanted atomic.Bool // somebody has asked

	mu    sync.Mutex // held by the applier to write, and by queries to read
	asked core.Index // when somebody asked last
	first core.Index
	kept  []change // elements are never written to again
	size  int
}

// Place implements core.Placed.
func (m *Machine) Place(at core.Position) { m.last.Position = at }

// heed begins to keep changes, if somebody has asked and it is known from where on.
func (m *Machine) heed() {
	r := &m.recent
	if r.on || !r.wanted.Load() || m.restored && m.last.Index == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.on, r.asked, r.first = true, m.last.Index, m.last.Index+1
}

// stop forgets everything. Who still asks begins anew.
func (r *recent) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.on, r.asked, r.first, r.kept, r.size = false, 0, 0, nil, 0
	r.wanted.Store(false)
}

// add keeps what a command has written.
func (r *recent) add(index core.Index, writes []Write) {
	if !r.keep(index, writes) {
		r.stop()
	}
}

func (r *recent) keep(index core.Index, writes []Write) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if index > r.asked+recentPatience {
		return false
	}
	number := uint32(0) // an entry may carry out several commands
	if n := len(r.kept); n > 0 && r.kept[n-1].index == index {
		number = r.kept[n-1].number + 1
	}
	for i, w := range writes {
		c := change{w, index, number + uint32(i)}
		r.kept, r.size = append(r.kept, c), r.size+c.size()
		for r.size > MaxRecentSize || len(r.kept) > MaxRecent {
			oldest := &r.kept[0]
			r.first = max(r.first, oldest.index+1)
			r.kept, r.size = r.kept[1:], r.size-oldest.size()
		}
	}
	return true
}

// since returns the changes from a place on, and from which index on none has been dropped; false:
// nothing is kept.
func (r *recent) since(
	index core.Index, number uint32, now core.Index,
) (kept []change, first core.Index, ok bool) {
	r.wanted.Store(true)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = max(r.asked, now)
	at, _ := slices.BinarySearchFunc(r.kept, index, func(c change, index core.Index) int {
		if c.index < index || c.index == index && c.number < number {
			return -1
		}
		return 1
	})
	return r.kept[at:], r.first, r.on
}

// changes answers changesQuery.
func (v *view) changes(a *arguments) core.Result {
	var q listing
	if err := q.read(&a.c); err != nil {
		return failed(BadArguments, changesQuery+": "+err.Error())
	}
	kept, first, ok := v.recent.since(q.index, q.number, v.last.Index)
	for i := range kept {
		c := &kept[i]
		if q.size > 0 && q.size+c.size() > maxListedSize || q.found == q.limit {
			break
		}
		q.index, q.number = c.index, c.number+1
		if q.topic == "" || strings.HasPrefix(fmt.Sprint(c.Key), q.topic) {
			q.addChange(c)
		}
	}
	return core.Result{Value: q.page(first, ok)}
}

func (q *listing) addChange(c *change) {
	q.found++
	q.size += c.size()
	fields, op := 6, "put"
	if c.Value == nil {
		fields, op = 5, "del"
	}
	dst := value.AppendString(value.AppendMap(q.events, fields), "collection")
	dst = value.AppendString(value.AppendString(dst, c.Collection), "index")
	dst = value.AppendString(value.AppendNumber(dst, float64(c.index)), "key")
	switch key := c.Key.(type) {
	case string:
		dst = value.AppendString(dst, key)
	case int64:
		dst = value.AppendNumber(dst, float64(key))
	}
	dst = value.AppendNumber(value.AppendString(dst, "number"), float64(c.number))
	dst = value.AppendString(value.AppendString(dst, "op"), op)
	if c.Value != nil {
		dst = append(value.AppendString(dst, "value"), c.Value...)
	}
	q.events = dst
}
