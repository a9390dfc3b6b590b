package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"
)

// sampled is a profile of stacks, each with its time; the innermost function comes first.
func sampled(stacks map[string]time.Duration) *profile.Profile {
	p := new(profile.Profile)
	for stack, d := range stacks {
		s := &profile.Sample{Value: []int64{1, d.Nanoseconds()}}
		for _, name := range strings.Fields(stack) {
			f := &profile.Function{Name: name}
			s.Location = append(s.Location, &profile.Location{Line: []profile.Line{{Function: f}}})
		}
		p.Sample = append(p.Sample, s)
	}
	return p
}

// TestBudgetTellsStagesApart: a sample belongs to what it was for, wherever it was taken.
func TestBudgetTellsStagesApart(t *testing.T) {
	const client = " example.org/compare/load.(*run).client"
	const handler = " github.com/tidelock-raft/tidelock/core/node.(*Handler).Handle"
	const lane = " github.com/tidelock-raft/tidelock/core/node.(*goroutines).run"
	b := &budget{lap: new(lap), count: 1000}
	b.System, b.Only, b.Procs = "tidelock", "1024 clients", "4"
	text := b.text(sampled(map[string]time.Duration{
		"runtime.memmove" + client: 4 * time.Millisecond,
		"runtime.memmove github.com/tidelock-raft/tidelock/core/raft.(*Raft).Take" + handler + client: time.Millisecond,
		"internal/syscall.Syscall6 syscall.Fdatasync x/persist/wal.(*Log).Write" + lane:               2 * time.Millisecond,
		"hash/crc32.update x/persist/wal.(*Log).Write" + lane:                                         3 * time.Millisecond,
		"gopher-lua.callR x/scripting.(*Machine).Apply x/core/node.(*machine).apply" + lane:           9 * time.Millisecond,
		"runtime.send x/core/node.(*machine).reply x/core/node.(*machine).apply" + lane:               5 * time.Millisecond,
		"runtime.futex runtime.schedule":                                                              6 * time.Millisecond,
	}))
	for _, want := range []string{
		"| waiting in fdatasync | 2.00 | 7 % |",
		"| logs: frames, checksums, index, pwrite | 3.00 | 10 % |",
		"| telling results to who waits | 5.00 | 17 % |",
		"| machines: sessions, and Lua in its sandbox | 9.00 | 30 % |",
		"| handler, engine, raft | 1.00 | 3 % |",
		"| clients: making requests, measuring | 4.00 | 13 % |",
		"| choosing who runs next | 6.00 | 20 % |",
		"| other | 0.00 | 0 % |",
		"| `gopher-lua.callR` | 9.00 | 30.0 % |",
		"| `runtime.memmove` | 5.00 | 16.7 % |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no line %q in\n%s", want, text)
		}
	}
}

// TestBudgetOfALap: the profiler runs while requests are counted, and finds time in them.
func TestBudgetOfALap(t *testing.T) {
	b := &budget{lap: &lap{
		System: "tidelock", Only: "64 clients", Procs: "2", Dir: t.TempDir(), Keys: 100, Bytes: 16,
		Duration: 300 * time.Millisecond,
	}}
	b.Docs = ""
	if err := b.run(); err != nil {
		t.Fatal(err)
	}
	if b.samples.Len() == 0 || b.objects == 0 || b.count == 0 {
		t.Errorf("got %d bytes of profile, %d objects, %d requests", b.samples.Len(), b.objects, b.count)
	}
	b.Only = "16 clients,64 clients"
	if err := b.run(); err == nil {
		t.Error("a budget of two workloads was made")
	}
}
