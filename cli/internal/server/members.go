package server

import (
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
)

// checkMembers compares the peers that the caller names with those of the data. Who is a member is
// decided by the log: flags can only begin it. Where they differ although the members have never
// changed, somebody is mistaken; otherwise an old start command goes on to work.
func (p *parts) checkMembers() error {
	state, err := p.store.State(core.DefaultGroup)
	if errors.Is(err, core.ErrNoGroup) || len(p.Peers) == 0 || p.Join {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read members: %w", err)
	}
	held, named := state.Snapshot.Membership, p.membership()
	if held.Equal(named) {
		return nil
	}
	if changed, err := p.membersChanged(state); err != nil || changed {
		return err
	}
	return exit.Usagef("%s: the data belong to a cluster of %s; the flags name %s. Leave --peers "+
		"out to start with what is in the data", p.Dir, listed(held), listed(named))
}

// scanBytes bounds how much of the log is read at a time, in bytes.
const scanBytes = 1 << 20

// scan yields the entries lo … hi-1 of the default group.
func scan(store core.Store, lo, hi core.Index) iter.Seq2[*core.Entry, error] {
	return core.EachEntry(lo, hi, func(dst []core.Entry, lo, hi core.Index) ([]core.Entry, error) {
		return store.Entries(dst, core.DefaultGroup, lo, hi, scanBytes)
	})
}

// membersChanged reports whether the members may be others than in the beginning: the beginning is
// no longer in the log, or the log changes them.
func (p *parts) membersChanged(state core.State) (bool, error) {
	if state.Snapshot.Index > 0 {
		return true, nil
	}
	for e, err := range scan(p.store, state.Start.Index+1, state.Last.Index+1) {
		if err != nil {
			return false, fmt.Errorf("read members: %w", err)
		}
		if e.Kind == core.EntryMembership {
			return true, nil
		}
	}
	return false, nil
}

// listed writes members as in 1=a:9001, 2=b:9002.
func listed(m core.Membership) string {
	var list []string
	for _, member := range m.Members {
		list = append(list, fmt.Sprintf("%d=%s", member.ID, member.Addr))
	}
	return strings.Join(list, ", ")
}
