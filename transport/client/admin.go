package client

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
)

// Change changes the membership of the default group, or says what that would do. It returns when
// the change is committed; a node that is to vote once it has caught up may not do so yet.
//
// Errors: *core.Failure with code invalid, pending (another change is under way) or unsafe (not
// done unless forced), and those of Do.
func (c *Client) Change(ctx context.Context, change core.Change) (core.ChangeReport, Reply, error) {
	var report core.ChangeReport
	data, err := json.Marshal(change)
	if err != nil {
		return report, Reply{}, fmt.Errorf("encode change: %w", err)
	}
	reply, err := c.Do(ctx, Request{Kind: core.RequestChange, Data: data})
	if err != nil {
		return report, reply, err
	}
	if err := json.Unmarshal(reply.Value, &report); err != nil {
		return report, reply, fmt.Errorf("%s: decode report: %w", reply.Endpoint, err)
	}
	return report, reply, nil
}

// Transfer hands the leadership of the default group over to a voter, zero for whichever holds most
// of the log. It returns when that node leads, and which one it is.
//
// Errors: *core.Failure with code invalid, pending, barred or no_takeover, and those of Do.
func (c *Client) Transfer(ctx context.Context, to core.NodeID) (core.NodeID, Reply, error) {
	transfer := core.Transfer{To: to}
	data, err := json.Marshal(transfer)
	if err != nil {
		return 0, Reply{}, fmt.Errorf("encode transfer: %w", err)
	}
	reply, err := c.Do(ctx, Request{Kind: core.RequestTransfer, Data: data})
	if err != nil {
		return 0, reply, err
	}
	if transfer, err = core.DecodeTransfer(reply.Value); err != nil {
		return 0, reply, fmt.Errorf("%s: decode answer: %w", reply.Endpoint, err)
	}
	return transfer.To, reply, nil
}
