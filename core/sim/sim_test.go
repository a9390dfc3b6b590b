package sim

import (
	"fmt"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

func registers(c *Client) *Operation {
	key := fmt.Sprint("k", c.w.workload.IntN(8))
	if c.w.workload.IntN(3) == 0 {
		return &Operation{Name: "get", Args: []any{key}, Query: true, Level: core.Linearizable}
	}
	return &Operation{Name: "put", Args: []any{key, int64(len(c.w.History))}}
}

func runOnce(t *testing.T, seed uint64) *World {
	t.Helper()
	w, err := New(Options{Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Install(10 * Second); err != nil {
		t.Fatal(err)
	}
	w.StartClients(registers)
	for range 5 {
		if err := w.Run(10 * Second); err != nil {
			t.Fatal(err)
		}
		if l := w.Leader(); l != nil {
			l.Power()
			w.After(Second, func() { _ = l.Start() })
		}
	}
	return w
}

// TestSameSeedSameTrace runs seeds twice.
func TestSameSeedSameTrace(t *testing.T) {
	for seed := range uint64(5) {
		a, b := runOnce(t, seed), runOnce(t, seed)
		if a.Trace() != b.Trace() || a.Report != b.Report {
			t.Errorf("seed %d: got %x %+v, then %x %+v", seed, a.Trace(), a.Report, b.Trace(), b.Report)
		}
		if a.Report.Acked == 0 {
			t.Errorf("seed %d: nothing was acknowledged: %+v", seed, a.Report)
		}
		t.Logf("%x %+v", a.Trace(), a.Report)
	}
}
