package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/tidelock-raft/tidelock/core"
)

// check is what must hold of the history of one key, the last read included.
type check struct {
	name  string
	holds func(history []operation, final operation) error
}

// checks are all rules that are about one key.
var checks = []check{
	{"linearizable", linearizable},
	{"exactly once", exactlyOnce},
	{"refused left nothing", refusedLeftNothing},
	{"nothing is invented", nothingInvented},
}

// decidingTime bounds the search for an order of one key's history.
const decidingTime = 30 * time.Second

// linearizable: there is an order in which all was done, one after the other, each between call and
// return, that explains every answer (Herlihy and Wing). It is porcupine that looks for one. A
// command of unknown outcome may stand anywhere behind its call. Stale reads have no part in it.
func linearizable(history []operation, final operation) error {
	list := certain(history, final)
	switch porcupine.CheckOperationsTimeout(model(), list, decidingTime) {
	case porcupine.Ok:
		return nil
	case porcupine.Unknown:
		return fmt.Errorf("not decided within %v", decidingTime)
	}
	return fmt.Errorf("%d operations have no order", len(list))
}

// certain are the operations of which there has to be an order. Of commands of unknown outcome,
// which would make the search long, it takes what the reads tell: an element of a list has its
// place there, and a value that nobody read may stand at the end, where it harms nobody.
func certain(history []operation, final operation) []porcupine.Operation {
	all, place, opaque := append(slices.Clone(history), final), map[string]int{}, false
	for _, o := range all {
		opaque = opaque || o.Told == conflict // any value may have stood in its way
		if o.isQuery() && o.Fate == Acked && o.Kind != "count" {
			for i, word := range split(o.Told) {
				place[word] = i + 1
			}
		}
	}
	var list []porcupine.Operation
	for _, o := range all {
		if o.Fate == Refused || o.isQuery() && (o.Fate != Acked || o.Level == core.Stale) {
			continue
		}
		seen := porcupine.Operation{ClientId: o.Client, Call: int64(o.Call), Return: int64(o.Return)}
		if o.Fate == Unknown {
			at := place[o.Arg]
			if at == 0 && o.writes() && !opaque {
				continue
			}
			if seen.Return = math.MaxInt64; o.Kind == "append" {
				o.Fate, o.Told = Acked, strconv.Itoa(at)
			}
		}
		seen.Input, seen.Output = o, o
		list = append(list, seen)
	}
	return list
}

// model is one key of machine.lua, as text.
func model() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return "" },
		Step: func(state, input, _ any) (bool, any) {
			o := input.(operation)
			told, next := carryOut(o, state.(string))
			isTold := told == o.Told || told == "" && !o.isQuery() && o.Told != conflict
			return o.Fate == Unknown || isTold, next
		},
		DescribeOperation: func(input, _ any) string {
			o := input.(operation)
			return fmt.Sprintf("%s(%s) = %s %s", o.Kind, strings.Trim(o.Old+" "+o.Arg, " "), o.Told, o.Fate)
		},
		DescribeState: func(state any) string { return state.(string) },
	}
}

// carryOut is what an operation tells, nothing for done, and leaves.
func carryOut(o operation, state string) (told, next string) {
	switch o.Kind {
	case "put":
		return "", o.Arg
	case "cas":
		if state != o.Old {
			return conflict, state
		}
		return "", o.Arg
	case "incr":
		n, _ := strconv.Atoi(state) // nothing is 0
		next = strconv.Itoa(n + 1)
		return next, next
	case "append":
		next = strings.TrimPrefix(state+","+o.Arg, ",")
		return strconv.Itoa(strings.Count(next, ",") + 1), next
	case "count":
		if state == "" {
			return "0", state
		}
	}
	return state, state
}

