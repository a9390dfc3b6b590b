package sim

import (
	"hash/crc32"
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
const decidingTime = 20 * time.Second

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
		seen := porcupine.Operation{ClientId: op.Client, Input: asked, Call: int64(op.Call),
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

// oneRegister is a register as porcupine sees it.
func oneRegister() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return nothing },
		Step: func(state, input, output any) (bool, any) {
			now, told := input.(call).on(state.(string))
			seen := output.(observed)
			return !seen.known || seen.told == told, now
		},
		Hash: func(state any) uint64 { return uint64(crc32.ChecksumIEEE([]byte(state.(string)))) },
	}
}

// withoutUnseen leaves out writes of unknown outcome whose value nobody saw: they may stand at the
// end, where they harm nobody. It is so only for values that are written once, and where all
// answers are values.
func withoutUnseen(list []porcupine.Operation) []porcupine.Operation {
	seen := map[string]bool{}
	for i := range list {
		asked := list[i].Input.(call)
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
		asked := list[i].Input.(call)
		unseen := !list[i].Output.(observed).known &&
			(asked.name == "put" && !seen[encoded(asked.args[1])] ||
				asked.name == "cas" && !seen[encoded(asked.args[2])])
		if !unseen {
			kept = append(kept, list[i])
		}
	}
	return kept
}
