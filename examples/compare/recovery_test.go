package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.org/compare/load"
	"example.org/compare/system"
)

// TestRecovery runs everything with little of it: all that a system does is measured, and nothing is
// left behind.
func TestRecovery(t *testing.T) {
	for _, s := range []system.System{
		system.Tidelock, system.EtcdRaft, system.Dragonboat, system.Hashicorp, system.Etcd,
	} {
		t.Run(s.Name, func(t *testing.T) {
			r := &recovery{
				Dir: t.TempDir(), Keys: 200, Bytes: 16, Rate: 1000, Quiet: 300 * time.Millisecond,
				Around: 100 * time.Millisecond, Behind: 100, Kills: 1, Procs: 2,
			}
			out := &recovered{System: s}
			if err := errors.Join(r.state(out), r.failovers(out)); err != nil {
				t.Fatal(err)
			}
			if len(out.Failover) != 1 || out.Quiet.Count == 0 || out.Resident == 0 ||
				out.Most < out.Resident {
				t.Errorf("got %+v", out)
			}
			measured := out.Snapshot.Count > 0 && len(out.Restart) == restarts && out.CaughtUp > 0
			if measured == s.Forgets {
				t.Errorf("got %+v", out)
			}
			if left, err := os.ReadDir(r.Dir); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func TestRecoveryReportShowsWhatThereIs(t *testing.T) {
	wait := func(d time.Duration) load.Steadied {
		return load.Steadied{Longest: d, P99: d / 2, Count: 10}
	}
	own := &recovered{
		System: system.Tidelock, Failover: []float64{190, 200, 290}, Quiet: wait(4 * time.Millisecond),
		Snapshot: wait(20 * time.Millisecond), Restart: []float64{0.5, 0.75, 1},
		CaughtUp: 2 * time.Second, Resident: 1_000_000, Most: 1_500_000,
	}
	other := &recovered{System: system.Hashicorp, Failover: []float64{400}, Restart: []float64{0.5},
		Snapshot: load.Steadied{Longest: 10 * time.Millisecond, Count: 10, Errors: 3}}
	failed := &recovered{System: system.EtcdRaft, Err: errors.New("it\nbroke")}
	docs := filepath.Join(t.TempDir(), "docs.md")
	content := recoveryPart.begin + "\nold\n" + recoveryPart.end + "\n"
	if err := os.WriteFile(docs, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &recovery{Docs: docs, Keys: 1000, Behind: 300, Kills: 3}
	if err := r.write([]*recovered{own, other, failed}, time.Minute); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| 200.0 ms (190.0 ms–290.0 ms) | 400.0 ms (400.0 ms–400.0 ms) | – |",
		"| the same with its own defaults | – | – | – |",
		"a snapshot is taken | 20.0 ms, p99 10.0 ms | 10.0 ms, p99 0.0 ms; 3 failed | – |",
		"| restart with 1,000 keys | 0.75 s (0.50 s–1.00 s) | 0.50 s (0.50 s–0.50 s) | – |",
		"| restart 300 writes behind, until level | 2.00 s, 150/s | – | – |",
		"| memory of all processes, loaded | 1,024 MB | – | – |",
		"acknowledged | 200.0 ms | 400.0 ms (hashicorp/raft) | 0.50 | ≤ 250.0 ms | yes |",
		"taken | 20.0 ms | 10.0 ms (hashicorp/raft) | 2.00 | ≤ 10.0 ms | **no** |",
		"etcd-io/raft could not be measured to the end: it; broke.",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "\nold\n") {
		t.Errorf("got\n%s", text)
	}
}

func TestUntilWrittenWaitsForTheFirstThatSucceeds(t *testing.T) {
	since := time.Now()
	took, err := untilWritten(since, func() error {
		if time.Since(since) < 50*time.Millisecond {
			return errors.New("nobody leads")
		}
		return nil
	})
	if err != nil || took < 50*time.Millisecond {
		t.Errorf("got %v, %v", took, err)
	}
}

func TestMemoryIsThatOfAllProcesses(t *testing.T) {
	own := memory([]int{os.Getpid()}, "VmHWM")
	if both := memory([]int{os.Getpid(), os.Getpid()}, "VmHWM"); own == 0 || both < 2*own {
		t.Errorf("got %d of one and %d of two", own, both)
	}
	if none := memory([]int{os.Getpid()}, "VmNothing"); none != 0 {
		t.Errorf("got %d", none)
	}
}
