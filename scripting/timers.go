package scripting

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/sandbox"
	"github.com/tidelock-raft/tidelock/scripting/state"
	"github.com/tidelock-raft/tidelock/scripting/value"
)

// fireCommand is the command that fires every timer that is due at its entry's time. It has no
// arguments; its result is how many it fired.
const fireCommand = "@fire"

// Fire is the command that fires the timers that are due.
func Fire() []byte { return value.AppendString(value.AppendArray(nil, 1), fireCommand) }

// NextTimer is when the first timer is due, in milliseconds of log time; ok is false if there is
// none. It may be called from any goroutine.
func (m *Machine) NextTimer() (ms int64, ok bool) {
	due := m.effects.due.Load()
	return due, due != noTimer
}

// OnTimer has f called whenever NextTimer has changed, on the goroutine that applies. f must not
// block. OnTimer is called before the machine is used.
func (m *Machine) OnTimer(f func()) { m.effects.onTimer = f }

// OnEvents has f called with the events of a batch after it was applied, on the goroutine that
// applies. f must not block, and may keep the events. What a snapshot brings is not told. OnEvents
// is called before the machine is used.
func (m *Machine) OnEvents(f func([]Event)) { m.effects.onEvent = f }

// timerID names a timer. Timers fire in the order of their ids.
type timerID struct {
	due    int64 // milliseconds
	index  core.Index
	number uint32
}

// String is what scripts hold of a timer.
func (id timerID) String() string { return fmt.Sprintf("%d-%d-%d", id.due, id.index, id.number) }

// parseTimer reads what String wrote, and nothing else.
func parseTimer(s string) (id timerID, ok bool) {
	n, err := fmt.Sscanf(s, "%d-%d-%d", &id.due, &id.index, &id.number)
	return id, err == nil && n == 3 && id.String() == s
}

// appendKey makes the key of a timer. Ids are ordered as their keys are.
func (id timerID) appendKey(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(append(dst, firstString...), uint64(id.due)^1<<63)
	dst = binary.BigEndian.AppendUint64(dst, uint64(id.index))
	return binary.BigEndian.AppendUint32(dst, id.number)
}

// timerOf takes a key apart that appendKey made.
func timerOf(key string) timerID {
	b := raw(key)
	return timerID{
		int64(binary.BigEndian.Uint64(b[1:]) ^ 1<<63),
		core.Index(binary.BigEndian.Uint64(b[9:])), binary.BigEndian.Uint32(b[17:]),
	}
}

// schedule sets a timer. The error says why not.
func (e *effects) schedule(due int64, call []byte) (timerID, error) {
	id := timerID{due, e.index, e.timers}
	switch {
	case e.space.Mark() == MaxEffects:
		return id, errEffects
	case len(call) > MaxTimerCall:
		return id, fmt.Errorf("a command of more than %d bytes", MaxTimerCall)
	case e.live.Len(timersAt) >= MaxTimers:
		return id, fmt.Errorf("more than %d timers", MaxTimers)
	}
	e.timers++
	e.key = id.appendKey(e.key[:0])
	e.changed = true
	e.space.Set(timersAt, e.key, call)
	return id, nil
}

// cancel removes a timer and reports whether it was there.
func (e *effects) cancel(id timerID) (bool, error) {
	e.key = id.appendKey(e.key[:0])
	if _, ok := e.live.Get(timersAt, e.key); !ok {
		return false, nil
	}
	if e.space.Mark() == MaxEffects {
		return false, errEffects
	}
	e.changed = true
	e.space.Set(timersAt, e.key, nil)
	return true, nil
}

// timerFunctions are the functions of the table timer.
func (s *script) timerFunctions() map[string]sandbox.Function {
	return map[string]sandbox.Function{"at": s.timerAt, "cancel": s.timerCancel}
}

// timerAt is timer.at(ms, command, ...).
func (s *script) timerAt(v *sandbox.VM) int {
	e := s.outside("timer.at")
	due, whole := int64(0), false
	if ms, ok := v.L.Get(1).(lua.LNumber); ok {
		due, whole = value.Integer(float64(ms))
	}
	name, _ := v.L.Get(2).(lua.LString)
	arguments := max(0, v.L.GetTop()-2)
	switch f := s.commands[string(name)]; {
	case !whole:
		v.L.RaiseError("timer.at: the time must be an integer, in milliseconds, as ctx.time() is")
	case f == nil:
		v.L.RaiseError("timer.at: %s has no command '%s'", s.name, shown(v.L.Get(2)))
	case arguments > MaxArguments || arguments > int(f.Proto.NumParameters) && f.Proto.IsVarArg == 0:
		v.L.RaiseError("timer.at: %d arguments are too many for %s", arguments, string(name))
	}
	call := value.AppendString(value.AppendArray(e.val[:0], 1+arguments), string(name))
	for i := range arguments {
		var err error
		if call, err = s.encode(call, v.L.Get(3+i), 1); err != nil {
			v.L.RaiseError("timer.at: argument %d of %s: %s", i+1, string(name), err)
		}
	}
	e.val = call
	v.Charge(20+len(call)/16, timerCost+len(call))
	id, err := e.schedule(due, call)
	if err != nil {
		v.L.RaiseError("timer.at: %s", err)
	}
	v.L.Push(lua.LString(id.String()))
	return 1
}

