package remote

import (
	"context"
	"io"
	"sync"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// Backup writes a copy of the state to w: that of the node that is insisted upon, else that of the
// leader, or of whoever answers if there is none. It returns the endpoint that was asked.
func (s *Session) Backup(ctx context.Context, w io.Writer) (endpoint string, err error) {
	if endpoint = s.options.Target; endpoint == "" {
		if _, endpoint, err = s.best(ctx); err != nil {
			return "", err
		}
	}
	return endpoint, s.client.Backup(ctx, endpoint, w)
}

// best asks all endpoints at the same time and returns the answer of whoever leads in the newest
// term or, if nobody does, of whoever knows of the newest term.
func (s *Session) best(ctx context.Context) (best core.NodeStatus, endpoint string, err error) {
	endpoints := s.options.Endpoints
	answers, errs := make([]core.NodeStatus, len(endpoints)), make([]error, len(endpoints))
	var asking sync.WaitGroup
	for i, e := range endpoints {
		asking.Go(func() { // ends within the timeout
			answers[i], errs[i] = s.client.Status(ctx, e.Address)
		})
	}
	asking.Wait()
	highest := rank{}
	for i, answer := range answers {
		if errs[i] != nil {
			err = errs[i]
		} else if r := rankOf(answer); endpoint == "" || r.above(highest) {
			best, endpoint, highest = answer, endpoints[i].Address, r
		}
	}
	if endpoint == "" {
		return best, "", exit.Mark(err, client.ErrUnavailable)
	}
	return best, endpoint, nil
}

// rank is how much a node can know of the default group.
type rank struct {
	leads bool
	term  core.Term
}

func (r rank) above(o rank) bool {
	if r.leads != o.leads {
		return r.leads
	}
	return r.term > o.term
}

func rankOf(s core.NodeStatus) rank {
	for _, g := range s.Groups {
		if g.Group == core.DefaultGroup {
			return rank{g.Role == "leader", g.Term}
		}
	}
	return rank{}
}
