package scripting

import (
	"encoding/binary"
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/sandbox"
	"github.com/tidelock-raft/tidelock/scripting/state"
	"github.com/tidelock-raft/tidelock/scripting/value"
)

// Event is what a command emitted. All replicas have the same events in the same order.
type Event struct {
	Index  core.Index // of the command's entry
	Number uint32     // within the entry, from 0
	Topic  string
	Value  []byte // canonical, of package value; read-only
}

// eventKey is the key of an event of this entry; good until the next call.
func (e *effects) eventKey(number int) []byte {
	e.key = appendEventKey(e.key[:0], e.index, uint32(number))
	return e.key
}

func appendEventKey(dst []byte, index core.Index, number uint32) []byte {
	dst = binary.BigEndian.AppendUint64(append(dst, firstString...), uint64(index))
	return binary.BigEndian.AppendUint32(dst, number)
}

// eventOf takes a pair apart that emit made, or that was checked.
func eventOf(p state.Pair) Event {
	r := value.NewReader(raw(p.Val))
	_, _ = r.Next() // the array
	topic, _ := r.Next()
	return Event{
		Index:  core.Index(binary.BigEndian.Uint64(raw(p.Key[1:]))),
		Number: binary.BigEndian.Uint32(raw(p.Key[9:])),
		Topic:  text(topic.Bytes), Value: raw(p.Val)[r.Pos():],
	}
}

// emit adds an event whose topic and value, as [topic, value], are val. The error says why not.
func (e *effects) emit(val []byte) error {
	size := e.madeSize() + len(val)
	switch {
	case e.space.Mark() == MaxEffects:
		return errEffects
	case len(val) > MaxEvent:
		return fmt.Errorf("an event of more than %d bytes", MaxEvent)
	case size > MaxEmitted:
		return fmt.Errorf("more than %d bytes of events in one command", MaxEmitted)
	}
	e.made = append(e.made, made{e.space.Mark(), size})
	e.space.Set(eventsAt, e.eventKey(e.events+len(e.made)-1), val)
	return nil
}

var errEffects = fmt.Errorf("more than %d events and timers set or cancelled in one command",
	MaxEffects)

// emitted is the global function: emit(topic, value).
func (s *script) emitted(*sandbox.VM) int {
	L := s.vm.L
	e := s.outside("emit")
	topic, ok := L.Get(1).(lua.LString)
	if !ok || topic == "" || len(topic) > MaxTopic || topic[0] == '@' {
		L.RaiseError("emit: the topic must be a string of 1 to %d bytes that does not begin with @",
			MaxTopic)
	}
	val := value.AppendString(value.AppendArray(e.val[:0], 2), string(topic))
	val, err := s.encode(val, L.Get(2), 1)
	if err != nil {
		L.RaiseError("emit: this value cannot be stored: %s", err)
	}
	e.val = val
	s.vm.Charge(20+len(val)/16, timerCost+len(val))
	if err := e.emit(val); err != nil {
		L.RaiseError("emit: %s", err)
	}
	return 0
}

// eventsQuery is the query that reads the history: @events(topic, index, limit, number). It answers
// {first, events, next}: events from that entry and number on, of any topic if topic is nil, each
// {index, number, topic, value}; where to go on, as {index, number}; and first, the first index
// from which on no event has been dropped.
const eventsQuery = "@events"

// The bounds of an answer to eventsQuery.
const (
	maxListed     = 1000
	maxListedSize = 512 << 10
)

// history answers eventsQuery.
func (v *view) history(a *arguments) core.Result {
	var q listing
	if err := q.read(&a.c); err != nil {
		return failed(BadArguments, eventsQuery+": "+err.Error())
	}
	return core.Result{Value: q.answer(v.effects)}
}

// listing is a call of eventsQuery or of changesQuery.
type listing struct {
	topic  string // or prefix; empty: any
	index  core.Index
	number uint32
	limit  int

	found  int
	size   int
	events []byte
}

func (q *listing) read(c *call) error {
	if c.arguments > 4 {
		return fmt.Errorf("takes 4 arguments, got %d", c.arguments)
	}
	numbers := [3]float64{0, maxListed, 0}
	for i := range c.arguments {
		t, err := c.r.Next()
		switch {
		case err != nil:
			return err
		case t.Kind == value.Nil:
		case i == 0 && t.Kind == value.String:
			q.topic = string(t.Bytes)
		case i == 0:
			return fmt.Errorf("argument 1 is a %s, want a string or nil", t.Kind)
		default:
			n, ok := value.Integer(t.Number)
			if t.Kind != value.Number || !ok || n < 0 || i == 3 && n >= 1<<32 {
				return fmt.Errorf("argument %d must be an integer from 0 on", i+1)
			}
			numbers[i-1] = t.Number
		}
	}
	if c.r.More() {
		return fmt.Errorf("bytes behind the call")
	}
	q.index, q.number = core.Index(numbers[0]), uint32(numbers[2])
	q.limit = int(min(numbers[1], maxListed))
	return nil
}

// answer lists events of a view until there are enough.
func (q *listing) answer(v *state.View) []byte {
	first := core.Index(1)
	if v == nil {
		v = state.New(effectNames).Live()
	}
	if val, ok := v.Get(eventsAt, lostKey()); ok {
		r := value.NewReader(raw(val))
		lost, _ := r.Next()
		first += core.Index(lost.Number)
	}
	lo := string(appendEventKey(nil, q.index, q.number))
	for more := q.limit > 0; more; {
		page := v.Page(nil, eventsAt, lo, "", pageSize)
		more = len(page) == pageSize
		for _, p := range page {
			event := eventOf(p)
			if full := q.size+len(p.Val) > maxListedSize && q.found > 0; full || q.found == q.limit {
				more = false
				break
			}
			q.index, q.number, lo = event.Index, event.Number+1, p.Key+"\x00"
			if q.topic == "" || q.topic == event.Topic {
				q.add(event)
			}
		}
	}
	return q.page(first, true)
}

// page is the answer: what was found, and from which index on nothing has been dropped, if that is
// known.
func (q *listing) page(first core.Index, known bool) []byte {
	fields := 2
	if known {
		fields = 3
	}
	dst := value.AppendMap(nil, fields)
	dst = value.AppendArray(value.AppendString(dst, "events"), q.found)
	dst = append(dst, q.events...)
	if known {
		dst = value.AppendNumber(value.AppendString(dst, "first"), float64(first))
	}
	dst = value.AppendArray(value.AppendString(dst, "next"), 2)
	dst = value.AppendNumber(dst, float64(q.index))
	return value.AppendNumber(dst, float64(q.number))
}

func (q *listing) add(e Event) {
	q.found++
	q.size += len(e.Topic) + len(e.Value)
	dst := value.AppendMap(q.events, 4-absent(e.Value))
	dst = value.AppendNumber(value.AppendString(dst, "index"), float64(e.Index))
	dst = value.AppendNumber(value.AppendString(dst, "number"), float64(e.Number))
	dst = value.AppendString(value.AppendString(dst, "topic"), e.Topic)
	if absent(e.Value) == 0 {
		dst = append(value.AppendString(dst, "value"), e.Value...)
	}
	q.events = dst
}

// absent is 1 for nil: a canonical map has no such values.
func absent(val []byte) int {
	if r := value.NewReader(val); r.More() {
		if t, err := r.Next(); err == nil && t.Kind == value.Nil {
			return 1
		}
	}
	return 0
}
