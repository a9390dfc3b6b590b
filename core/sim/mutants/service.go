package main

// service breaks what clients are told.
var service = []Mutant{
	{
		Name: "a command that was passed on twice is proposed twice", File: "core/engine/requests.go",
		Old: "case !g.repeats.first(m):",
		New: "case !g.repeats.first(m) && false:",
	}, {
		Name: "a reply goes to another caller", File: "core/node/machine.go",
		Old: "result = m.results[commands]",
		New: "result = m.results[0]",
	}, {
		Name: "a command that was passed on is called refused when time is up",
		File: "core/engine/forwards.go",
		Old:  "reply := core.Reply{Err: core.ErrUnknownOutcome}",
		New:  "reply := core.Reply{Err: core.ErrBusy}",
	}, {
		Name: "a query does not wait until its index is applied", File: "core/engine/group.go",
		Old: "if r.index > g.handed {",
		New: "if r.index > g.handed && r.index == 0 {",
	}, {
		Name: "lease without bound", File: "core/engine/freshness.go",
		Old:  "return int64(now-g.fresh.confirmed) < length",
		New:  "return length > 0",
		Test: "TestLeasePauseSkew",
	}, {
		Name: "bounded reads of any age", File: "core/engine/freshness.go",
		Old: "since != 0 && int64(now-since) <= maxStale && index",
		New: "since != 0 && index",
	}, {
		Name: "a query does not wait for the index that it names", File: "core/engine/requests.go",
		Old: "switch index = max(index, q.AtLeast); {",
		New: "switch index = max(index, 0); {",
	}, {
		Name: "a restored machine does not know its index", File: "core/node/machine.go",
		Old: "\tm.at, m.time = meta.Position, meta.Time\n",
		New: "\tm.time = meta.Time\n",
	}, {
		Name: "a session carries out again what it has answered", File: "core/session/machine.go",
		Old: "\tif found {\n\t\treturn append(dst, s.replies[i].result), nil\n\t}\n",
		New: "",
	}, {
		Name: "a snapshot restores without sessions", File: "core/session/snapshot.go",
		Old: "\tm.table = t\n",
		New: "\t_ = t\n",
	},
}
