package main

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tidelock-raft/tidelock/core"
)

// canary is a change to the history of one key after which a check has to complain. It reports
// whether the history has what it takes.
type canary struct {
	name  string
	check string
	spoil func(history []operation, final *operation) bool
}

// canaries are played after each run, on its own history. A check that does not complain of any is
// worth nothing.
var canaries = []canary{
	{"a read shows what was overwritten before it", "linearizable", staleRead},
	{"a write is lost", "linearizable", func(history []operation, final *operation) bool {
		return final.Kind == "get" && final.Told != "" && lost(history, final)
	}},
	{"a cas succeeds on another value", "linearizable", func(h []operation, _ *operation) bool {
		i := slices.IndexFunc(h, func(o operation) bool { return o.Told == conflict })
		if i >= 0 {
			h[i].Told, h[i].Old = "1", "nobody's"
		}
		return i >= 0
	}},
	{"an acknowledged element is lost", "exactly once", func(h []operation, f *operation) bool {
		i := strings.LastIndexByte(f.Told, ',')
		if f.Kind != "elements" || i < 0 || !isAcked(h, f.Told[i+1:]) {
			return false
		}
		f.Told = f.Told[:i]
		return true
	}},
	{"an element is there twice", "exactly once", func(_ []operation, f *operation) bool {
		if f.Kind != "elements" || f.Told == "" {
			return false
		}
		f.Told += "," + split(f.Told)[0]
		return true
	}},
	{"an increment is done twice", "exactly once", func(h []operation, f *operation) bool {
		n, _ := strconv.Atoi(f.Told)
		unknown := slices.ContainsFunc(h, func(o operation) bool { return o.Fate == Unknown })
		f.Told = strconv.Itoa(n + 1)
		return f.Kind == "count" && !unknown
	}},
	{"a refused write is there", "refused left nothing", func(h []operation, f *operation) bool {
		i := slices.IndexFunc(h, func(o operation) bool {
			return o.writes() && slices.Contains(split(f.Told), o.Arg)
		})
		if i >= 0 {
			h[i].Fate = Refused
		}
		return i >= 0
	}},
	{"a stale read shows the future", "nothing is invented", func(h []operation, _ *operation) bool {
		i := slices.IndexFunc(h, func(o operation) bool {
			return o.Kind == "get" && o.Level == core.Stale && o.Fate == Acked
		})
		last := slices.IndexFunc(h, func(o operation) bool {
			return o.writes() && i >= 0 && o.Call > h[i].Return
		})
		if last >= 0 {
			h[i].Told = h[last].Arg
		}
		return last >= 0
	}},
}

// isAcked reports whether the write of a value was acknowledged.
func isAcked(history []operation, value string) bool {
	return slices.ContainsFunc(history, func(o operation) bool {
		return o.Arg == value && o.Fate == Acked
	})
}

// staleRead has a read tell a value that another had replaced before the read was called.
func staleRead(history []operation, _ *operation) bool {
	isPut := func(o *operation) bool { return o.Kind == "put" && o.Fate == Acked }
	for r := range history {
		read := &history[r]
		if read.Kind != "get" || read.Fate != Acked || read.Level == core.Stale {
			continue
		}
		for b := range r {
			after := &history[b]
			for a := range b {
				before := &history[a]
				if isPut(before) && isPut(after) && before.Return < after.Call &&
					after.Return < read.Call {
					read.Told = before.Arg
					return true
				}
			}
		}
	}
	return false
}

// lost has the last read tell nothing where somebody was told that something is there.
func lost(history []operation, final *operation) bool {
	final.Told = ""
	return slices.ContainsFunc(history, func(o operation) bool {
		return o.Kind == "put" && o.Fate == Acked
	})
}

// unnoticed plays a canary on the first key that has what it takes, and reports whether there was
// one, and whether the check kept silent.
func (c canary) unnoticed(keys []key) (played, silent bool) {
	for _, k := range keys {
		history, final := slices.Clone(k.history), k.final
		if !c.spoil(history, &final) {
			continue
		}
		for _, rule := range checks {
			if rule.name == c.check {
				return true, rule.holds(history, final) == nil
			}
		}
	}
	return false, false
}