// timerCancel is timer.cancel(id).
func (s *script) timerCancel(v *sandbox.VM) int {
	e := s.outside("timer.cancel")
	text, _ := v.L.Get(1).(lua.LString)
	v.Charge(20, 0)
	id, ok := parseTimer(string(text[:min(len(text), 64)]))
	if !ok {
		v.L.RaiseError("timer.cancel: the id must be what timer.at returned")
	}
	had, err := e.cancel(id)
	if err != nil {
		v.L.RaiseError("timer.cancel: %s", err)
	}
	v.L.Push(lua.LBool(had))
	return 1
}

// fire carries out the commands of the timers that are due, in order, each as a command of its own.
// Once they have taken as many steps as one command may take, the rest is for the next entry.
func (m *Machine) fire(e *core.Entry, a *arguments) (core.Result, error) {
	if failure := a.end(); failure != nil {
		return core.Result{Failure: failure}, nil
	}
	nobody := *e // whoever calls @fire, timers are nobody's
	nobody.Client = 0
	now, fired := e.Time/1e6, 0
	most, spent := m.writer.vm.Limits().Steps, sandbox.Limits{}
	for ; fired < MaxFired && spent.Steps < most; fired++ {
		timer, ok := m.effects.takeDue(now)
		if !ok {
			break
		}
		result := m.carryOut(&nobody, m.writer.open(raw(timer.Val)), uint64(fired+1))
		spent.Steps, spent.Bytes = spent.Steps+m.spent.Steps, spent.Bytes+m.spent.Bytes
		if result.Failure != nil {
			m.effects.reportFailure(timer, result.Failure)
		}
		if err := m.mend(e.Index); err != nil {
			return core.Result{}, err
		}
	}
	m.spent = spent
	return core.Result{Value: value.AppendNumber(nil, float64(fired))}, nil
}

// takeDue removes the first timer if it is due.
func (e *effects) takeDue(now int64) (state.Pair, bool) {
	if due := e.due.Load(); due == noTimer || due > now {
		return state.Pair{}, false
	}
	e.page = e.live.Page(e.page[:0], timersAt, "", "", 1)
	timer := state.Pair{Key: strings.Clone(e.page[0].Key), Val: strings.Clone(e.page[0].Val)}
	e.space.Set(timersAt, raw(timer.Key), nil)
	e.changed = true
	e.commit()
	return timer, true
}

// reportFailure makes an event of a timer's command that failed. All that is in it is bounded.
func (e *effects) reportFailure(timer state.Pair, f *core.Failure) {
	c, _ := openCall(raw(timer.Val))
	val := value.AppendString(value.AppendArray(nil, 2), failuresTopic)
	val = value.AppendMap(val, 4)
	val = value.AppendString(value.AppendString(val, "code"), f.Code)
	val = value.AppendString(value.AppendString(val, "command"), c.name)
	val = value.AppendString(value.AppendString(val, "message"), f.Message)
	val = value.AppendString(value.AppendString(val, "timer"), timerOf(timer.Key).String())
	if e.emit(val) == nil {
		e.commit()
	}
}

// checkTimer reports whether a pair is one that schedule makes.
func checkTimer(p state.Pair) error {
	_, err := openCall(raw(p.Val))
	switch {
	case len(p.Key) != len(firstString)+20 || p.Key[:1] != firstString:
		return errors.New("not the key of a timer")
	case err != nil:
		return fmt.Errorf("timer %s: %w", timerOf(p.Key), err)
	case len(p.Val) > MaxTimerCall:
		return fmt.Errorf("timer %s: %d bytes, at most %d", timerOf(p.Key), len(p.Val), MaxTimerCall)
	case timerOf(p.Key).due == noTimer:
		return fmt.Errorf("timer %s: beyond all time", timerOf(p.Key))
	}
	return nil
}
