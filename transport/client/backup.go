package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/tidelock-raft/tidelock/core"
)

// ErrBackup is returned by Backup when the node gave the backup up, for example because it has been
// started anew: what was written is of no use, and a new backup may be begun.
var ErrBackup = errors.New("client: backup was interrupted")

// Backup writes a copy of the state of a node's default group to w, as package persist/backup reads
// it, with all checksums. Connections that break are made anew, and what was lost is asked for
// again; each piece has Config.Timeout, and the whole as long as ctx.
//
// Errors: ErrBackup, those of w, and those of Do.
func (c *Client) Backup(ctx context.Context, endpoint string, w io.Writer) error {
	c.mu.Lock()
	asked := core.BackupRequest{Stream: c.random.Uint64()}
	c.mu.Unlock()
	for ; ; asked.Piece++ {
		piece, err := c.piece(ctx, endpoint, asked)
		if err != nil {
			return err
		}
		if len(piece) == 0 {
			return nil
		}
		if _, err := w.Write(piece); err != nil {
			return fmt.Errorf("write backup: %w", err)
		}
	}
}

func (c *Client) piece(
	ctx context.Context, endpoint string, asked core.BackupRequest,
) ([]byte, error) {
	data, err := json.Marshal(asked)
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	reply, err := c.Do(ctx, Request{Kind: core.RequestBackup, Data: data, Target: endpoint})
	if failure := new(core.Failure); errors.As(err, &failure) {
		return nil, fmt.Errorf("%w: %s: %s", ErrBackup, reply.Endpoint, failure.Message)
	}
	if err != nil {
		return nil, err
	}
	return reply.Value, nil
}
