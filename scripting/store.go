package scripting

import (
	"fmt"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/sandbox"
	"github.com/tidelock-raft/tidelock/scripting/state"
	"github.com/tidelock-raft/tidelock/scripting/value"
)

// store is a command whose whole work is collection:set(key, value), or collection:set_all(items).
type store struct {
	number int    // of the collection
	steps  int    // without those of the method
	result []byte // encoded
}

// findStores finds the commands that do nothing but set, or set_all, and return a constant, unless
// the last argument is nil. As they say so themselves, they need no interpreter: see store and
// storeAll. That they come to the same, at the same price, is tested.
func (s *script) findStores() {
	s.stores, s.storesAll = map[string]*store{}, map[string]*store{}
	methods := map[string]map[string]*store{"set 2": s.stores, "set_all 1": s.storesAll}
	for name, f := range s.commands {
		c := sandbox.Stores(f)
		number, ok := s.mapOf(c.Object)
		stores := methods[fmt.Sprint(c.Method, " ", c.Parameters)]
		if !ok || stores == nil {
			continue
		}
		result := s.nothing
		if c.Result != lua.LNil {
			encoded, err := s.encode(nil, c.Result, 0)
			if err != nil {
				continue
			}
			result = encoded
		}
		stores[name] = &store{number, c.Steps, slices.Clip(result)}
	}
}

// ahead are the calls of the next entries, opened before the first of them is carried out: so what
// they need of the state is fetched from memory for all of them at once.
type ahead struct {
	n      int
	used   int // the most that n has been since forget
	calls  [state.MaxWarm]put
	others [state.MaxWarm]opened
	sought [state.MaxWarm]state.Sought // what they write, or are likely to
	keys   []byte
}

// put is a call of a store; without one it is any other.
type put struct {
	*store
	key, val []byte
}

// opened is a call of anything else.
type opened struct {
	call
	err  error // why it is no call
	data []byte
	all  *store // of many items, if it calls one
}

// look opens calls. It leaves to the interpreter whatever is not the usual store: a key that is no
// short string, a value that is none or long, and a call that does not fit. Of such a call the
// first argument is likely to be written, if the script has one collection.
func (a *ahead) look(s *script, space *state.Space, entries []core.Entry) {
	a.n, a.keys = min(len(entries), state.MaxWarm), a.keys[:0]
	a.used = max(a.used, a.n)
	for i := range a.n {
		p, q := &a.calls[i], &a.sought[i]
		p.open(s, entries[i].Data, &a.others[i])
		*q = state.Sought{}
		if p.store != nil {
			q.Number = p.number
		}
		if p.key != nil && (p.store != nil || len(s.collections) == 1) {
			from := len(a.keys)
			a.keys = state.StringKey(a.keys, p.key)
			q.Key = a.keys[from:]
		}
	}
	space.Warm(a.sought[:a.n])
}

func (p *put) open(s *script, data []byte, o *opened) {
	*p = put{}
	c, err := openCall(data)
	if err == nil && c.arguments > 0 {
		r := c.r
		p.key, _ = r.Text()
		p.val = data[r.Pos():]
		if p.key != nil && c.arguments == 2 && len(p.val) <= maxLookup && value.IsString(p.val) {
			p.store = s.stores[text(c.name)]
		}
	}
	if p.store == nil {
		*o = s.opened(c, err, data)
	}
}

// open opens a call, be it of a store or of anything else, for carryOut.
func (s *script) open(data []byte) *opened {
	c, err := openCall(data)
	o := s.opened(c, err, data)
	return &o
}

func (s *script) opened(c call, err error, data []byte) opened {
	o := opened{call: c, err: err, data: data}
	if err == nil && c.arguments == 1 {
		o.all = s.storesAll[text(c.name)]
	}
	return o
}

// forget lets go of the entries.
func (a *ahead) forget() {
	clear(a.calls[:a.used])
	clear(a.others[:a.used])
	a.n, a.used = 0, 0
}

// store carries out a store.
func (m *Machine) store(e *core.Entry, p *put, at *state.Sought) core.Result {
	steps := p.steps + setSteps(len(p.key), len(p.val))
	m.spent = sandbox.Limits{Steps: int64(steps), Bytes: int64(len(p.val))}
	m.write(at, p.val)
	if m.observed() {
		m.observe(e)
		m.space.Commit()
	}
	return core.Result{Value: p.result}
}
