package counter_test

import (
	"testing"

	"example.org/counter"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/machinetest"
	"github.com/tidelock-raft/tidelock/scripting"
)

func TestConformance(t *testing.T) {
	s := machinetest.Subject{
		Open:    func() (core.StateMachine, error) { return new(counter.Counter), nil },
		Queries: [][]byte{[]byte("value")},
	}
	for _, n := range []any{1, -5, 1 << 50, "many", 1.5, 7, -7, -(1 << 50), 0, 1 << 53, -1 << 53} {
		call, err := scripting.EncodeCall("add", n)
		if err != nil {
			t.Fatal(err)
		}
		s.Commands = append(s.Commands, call)
	}
	machinetest.Run(t, s)
}
