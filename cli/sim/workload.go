package sim

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/sim"
	"github.com/tidelock-raft/tidelock/scripting"
	"github.com/tidelock-raft/tidelock/scripting/luatest"
)

// machine is a script, and what can be asked of it.
type machine struct {
	source   scripting.Source
	size     int           // of the entry that installs it
	tests    *luatest.File // nil: there is none, or it has no workload
	commands []signature
	queries  []signature
}

// signature is a command or a query.
type signature struct {
	name       string
	parameters int
}

// load reads a script and the workload beside it. Errors are exit.ErrUsage, if there is no such
// file, and exit.ErrRefused.
func load(path string) (*machine, error) {
	src, err := scripting.ReadSource(path)
	if err != nil {
		return nil, exit.Mark(err, exit.ErrUsage)
	}
	lua, err := scripting.New(src, scripting.Config{Readers: 1})
	if err != nil {
		return nil, exit.Mark(err, exit.ErrRefused)
	}
	defer lua.Close()
	install, err := scripting.EncodeInstall(src)
	if err != nil {
		return nil, exit.Mark(err, exit.ErrRefused)
	}
	m := &machine{source: src, size: len(install)}
	for _, name := range lua.Commands() {
		m.commands = append(m.commands, signature{name, lua.Parameters(name)})
	}
	for _, name := range lua.Queries() {
		m.queries = append(m.queries, signature{name, lua.Parameters(name)})
	}
	beside := luatest.Beside(path)
	if _, err := os.Stat(beside); errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	tests, err := luatest.Load(beside)
	if err != nil {
		return nil, exit.Mark(err, exit.ErrRefused)
	}
	if tests.HasWorkload() {
		m.tests = tests
	}
	return m, nil
}

// commandBytes is how long a command of a workload may be, whatever is drawn from the seed.
const commandBytes = 64 << 10

// live has the clients of a world use the machine.
func (m *machine) live(o *sim.Options) {
	o.Script, o.Workload = &m.source, m.workload
	r := &o.Engine.Raft
	r.MaxMessageBytes = max(r.MaxMessageBytes, m.size+commandBytes)
	r.MaxUncommittedBytes = max(r.MaxUncommittedBytes, m.size+commandBytes)
}

// workload is what the clients of a world ask.
type workload struct {
	m       *machine
	w       *sim.World
	rng     *rand.Rand
	calls   *luatest.Workload // nil: drawn from the signatures
	mix     []habit
	queries int                    // percent of all that is asked
	pool    []any                  // that arguments of queries are drawn from
	session bool                   // commands belong to sessions, and are carried out once
	last    map[int]*sim.Operation // of each client
}

// streamCalls is the stream of chance that calls are drawn from. It is theirs alone: what is asked
// does not depend on when.
const streamCalls = 0x63616c6c73

// workload begins the workload of a world.
func (m *machine) workload(w *sim.World) func(*sim.Client) *sim.Operation {
	l := &workload{m: m, w: w, rng: rand.New(rand.NewPCG(w.Options.Seed, streamCalls))}
	l.queries, l.session, l.last = 10+10*l.rng.IntN(5), l.rng.IntN(2) == 0, map[int]*sim.Operation{}
	for _, draw := range pools {
		l.pool = append(l.pool, draw(l.rng))
	}
	if len(m.queries) == 0 {
		l.queries = 0
	}
	if m.tests == nil {
		l.mix = l.habits()
		return l.next
	}
	var err error
	if l.calls, err = m.tests.Workload(l.rng); err != nil {
		w.Fail(ruleWorkload, "%v", err)
	}
	return l.next
}

// ruleWorkload is what is broken if the workload fails.
const ruleWorkload = "workload"

// next draws an operation. One that was refused, or whose outcome is unknown, is asked for once
// more every other time, as programs do: without a session it may be carried out twice.
func (l *workload) next(c *sim.Client) *sim.Operation {
	last, op := l.last[c.ID], (*sim.Operation)(nil)
	if last != nil && last.Fate > sim.Acked && last.ID%2 == 0 && !last.Open {
		op = &sim.Operation{Name: last.Name, Args: last.Args, Query: last.Query, Level: last.Level,
			MaxStale: last.MaxStale}
	} else {
		op = l.draw()
	}
	if l.session {
		op = c.InSession(op)
	}
	l.last[c.ID] = op
	return op
}

