// Package counter is a machine written in Go: one number that commands add to. It is a plugin from
// outside of Tidelock's own module, and speaks the language of calls, so that raft-client can talk
// to it: raft-client call add 5, raft-client query value.
package counter

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/plugins"
	"github.com/tidelock-raft/tidelock/scripting/value"
)

func init() {
	plugins.RegisterMachine("counter", func(plugins.Env, struct{}) (core.StateMachine, error) {
		return new(Counter), nil
	})
}

// Counter is a core.StateMachine, a core.Reader and a core.Digester. The zero value is at 0.
type Counter struct{ sum int64 }

// Apply implements core.StateMachine.
func (c *Counter) Apply(dst []core.Result, entries []core.Entry) ([]core.Result, error) {
	for _, e := range entries {
		n, ok := amount(e.Data)
		switch {
		case !ok:
			dst = append(dst, failure("usage", "the one command is add, with a whole number"))
		case c.sum+n > value.MaxInteger, c.sum+n < -value.MaxInteger:
			dst = append(dst, failure("overflow", "the sum would not fit into 53 bits"))
		default:
			c.sum += n
			dst = append(dst, c.value())
		}
	}
	return dst, nil
}

// amount reads the call add(n).
func amount(data []byte) (int64, bool) {
	call, err := value.ToAny(data)
	list, ok := call.([]any)
	if err != nil || !ok || len(list) != 2 || list[0] != "add" {
		return 0, false
	}
	n, ok := list[1].(int64)
	return n, ok
}

func failure(code, message string) core.Result {
	return core.Result{Failure: &core.Failure{Code: code, Message: message}}
}

func (c *Counter) value() core.Result {
	return core.Result{Value: value.AppendNumber(nil, float64(c.sum))}
}

// Query implements core.StateMachine: whatever is asked, the answer is the sum.
func (c *Counter) Query([]byte) core.Result { return c.value() }

// View implements core.Reader.
func (c *Counter) View() (core.View, error) { return state{*c}, nil }

// Snapshot implements core.StateMachine.
func (c *Counter) Snapshot() (core.Snapshot, error) { return state{*c}, nil }

// state is a counter that stays as it is: a core.View and a core.Snapshot.
type state struct{ Counter }

func (s state) Query(request []byte) core.Result { return s.Counter.Query(request) }

func (s state) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(binary.BigEndian.AppendUint64(nil, uint64(s.sum)))
	return int64(n), err
}

func (s state) Release() {}

// Restore implements core.StateMachine.
func (c *Counter) Restore(r io.Reader) error {
	body, err := io.ReadAll(io.LimitReader(r, 9))
	if err != nil {
		return err
	}
	if len(body) != 8 {
		return &core.CorruptError{Path: "counter", Offset: -1, Err: errors.New("want 8 bytes")}
	}
	c.sum = int64(binary.BigEndian.Uint64(body))
	return nil
}

// Digest implements core.Digester; zero would not be compared.
func (c *Counter) Digest() uint64 { return uint64(c.sum)*0x9E3779B97F4A7C15 | 1<<63 }

// Close implements core.StateMachine.
func (c *Counter) Close() error { return nil }
