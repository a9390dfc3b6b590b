package server

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
)

// checkMembers compares the peers that the caller names with those of the data. Who is a member is
// decided by the log: flags can only begin it, and where they differ somebody is mistaken.
func (p *parts) checkMembers() error {
	state, err := p.store.State(core.DefaultGroup)
	if errors.Is(err, core.ErrNoGroup) || len(p.Peers) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read members: %w", err)
	}
	held, named := state.Snapshot.Membership, p.membership()
	if held.Equal(named) {
		return nil
	}
	return exit.Usagef("%s: the data belong to a cluster of %s; the flags name %s. Leave --peers "+
		"out to start with what is in the data", p.Dir, listed(held), listed(named))
}

// listed writes members as in 1=a:9001, 2=b:9002.
func listed(m core.Membership) string {
	var list []string
	for _, member := range m.Members {
		list = append(list, fmt.Sprintf("%d=%s", member.ID, member.Addr))
	}
	return strings.Join(list, ", ")
}