// exactlyOnce, of counters and lists: every addition that was acknowledged has a place of its own
// in what is there in the end, the one that its client was told, and behind all that was answered
// before it was asked. What else is there is of unknown outcome, each at most once.
func exactlyOnce(history []operation, final operation) error {
	if final.Kind == "get" {
		return nil
	}
	elements := split(final.Told)
	size := len(elements)
	if final.Kind == "count" {
		elements = nil
		size, _ = strconv.Atoi(final.Told)
	}
	at, unknown, count := make([]*operation, size+1), map[string]bool{}, 0
	for i := range history {
		o := &history[i]
		if o.isQuery() {
			continue
		}
		if o.Fate == Unknown {
			unknown[o.Arg] = true
			count++
		}
		if o.Fate != Acked {
			continue
		}
		n, err := strconv.Atoi(o.Told)
		switch {
		case err != nil || n < 1 || n > size:
			return fmt.Errorf("%s was told %s, and there are %d", o.Arg, o.Told, size)
		case at[n] != nil:
			return fmt.Errorf("clients %d and %d were both told %d", at[n].Client, o.Client, n)
		case elements != nil && elements[n-1] != o.Arg:
			return fmt.Errorf("%s was told %d, where %s is", o.Arg, n, elements[n-1])
		}
		at[n] = o
	}
	for n := 1; n <= size; n++ {
		if at[n] != nil {
			continue
		}
		if elements != nil && !unknown[elements[n-1]] {
			return fmt.Errorf("%s is there, and nobody can have left it", elements[n-1])
		}
		if elements != nil {
			delete(unknown, elements[n-1])
		}
		if count--; count < 0 {
			return fmt.Errorf("%d are there that nobody can have added", -count)
		}
	}
	return inRealTime(at[1:])
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

// inRealTime: nobody was answered before somebody with a lower place asked.
func inRealTime(at []*operation) error {
	asked := time.Duration(math.MaxInt64) // the earliest return of those with a higher place
	for _, o := range slices.Backward(at) {
		if o == nil {
			continue
		}
		if o.Call > asked {
			return fmt.Errorf("%s (client %d) stands before what was answered earlier", o.Told, o.Client)
		}
		asked = min(asked, o.Return)
	}
	return nil
}

// refusedLeftNothing: what was certainly not carried out was never read.
func refusedLeftNothing(history []operation, final operation) error {
	banned := map[string]bool{}
	for i := range history {
		if o := &history[i]; o.writes() && o.Fate == Refused {
			banned[o.Arg] = true
		}
	}
	for _, o := range append(slices.Clone(history), final) {
		for _, word := range split(o.Told) {
			if o.isQuery() && banned[word] {
				return fmt.Errorf("client %d read %s, the write of which was refused", o.Client, word)
			}
		}
	}
	return nil
}

// nothingInvented: all that was read, by stale reads too, somebody had asked to write by then.
func nothingInvented(history []operation, final operation) error {
	asked := map[string]time.Duration{}
	for i := range history {
		if o := &history[i]; o.writes() {
			asked[o.Arg] = o.Call
		}
	}
	for _, o := range append(slices.Clone(history), final) {
		if !o.isQuery() || o.Fate != Acked || o.Kind == "count" {
			continue
		}
		for _, word := range split(o.Told) {
			if at, found := asked[word]; !found || at > o.Return {
				return fmt.Errorf("client %d read %s, which nobody had written by then", o.Client, word)
			}
		}
	}
	return nil
}

// upgraded: no command that was called after another was answered by the new script was carried
// out by the old one.
func upgraded(history []operation) error {
	first := time.Duration(math.MaxInt64)
	isPut := func(o *operation) bool {
		return o.Fate == Acked && (o.Kind == "put" || o.Kind == "cas")
	}
	for i := range history {
		if o := &history[i]; isPut(o) && o.Told == "2" {
			first = min(first, o.Return)
		}
	}
	for i := range history {
		if o := &history[i]; isPut(o) && o.Told == "1" && o.Call > first {
			return fmt.Errorf("client %d was answered by the old script at %v, others by the new at %v",
				o.Client, o.Return, first)
		}
	}
	return nil
}