func (l *workload) draw() *sim.Operation {
	switch {
	case l.rng.IntN(100) < l.queries || l.calls == nil && len(l.mix) == 0:
		return l.query()
	case l.calls == nil:
		return l.generated()
	}
	call, err := l.calls.Next(l.w.Hosts[0].Wall() / 1e6)
	if err != nil {
		l.w.Fail(ruleWorkload, "%v", err)
		return &sim.Operation{Name: "none"} // the world has come to its end
	}
	for _, arg := range call.Args {
		l.learn(arg)
	}
	named := func(s signature) bool { return s.name == call.Command }
	if !slices.ContainsFunc(l.m.commands, named) && slices.ContainsFunc(l.m.queries, named) {
		return l.asking(call.Command, call.Args)
	}
	return &sim.Operation{Name: call.Command, Args: call.Args}
}

// maxPool bounds the arguments that are remembered.
const maxPool = 64

// learn remembers an argument, in the place of another if there are many.
func (l *workload) learn(arg any) {
	if len(l.pool) < maxPool {
		l.pool = append(l.pool, arg)
	} else {
		l.pool[l.rng.IntN(maxPool)] = arg
	}
}

func (l *workload) query() *sim.Operation {
	if len(l.m.queries) == 0 {
		return &sim.Operation{Name: "none"} // it fails, which is an answer
	}
	q := l.m.queries[l.rng.IntN(len(l.m.queries))]
	args := make([]any, q.parameters)
	for i := range args {
		args[i] = l.pool[l.rng.IntN(len(l.pool))]
	}
	return l.asking(q.name, args)
}

func (l *workload) asking(name string, args []any) *sim.Operation {
	levels := [...]core.ReadLevel{core.Linearizable, core.Linearizable, core.Linearizable, core.Stale,
		core.Lease, core.Bounded}
	return &sim.Operation{Name: name, Args: args, Query: true,
		Level: levels[l.rng.IntN(len(levels))], MaxStale: sim.Second / 2}
}

// habit is how a command is called in one world, most of the time: otherwise hardly a call would
// fit those before it.
type habit struct {
	signature
	pools []int // of each argument
}

// habits draws which commands there are, and of what kinds their arguments.
func (l *workload) habits() (mix []habit) {
	for _, c := range l.m.commands {
		weight := l.rng.IntN(4) // of 0, none; but one command there must be
		if len(mix) == 0 {
			weight++
		}
		for range weight {
			h := habit{signature: c}
			for range c.parameters {
				h.pools = append(h.pools, l.rng.IntN(len(pools)))
			}
			mix = append(mix, h)
		}
	}
	return mix
}

// generated draws a command from the signatures.
func (l *workload) generated() *sim.Operation {
	h := l.mix[l.rng.IntN(len(l.mix))]
	args := make([]any, h.parameters)
	for i, pool := range h.pools {
		if l.rng.IntN(20) == 0 {
			pool = l.rng.IntN(len(pools))
		}
		args[i] = pools[pool](l.rng)
	}
	return &sim.Operation{Name: h.name, Args: args}
}

// pools are small, so that operations concern each other.
var pools = []func(*rand.Rand) any{
	word, word, word,
	number, number, number,
	func(rng *rand.Rand) any { return int64(rng.Uint64() >> (11 + rng.UintN(53))) },
	func(rng *rand.Rand) any { return rng.IntN(2) == 0 },
	func(rng *rand.Rand) any { return []any{word(rng), number(rng)}[:rng.IntN(3)] },
	func(rng *rand.Rand) any { return map[string]any{fmt.Sprint(word(rng)): number(rng)} },
	func(*rand.Rand) any { return nil },
}

func word(rng *rand.Rand) any { return string(rune('a' + rng.IntN(4))) }

func number(rng *rand.Rand) any { return rng.IntN(11) - 1 }
