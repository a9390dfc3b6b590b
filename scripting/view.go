package scripting

import (
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/state"
)

// View freezes the state in constant time for queries beside Apply; see core.Reader.
func (m *Machine) View() (core.View, error) { return &view{m, m.space.View()}, nil }

type view struct {
	m *Machine
	v *state.View
}

// Query answers from the frozen state, in an interpreter of its own for the time of the call.
func (v *view) Query(request []byte) core.Result {
	s, err := v.m.borrow()
	if err != nil {
		return failed(Error, err.Error())
	}
	defer v.m.giveBack(s)
	return s.query(v.v, request)
}

// Release ends the view.
func (v *view) Release() { v.v.Release() }

// borrow takes an idle interpreter or loads a new one.
func (m *Machine) borrow() (*script, error) {
	m.mu.Lock()
	if n := len(m.idle); n > 0 {
		s := m.idle[n-1]
		m.idle = m.idle[:n-1]
		m.mu.Unlock()
		return s, nil
	}
	m.mu.Unlock()
	return load(m.program)
}

// giveBack keeps an interpreter for the next query, if it is sound and there is room.
func (m *Machine) giveBack(s *script) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.view = nil; !s.vm.Broken() && len(m.idle) < m.config.Readers {
		m.idle = append(m.idle, s)
	}
}
