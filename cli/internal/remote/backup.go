package remote

import (
	"context"
	"fmt"
	"io"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// Backup writes a copy of the state to w: that of the node that is insisted upon, else that of the
// leader, or of whoever answers if there is none. It returns the endpoint that was asked.
func (s *Session) Backup(ctx context.Context, w io.Writer) (endpoint string, err error) {
	if endpoint = s.options.Target; endpoint == "" {
		if endpoint, err = s.source(ctx); err != nil {
			return "", err
		}
	}
	return endpoint, s.client.Backup(ctx, endpoint, w)
}

// source finds the leader, or somebody.
func (s *Session) source(ctx context.Context) (found string, err error) {
	for _, e := range s.options.Endpoints {
		status, failed := s.client.Status(ctx, e.Address)
		if failed != nil {
			err = failed
			continue
		}
		for _, g := range status.Groups {
			if g.Group == core.DefaultGroup && g.Role == "leader" {
				return e.Address, nil
			}
		}
		if found == "" {
			found = e.Address
		}
	}
	switch {
	case found != "":
		return found, nil
	case err == nil:
		err = fmt.Errorf("%w: no endpoint", client.ErrUnavailable)
	}
	return "", exit.Mark(err, client.ErrUnavailable)
}
