package change

import (
	"context"
	"fmt"
	"slices"

	"github.com/tidelock-raft/tidelock/cli/internal/survey"
	"github.com/tidelock-raft/tidelock/core"
)

// carried refuses an address that names a transport which a node that answers does not run, so that
// it could not send there, or not be found there; unless forced.
func carried(ctx context.Context, o Options) error {
	step := o.Change.Steps[0] // the only one with an address
	name, _ := step.Addr.Split()
	if name == "" || o.Change.Force {
		return nil
	}
	nodes, err := survey.Ask(ctx, o.Options)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(nodes, func(n survey.Node) bool { return !n.Runs(name) })
	if at < 0 {
		return nil
	}
	n := nodes[at]
	return &core.Failure{Code: "unsafe", Message: fmt.Sprintf("node %d runs transport %[2]s, and not "+
		"%[3]s, which the address asks for; start it with --transport %[2]s,%[3]s first", n.ID,
		n.Status.Transport, name)}
}
