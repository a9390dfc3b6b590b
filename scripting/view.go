package scripting

import (
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/state"
)

// View freezes the state in constant time for queries beside Apply; see core.Reader.
func (m *Machine) View() (core.View, error) {
	m.heed()
	return &view{
		now: m.now.Load(), last: m.last, v: m.space.View(), effects: m.effects.view(),
		recent: &m.recent,
	}, nil
}

// liveView is the present, for the goroutine that applies.
func (m *Machine) liveView() *view {
	m.heed()
	return &view{
		now: m.now.Load(), last: m.last, v: m.live, effects: m.effects.live, recent: &m.recent,
	}
}

type view struct {
	now  *tenure
	last core.Entry // the newest that shows
	v    *state.View

	effects *state.View // of events and timers; nil: there is none of them
	recent  *recent

	s      *script // nil: none was needed yet
	sought [state.MaxWarm]state.Sought
	keys   []byte
}

// Query answers from the frozen state.
func (v *view) Query(request []byte) (result core.Result) {
	v.QueryAll([]core.Request{{Data: request}}, func(_ int, r core.Result) { result = r })
	return result
}

// QueryAll implements core.BatchView. What queries next to each other look up is looked up at once.
func (v *view) QueryAll(requests []core.Request, answered func(int, core.Result)) {
	for lo := 0; lo < len(requests); lo += state.MaxWarm {
		hi := min(lo+state.MaxWarm, len(requests))
		v.seek(requests[lo:hi])
		for i := lo; i < hi; i++ {
			if v.sought[i-lo].Key != nil && v.borrow() == nil {
				if r, ok := v.s.found(v.sought[i-lo].Val); ok {
					answered(i, r)
					continue
				}
			}
			answered(i, v.interpret(requests[i].Data))
		}
	}
}

// seek finds what those of the queries look up that are lookups.
func (v *view) seek(requests []core.Request) {
	clear(v.sought[:len(requests)])
	if v.borrow() != nil {
		return
	}
	v.keys = v.keys[:0]
	for i := range requests {
		if number, key, ok := v.s.lookup(requests[i].Data); ok {
			from := len(v.keys)
			v.keys = state.StringKey(v.keys, key)
			v.sought[i] = state.Sought{Number: number, Key: v.keys[from:]}
		}
	}
	v.v.GetAll(v.sought[:len(requests)])
}

// borrow sees to it that the view has an interpreter, which it has for itself.
func (v *view) borrow() (err error) {
	if v.s == nil {
		v.s, err = v.now.borrow()
	}
	return err
}

// interpret answers a query of the machine itself, or by running the script.
func (v *view) interpret(request []byte) core.Result {
	if name, a, ok := reserved(request); ok {
		if q := queryOf(name); q != nil {
			return q(v, a)
		}
	}
	if err := v.borrow(); err != nil {
		return failed(Error, err.Error())
	}
	result := v.s.query(v.v, request)
	if v.s.vm.Broken() {
		v.s = nil
	}
	return result
}

// Release ends the view.
func (v *view) Release() {
	if v.s != nil {
		v.now.giveBack(v.s)
	}
	v.v.Release()
	if v.effects != nil {
		v.effects.Release()
	}
}
