package scripting

import (
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/state"
)

// View freezes the state in constant time for queries beside Apply; see core.Reader.
func (m *Machine) View() (core.View, error) {
	m.heed()
	return &view{m.now.Load(), m.last, m.space.View(), m.effects.view(), &m.recent}, nil
}

// liveView is the present, for the goroutine that applies.
func (m *Machine) liveView() *view {
	m.heed()
	return &view{m.now.Load(), m.last, m.live, m.effects.live, &m.recent}
}

type view struct {
	now  *tenure
	last core.Entry // the newest that shows
	v    *state.View

	effects *state.View // of events and timers; nil: there is none of them
	recent  *recent
}

// Query answers from the frozen state, in an interpreter of its own for the time of the call.
func (v *view) Query(request []byte) core.Result {
	if name, a, ok := reserved(request); ok {
		if q := queryOf(name); q != nil {
			return q(v, a)
		}
	}
	s, err := v.now.borrow()
	if err != nil {
		return failed(Error, err.Error())
	}
	defer v.now.giveBack(s)
	return s.query(v.v, request)
}

// Release ends the view.
func (v *view) Release() {
	v.v.Release()
	if v.effects != nil {
		v.effects.Release()
	}
}
