package scripting

import (
	"bytes"
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/value"
)

// Calls whose names begin with @ are the machine's own: no script can declare such a name.
const reservedMark = '@'

// command is a reserved command. Its error ends this replica.
type command func(m *Machine, e *core.Entry, a *arguments) (core.Result, error)

// commandOf finds a reserved command; nil: there is none of this name.
func commandOf(name string) command {
	switch name {
	case installCommand:
		return (*Machine).install
	case pushCommand:
		return (*Machine).push
	case rollbackCommand:
		return (*Machine).rollback
	case fireCommand:
		return (*Machine).fire
	}
	return nil
}

// query is a reserved query. It may run beside Apply.
type query func(v *view, a *arguments) core.Result

// queryOf finds a reserved query; nil: there is none of this name.
func queryOf(name string) query {
	switch name {
	case scriptQuery:
		return (*view).script
	case rehearseQuery:
		return (*view).rehearse
	case eventsQuery:
		return (*view).history
	case changesQuery:
		return (*view).changes
	}
	return nil
}

// reserved opens a call that is the machine's own. Of most calls the first bytes tell that they are
// not: ahead of the name there are at most ten.
func reserved(data []byte) (name string, a *arguments, ok bool) {
	if bytes.IndexByte(data[:min(len(data), 11)], reservedMark) < 0 {
		return "", nil, false
	}
	c, err := openCall(data)
	if err != nil {
		return "", nil, false
	}
	return c.reserved()
}

func (c *call) reserved() (name string, a *arguments, ok bool) {
	if len(c.name) == 0 || c.name[0] != reservedMark {
		return "", nil, false
	}
	return string(c.name), &arguments{c: *c, left: c.arguments}, true
}

// arguments are those of a reserved call. They are taken in order; what is wrong with them is told
// in the end.
type arguments struct {
	c       call
	left    int
	problem string
}

// next takes an argument of a kind.
func (a *arguments) next(kind value.Kind) (t value.Token) {
	if a.left--; a.left < 0 && a.problem == "" {
		a.problem = "arguments are missing"
	}
	if a.problem != "" {
		return t
	}
	t, err := a.c.r.Next()
	switch {
	case err != nil:
		a.problem = err.Error()
	case t.Kind != kind:
		a.problem = fmt.Sprintf("got a %s, want a %s", t.Kind, kind)
	}
	return t
}

// text takes a string, which is copied.
func (a *arguments) text(most int) string {
	t := a.next(value.String)
	if a.problem == "" && len(t.Bytes) > most {
		a.problem = fmt.Sprintf("a string of %d bytes, at most %d are allowed", len(t.Bytes), most)
	}
	if a.problem != "" {
		return ""
	}
	return string(t.Bytes)
}

// whole takes an integer from 0 to 2^32-1.
func (a *arguments) whole() uint32 {
	t := a.next(value.Number)
	if n := uint32(max(0, min(t.Number, 1<<32-1))); a.problem == "" && float64(n) == t.Number {
		return n
	}
	if a.problem == "" {
		a.problem = "a number is not an integer from 0 on"
	}
	return 0
}

// end returns what was wrong with the arguments; nil: nothing.
func (a *arguments) end() *core.Failure {
	if a.problem == "" && (a.left > 0 || a.c.r.More()) {
		a.problem = "there are more arguments than it takes"
	}
	if a.problem == "" {
		return nil
	}
	return &core.Failure{
		Code: BadArguments, Message: clip(text(a.c.name)+": "+a.problem, maxMessage),
	}
}
