package sim

import (
	"bytes"
	_ "embed" // for the machine that clients use
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
)

//go:embed machines/registers.lua
var registersLua []byte

// Registers is the machine that simulated clients use: values, counters, short lists, and commands
// that fail in every way.
func Registers() scripting.Source {
	return scripting.Source{Name: "registers.lua", Text: registersLua}
}

// registers reports whether the world's machine is one that the model knows.
func (w *World) registers() bool {
	return w.Options.Script == nil || bytes.Equal(w.source.Text, registersLua)
}

// DefaultWorkload returns what clients ask of Registers: a mix that is drawn once for each world,
// so that each has its own keys, its own hot ones, and some kinds of operation that others lack.
func DefaultWorkload(w *World) func(c *Client) *Operation {
	m := drawMix(w.workload)
	return func(c *Client) *Operation { return m.next(c) }
}

// mix says what clients ask for.
type mix struct {
	keys    int     // of each sort
	hot     float64 // chance that an operation concerns the first key
	session bool    // commands belong to sessions
	weights []int   // of activities
	sum     int
}

// activity is a kind of operation. Its weight is drawn up to most, zero every other time but for
// those that are always there.
type activity struct {
	most   int
	always bool
	make   func(m *mix, c *Client) *Operation
}

// activities are what clients do. Sorts of key do not mix, so that counters stay numbers, and the
// histories of most registers are those of reads and writes alone.
var activities = []activity{
	{most: 40, always: true, make: func(m *mix, c *Client) *Operation {
		return &Operation{Name: "put", Args: []any{m.key(c, "ard"), c.mark()}}
	}},
	{most: 40, always: true, make: func(m *mix, c *Client) *Operation {
		return m.get(c, core.Linearizable)
	}},
	{most: 20, make: func(m *mix, c *Client) *Operation {
		return m.get(c, core.Stale)
	}},
	{most: 30, make: func(m *mix, c *Client) *Operation { return m.get(c, core.Lease) }},
	{most: 20, make: func(m *mix, c *Client) *Operation { return m.get(c, core.Bounded) }},
	{most: 20, make: func(m *mix, c *Client) *Operation {
		key := m.key(c, "ad")
		return &Operation{Name: "cas", Args: []any{key, c.seen[key], c.mark()}}
	}},
	{most: 10, make: func(m *mix, c *Client) *Operation {
		return &Operation{Name: "del", Args: []any{m.key(c, "d"), c.mark()}}
	}},
	{most: 20, make: func(m *mix, c *Client) *Operation {
		return &Operation{Name: "incr", Args: []any{m.key(c, "c"), 1 + c.w.workload.IntN(9), c.mark()}}
	}},
	{most: 20, make: func(m *mix, c *Client) *Operation {
		return &Operation{Name: "append", Args: []any{m.key(c, "l"), c.mark()}}
	}},
	{most: 3, make: stumbling("spin")}, {most: 3, make: stumbling("swell")},
	{most: 5, make: stumbling("stumble")}, {most: 3, make: stumbling("nonsense")},
	{most: 1, make: func(_ *mix, c *Client) *Operation {
		return &Operation{Name: "spin", Query: true, Level: core.Stale}
	}},
	{most: 5, make: func(_ *mix, c *Client) *Operation {
		return &Operation{Name: "shout", Args: []any{1 + c.w.workload.IntN(20), c.mark()}}
	}},
	{most: 5, make: func(_ *mix, c *Client) *Operation {
		return &Operation{Name: "later", Args: []any{c.w.workload.IntN(2000), c.mark()}}
	}},
	{most: 2, make: push}, {most: 1, make: rollback},
}

func drawMix(rng *rand.Rand) *mix {
	m := &mix{keys: 1 + rng.IntN(6), hot: rng.Float64() * rng.Float64(),
		session: rng.IntN(2) == 0}
	for _, a := range activities {
		weight := 0
		if a.always || rng.IntN(2) == 0 {
			weight = 1 + rng.IntN(a.most)
		}
		m.weights = append(m.weights, weight)
		m.sum += weight
	}
	return m
}

// next draws an operation. One that was refused, or whose outcome is unknown, is often asked for
// once more, elsewhere.
func (m *mix) next(c *Client) *Operation {
	rng := c.w.workload
	last := c.last
	if last != nil && last.Fate > Acked && !m.session && !c.again && rng.IntN(2) == 0 {
		c.again = true
		return &Operation{Name: last.Name, Args: last.Args, Data: last.Data, Query: last.Query,
			Level: last.Level, AtLeast: last.AtLeast, MaxStale: last.MaxStale}
	}
	c.again = false
	n, i := rng.IntN(m.sum), 0
	for n >= m.weights[i] {
		n -= m.weights[i]
		i++
	}
	op := activities[i].make(m, c)
	if m.session {
		return c.InSession(op)
	}
	return op
}

// key draws a key of one of the sorts, each of which is a letter.
func (m *mix) key(c *Client, sorts string) string {
	rng, n := c.w.workload, 0
	if rng.Float64() >= m.hot {
		n = rng.IntN(m.keys)
	}
	return fmt.Sprintf("%c%d", sorts[rng.IntN(len(sorts))], n)
}

// get reads a register at some level. Some reads have to show all that their client was told
// before, and a few of those an entry that is yet to come.
func (m *mix) get(c *Client, level core.ReadLevel) *Operation {
	op := &Operation{Name: "get", Args: []any{m.key(c, "arcdl")}, Query: true, Level: level}
	rng := c.w.workload
	if level == core.Bounded {
		op.MaxStale = core.Instant(rng.Int64N(int64(2 * Second)))
	}
	if c.newest > 0 && rng.IntN(4) == 0 {
		op.AtLeast = c.newest + core.Index(rng.IntN(2)*rng.IntN(4))
	}
	return op
}

// stumbling asks for a command that leaves no trace.
func stumbling(name string) func(*mix, *Client) *Operation {
	return func(_ *mix, c *Client) *Operation { return &Operation{Name: name, Args: []any{c.mark()}} }
}

// push asks for a new version of the script that runs.
func push(m *mix, c *Client) *Operation {
	running, ok := c.running()
	if !ok {
		return stumbling("nonsense")(m, c)
	}
	src := Registers()
	line := fmt.Sprintf("version = %d, --", running.Version+1)
	src.Text = []byte(strings.Replace(string(src.Text), "version = ", line, 1))
	data, err := scripting.EncodePush(src, running.Hash)
	if err != nil {
		c.w.Fail("workload", "encode a script: %v", err)
	}
	return &Operation{Name: "@push", Args: []any{running.Version + 1}, Data: data}
}

// rollback asks for the version before.
func rollback(m *mix, c *Client) *Operation {
	running, ok := c.running()
	if !ok {
		return stumbling("nonsense")(m, c)
	}
	data, err := scripting.EncodeRollback(running.Hash)
	if err != nil {
		c.w.Fail("workload", "encode a rollback: %v", err)
	}
	return &Operation{Name: "@rollback", Args: []any{running.Version}, Data: data}
}

// running looks at the script of some host.
func (c *Client) running() (id scripting.Identity, ok bool) {
	h := c.w.Hosts[c.w.workload.IntN(len(c.w.Hosts))]
	if !h.Up() || !c.w.registers() || !h.Machine.Ready() {
		return id, false
	}
	return h.Machine.Running()
}
