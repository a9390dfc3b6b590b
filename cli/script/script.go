// Package script is the group of commands about the script that a cluster runs: show, check, push,
// rollback.
package script

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
)

// New makes the group.
func New(env remote.Env) *cli.Command {
	return &cli.Command{
		Name: "script", Usage: "show and change the script that the cluster runs",
		Description: "The script is part of the log: it changes on all nodes at one index.\n\n" +
			"  raft-client script show\n" +
			"  raft-client script push kv2.lua --plan\n" +
			"  raft-client script push kv2.lua\n" +
			"  raft-client script rollback",
		Subcommands: []*cli.Command{showCommand(env), checkCommand(env), pushCommand(env),
			rollbackCommand(env)},
	}
}

// session is one with the typed calls of this group.
type session struct{ *remote.Session }

// during opens a session for what do does, and reports its error.
func during(o remote.Options, do func(s session) error) error {
	opened, err := o.Open()
	if err != nil {
		return o.Report(err, 0)
	}
	defer opened.Close()
	err = do(session{opened})
	if err == nil {
		return nil
	}
	reported := o.Report(err, 0)
	if isRefusal(err) {
		return exit.Reported(exit.Mark(errors.New("script refused"), exit.ErrRefused))
	}
	return reported
}

// isRefusal reports whether the script is to blame, and not the moment at which it came.
func isRefusal(err error) bool {
	var failure *core.Failure
	var refused *refusal
	if !errors.As(err, &refused) || !errors.As(err, &failure) {
		return false
	}
	switch failure.Code {
	case scripting.NoScript, scripting.Outdated, scripting.BadArguments:
		return false
	}
	return true
}

// refusal is an error about a script that was to be tried or pushed.
type refusal struct{ error }

func (r *refusal) Unwrap() error { return r.error }

// ask makes a query of the machine's own, whose answer is a map.
func (s session) ask(ctx context.Context, data []byte, err error) (answer, error) {
	return s.call(ctx, core.RequestQuery, data, err)
}

// command makes a command of the machine's own, whose answer is a map.
func (s session) command(ctx context.Context, data []byte, err error) (answer, error) {
	return s.call(ctx, core.RequestCommand, data, err)
}

func (s session) call(
	ctx context.Context, kind core.RequestKind, data []byte, err error,
) (answer, error) {
	if err != nil {
		return nil, exit.Mark(err, exit.ErrUsage)
	}
	value, reply, err := s.Ask(ctx, kind, data)
	if err != nil {
		return nil, err
	}
	fields, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("the reply of %s is %T, want a table", reply.Endpoint, value)
	}
	return fields, nil
}

// answer is what a call of the machine's own returns.
type answer map[string]any

// hash reads a hash.
func (a answer) hash(field string) (h [sha256.Size]byte, err error) {
	text, _ := a[field].(string)
	b, err := hex.DecodeString(text)
	if copy(h[:], b) < len(h) || err != nil {
		return h, fmt.Errorf("the reply has %q for %s, want a hash", text, field)
	}
	return h, nil
}

// printTaken prints who runs from now on.
func printTaken(o remote.Options, a answer) error {
	if o.JSON {
		return remote.PrintJSON(o.Out, a)
	}
	_, err := fmt.Fprintf(o.Out, "OK version=%v hash=%v index=%v\n", a["version"], a["hash"],
		a["index"])
	return err
}
