package sim

import (
	"math"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// linearizableChecker: the history of each register, as its clients saw it, is linearizable
// (Herlihy and Wing), which porcupine finds out without looking inside. An operation of unknown
// outcome may take effect at any time after its call; one that was refused does not take part.
type linearizableChecker struct {
	Bystander
	w *World
}

func newLinearizableChecker(w *World) Observer { return &linearizableChecker{w: w} }

// decidingTime bounds the search for one register. A search that is not over by then has found
// nothing wrong; the checkers that do look inside do not depend on it.
const decidingTime = 3 * time.Second

// observed is what the client of an operation saw.
type observed struct {
	known bool
	told  string
}

// Checkpoint implements Observer.
func (c *linearizableChecker) Checkpoint() {
	if !c.w.registers() {
		return
	}
	byKey, order := map[string][]porcupine.Operation{}, []string{}
	for _, op := range c.w.History {
		asked, ok := parse(op.Data)
		stale := op.Query && (!c.w.linearizable(op) || op.maybe())
		if !ok || op.Fate == Refused || stale || !modelled(op) {
			continue
		}
		seen := porcupine.Operation{ClientId: op.Client, Input: &asked, Call: int64(op.Call),
			Output: observed{op.Fate == Acked, op.told()}, Return: int64(op.Return)}
		if op.maybe() {
			seen.Return = math.MaxInt64
		}
		if byKey[asked.key] == nil {
			order = append(order, asked.key)
		}
		byKey[asked.key] = append(byKey[asked.key], seen)
	}
	for _, key := range order {
		list := withoutUnseen(byKey[key])
		if porcupine.CheckOperationsTimeout(oneRegister(), list, decidingTime) == porcupine.Illegal {
			c.w.Fail("linearizable", "%d operations on %v have no order", len(list), decoded(key))
		}
	}
}

// modelled reports whether the model knows of what the operation came to. The failures that it does
// not know have no effect.
func modelled(op *Operation) bool {
	f := op.Reply.Result.Failure
	return op.Fate != Acked || f == nil || f.Code == "conflict"
}

// searched is a register as porcupine sees it. The search takes the same steps over and over, so
// values are numbered, and each step is worked out once.
type searched struct {
	values  []string
	numbers map[string]int // of values
	steps   map[step]stepped
}

// step is a call, which is one of a history, on the value with a number.
type step struct {
	was   int
	asked *call
}

type stepped struct {
	now  int
	told string
}

// oneRegister is a model for one search.
func oneRegister() porcupine.Model {
	r := &searched{numbers: map[string]int{}, steps: map[step]stepped{}}
	first := r.number(nothing)
	return porcupine.Model{
		Init: func() any { return first },
		Step: func(state, input, output any) (bool, any) {
			s, seen := r.step(step{state.(int), input.(*call)}), output.(observed)
			return !seen.known || seen.told == s.told, s.now
		},
		Hash: func(state any) uint64 { return uint64(state.(int)) },
	}
}

func (r *searched) number(value string) int {
	n, ok := r.numbers[value]
	if !ok {
		n = len(r.values)
		r.values, r.numbers[value] = append(r.values, value), n
	}
	return n
}

func (r *searched) step(s step) stepped {
	after, ok := r.steps[s]
	if !ok {
		now, told := s.asked.on(r.values[s.was])
		after = stepped{r.number(now), told}
		r.steps[s] = after
	}
	return after
}

// withoutUnseen leaves out writes of unknown outcome whose value nobody saw: they may stand at the
// end, where they harm nobody. It is so only for values that are written once, and where all
// answers are values.
func withoutUnseen(list []porcupine.Operation) []porcupine.Operation {
	seen := map[string]bool{}
	for i := range list {
		asked := list[i].Input.(*call)
		switch asked.name {
		case "get":
			seen[list[i].Output.(observed).told] = true
		case "cas":
			if out := list[i].Output.(observed); out.known && strings.HasPrefix(out.told, "!") {
				return list // any value may have stood in its way
			}
			seen[encoded(asked.args[1])] = true
		case "put":
		default:
			return list
		}
	}
	kept := list[:0:0]
	for i := range list {
		asked := list[i].Input.(*call)
		unseen := !list[i].Output.(observed).known &&
			(asked.name == "put" && !seen[encoded(asked.args[1])] ||
				asked.name == "cas" && !seen[encoded(asked.args[2])])
		if !unseen {
			kept = append(kept, list[i])
		}
	}
	return kept
}
