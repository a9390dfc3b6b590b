package sim

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// spent is how much processor time the process has had, so that a busy machine does not count.
func spent() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// plainLoad is writes and linearizable reads of a few keys.
func plainLoad(w *World) func(c *Client) *Operation {
	return func(c *Client) *Operation {
		key := fmt.Sprint("r", w.workload.IntN(8))
		if w.workload.IntN(2) == 0 {
			return &Operation{Name: "get", Args: []any{key}, Query: true, Level: core.Linearizable}
		}
		return &Operation{Name: "put", Args: []any{key, c.mark()}}
	}
}

// BenchmarkWorld runs three hosts under the load of eight clients, with and without the checkers.
func BenchmarkWorld(b *testing.B) {
	for _, c := range []struct {
		name  string
		watch func(w *World) []Observer
	}{{"plain", func(*World) []Observer { return nil }}, {"checked", Checkers}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			w, err := New(Options{Seed: 1, Clients: 8, Wait: 200 * Millisecond})
			if err != nil {
				b.Fatal(err)
			}
			w.observers = c.watch(w)
			if err := w.Install(Minute); err != nil {
				b.Fatal(err)
			}
			w.StartClients(plainLoad(w))
			began, events := spent(), w.Report.Events
			for b.Loop() {
				if err := w.Run(Second); err != nil {
					b.Fatal(err)
				}
			}
			cpu := spent() - began
			b.ReportMetric(float64(b.N)/cpu, "x-real-time")
			b.ReportMetric(float64(w.Report.Events-events)/cpu, "events/s")
			b.ReportMetric(float64(w.Report.Acked)/float64(b.N), "ops/virtual-s")
		})
	}
}
