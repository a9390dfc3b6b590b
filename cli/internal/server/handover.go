package server

import (
	"encoding/json"
	"time"

	"github.com/tidelock-raft/tidelock/core"
)

// handOver has another node lead before this one stops, so that nobody has to wait for an election.
// It returns once that is so, or when it cannot be: this node does not lead, or nobody takes over
// within two election timeouts.
func (p *parts) handOver(service core.Service) {
	data, err := json.Marshal(core.Transfer{})
	if err != nil {
		panic(err) // two numbers
	}
	answer := make(replies, 1)
	service.Submit([]core.Request{{
		Group: core.DefaultGroup, Kind: core.RequestTransfer, Local: true, Data: data, Caller: answer,
	}})
	limit := time.NewTimer(2 * p.Election)
	defer limit.Stop()
	select {
	case r := <-answer:
		if r.Err == nil && r.Result.Failure == nil {
			p.Log.Info("leadership handed over", "leader", uint64(r.Leader))
		}
	case <-limit.C:
	}
}
