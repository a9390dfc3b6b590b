package server

import (
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/node"
	"github.com/tidelock-raft/tidelock/scripting/timekeeper"
)

// keepers have the timers of the node's machines fire.
type keepers []*timekeeper.Keeper

// watch adds a keeper for a machine that has timers.
func (k *keepers) watch(g core.GroupID, m core.StateMachine) {
	if timed, ok := m.(timekeeper.Machine); ok {
		*k = append(*k, timekeeper.New(g, timed))
	}
}

// start starts them by a clock; nil: by the system's.
func (k keepers) start(s core.Service, clock core.Clock) {
	if clock == nil {
		clock = node.NewClock()
	}
	for _, keeper := range k {
		keeper.Start(s, clock)
	}
}

// stop is called when the node is closed.
func (k keepers) stop() {
	for _, keeper := range k {
		keeper.Close()
	}
}
