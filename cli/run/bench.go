package run

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/tidelock-raft/tidelock/cli/internal/calls"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
)

// The codes of errors that are not the machine's.
const (
	badLine         = "bad_line"  // the line is no call; nothing was done
	brokenInvariant = "invariant" // the command was carried out, and the state is not as it should be
)

// bench is a machine on its own, with a clock that stands still.
type bench struct {
	src     scripting.Source
	machine *scripting.Machine
	index   core.Index
	now     int64             // milliseconds
	last    int64             // the time of the newest entry
	events  []scripting.Event // of the line
	broken  bool              // a line could not be read, or an invariant did not hold
}

// use goes on with this machine.
func (b *bench) use(m *scripting.Machine) {
	b.machine = m
	m.OnEvents(func(events []scripting.Event) { b.events = append(b.events, events...) })
}

// outcome is what is printed for a line.
type outcome struct {
	Result json.RawMessage `json:"result,omitempty"`
	Error  *problem        `json:"error,omitempty"`
	Events []event         `json:"events,omitempty"`
	Gas    int64           `json:"gas"`
	Bytes  int64           `json:"bytes"`
	Digest string          `json:"digest"`
}

type problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type event struct {
	Topic string          `json:"topic"`
	Value json.RawMessage `json:"value"`
}

const (
	maxTime  = 1 << 43 // keeps the clock within the nanoseconds of an entry
	maxFires = 10_000  // timers that fire before one line, about; more wait for the next
)

// do carries out one line. An error means that the machine cannot go on.
func (b *bench) do(line []byte) (out outcome, err error) {
	r, err := calls.Parse(line)
	if err == nil && r.Time != nil && (*r.Time < b.now || *r.Time > maxTime) {
		err = fmt.Errorf("it is %d ms, and cannot become %d", b.now, *r.Time)
	}
	if err != nil {
		b.broken = true
		return b.failed(badLine, err.Error()), nil
	}
	if r.Time != nil {
		b.now = *r.Time
	}
	b.events = nil
	fired, err := b.fire()
	if err != nil {
		return out, err
	}
	switch {
	case r.Command != nil:
		var result core.Result
		result, err = b.apply(b.now, r.Command)
		out = b.answered(result)
		b.now++
	case r.Query != nil:
		out = b.answered(b.machine.Query(r.Query))
		b.now++
	default:
		out = outcome{Result: asJSON(nil), Digest: b.digest()}
	}
	if fired || r.Command != nil {
		b.checkInvariant(&out)
	}
	for _, e := range b.events {
		value, _ := scripting.DecodeValue(e.Value) // the machine made it
		out.Events = append(out.Events, event{e.Topic, asJSON(value)})
	}
	return out, err
}

// fire lets the timers fire that are due, each at its time, as an idle cluster would.
func (b *bench) fire() (fired bool, err error) {
	for count := int64(0); count < maxFires; {
		due, ok := b.machine.NextTimer()
		if !ok || due > b.now {
			break
		}
		result, err := b.apply(due, scripting.Fire())
		if err != nil {
			return false, err
		}
		value, _ := scripting.DecodeValue(result.Value)
		some, _ := value.(int64)
		count, fired = count+max(1, some), true
	}
	return fired, nil
}

// apply carries out a command at this time, or at that of the entry before if that is later.
func (b *bench) apply(ms int64, data []byte) (core.Result, error) {
	b.index++
	b.last = max(b.last, ms)
	results, err := b.machine.Apply(nil, []core.Entry{{
		Position: core.Position{Term: 1, Index: b.index}, Kind: core.EntryCommand,
		Time: b.last * 1e6, Data: data,
	}})
	if err != nil {
		return core.Result{}, err
	}
	return results[0], nil
}

// checkInvariant makes an outcome tell that the state is not as it should be.
func (b *bench) checkInvariant(out *outcome) {
	if failure := b.machine.Invariant(); failure != nil {
		b.broken = true
		out.Result, out.Error = nil, &problem{brokenInvariant, failure.Error()}
	}
}

func (b *bench) answered(r core.Result) outcome {
	out := outcome{Digest: b.digest()}
	if r.Failure != nil {
		out = b.failed(r.Failure.Code, r.Failure.Message)
	} else if value, err := scripting.DecodeValue(r.Value); err != nil {
		out = b.failed(scripting.Error, err.Error())
	} else {
		out.Result = asJSON(value)
	}
	out.Gas, out.Bytes = b.machine.Spent()
	return out
}

func (b *bench) failed(code, message string) outcome {
	return outcome{Error: &problem{code, message}, Digest: b.digest()}
}

func (b *bench) digest() string { return fmt.Sprintf("%016x", b.machine.Digest()) }

// asJSON is a value as JSON; as text, where it has a number that JSON has not.
func asJSON(value any) json.RawMessage {
	if value == nil {
		return json.RawMessage("null")
	}
	text := remote.Text(value)
	if _, isText := value.(string); !isText && json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	var quoted bytes.Buffer
	if err := remote.PrintJSON(&quoted, text); err != nil {
		return json.RawMessage("null")
	}
	return bytes.TrimSpace(quoted.Bytes())
}
