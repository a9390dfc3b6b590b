package scripting

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/tidelock-raft/tidelock/scripting/sandbox"
)

// Finding is what Check has to say about a line of a script.
type Finding struct {
	*ScriptError
	Warning bool // the script can run, but hardly as it is meant
}

// Check lists what is wrong with a script by file and line: everything for which New would refuse
// it or, if it would not, warnings. What cannot be seen behind a syntax error, and what shows only
// when the script runs, is left out until that is mended.
func Check(src Source) []Finding {
	var found []Finding
	add := func(problems []*ScriptError, warning bool) {
		for _, problem := range problems {
			found = append(found, Finding{problem, warning})
		}
	}
	program, err := sandbox.Compile(src.Name, src.Text, globals...)
	add(sandbox.Problems(err), false)
	if program != nil {
		s, err := load(program)
		if s != nil || len(found) == 0 { // else it stumbled over what was found already
			add(sandbox.Problems(err), false)
		}
		if s != nil {
			add(s.warnings(), true)
		}
	}
	slices.SortStableFunc(found, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
			strings.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(found, func(a, b Finding) bool {
		return *a.ScriptError == *b.ScriptError
	})
}

// warnings looks for what New lets pass and nobody means.
func (s *script) warnings() []*ScriptError {
	var all []*ScriptError
	used := map[int]bool{}
	for _, u := range s.vm.Handles() {
		if h, ok := u.Value.(handle); ok {
			used[h.number] = true
		}
	}
	for i, c := range s.collections {
		if !used[i] {
			file, rest, _ := strings.Cut(c.place, ":")
			line, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), ":"))
			all = append(all, &ScriptError{File: file, Line: line,
				Message: "no command or query uses the collection '" + c.name + "'"})
		}
	}
	for name, f := range s.queries {
		if s.commands[name] != nil {
			all = append(all, &ScriptError{File: f.Proto.SourceName, Line: f.Proto.LineDefined,
				Message: "'" + name + "' is a query and a command; give them names of their own"})
		}
		for _, use := range sandbox.Uses(f) {
			if problem := notInQuery(use); problem != "" {
				all = append(all, &ScriptError{File: use.File, Line: use.Line,
					Message: "the query " + name + " " + problem})
			}
		}
	}
	return all
}

// notInQuery says why a query that does this always fails; empty: it need not.
func notInQuery(use sandbox.Use) string {
	switch u, _ := use.Object.(*lua.LUserData); {
	case u != nil:
		_, ok := u.Value.(handle)
		if ok && (use.Field == "set" || use.Field == "set_all" || use.Field == "delete") {
			return "must not write; make it a command"
		}
	case use.Global == "ctx" || use.Global == "timer":
		return "must not use " + use.Global + "; only a command has an entry of the log"
	case use.Global == "emit":
		return "must not emit; make it a command"
	case use.Global == "math" && use.Field == "random":
		return "must not use math.random; only a command has an entry of the log to seed it"
	}
	return ""
}
