package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.org/compare/load"
	"example.org/compare/system"
)

// TestMain is the program itself where a test starts replicas as processes.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "node" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestLaps runs each system for a moment, and two of them in processes of their own: one with its
// own server, and one with that of package front.
func TestLaps(t *testing.T) {
	for _, s := range system.All {
		for _, layout := range []string{oneProcess, apart} {
			twice := s.Name == system.Tidelock.Name || s.Name == system.EtcdRaft.Name
			if s.OwnCluster != nil || layout == apart && !twice {
				continue
			}
			t.Run(s.Name+" "+layout, func(t *testing.T) {
				l := lap{
					System: s.Name, Layout: layout, Dir: t.TempDir(), Procs: "2", Keys: 100, Bytes: 16,
					Duration: 20 * time.Millisecond,
					Only: "16 clients,8 × 512 in flight,8 × 16 in flight, 64 puts each," +
						"reads, 256 clients",
				}
				results, err := l.run()
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range results {
					if r.Errors > 0 {
						t.Errorf("got %+v", r)
					}
				}
				if left, err := os.ReadDir(l.Dir); err != nil || len(left) > 0 {
					t.Errorf("left behind: %v, %v", left, err)
				}
			})
		}
	}
}

func TestReportShowsMediansAndSpread(t *testing.T) {
	lap := func(rate float64) []load.Result {
		return []load.Result{{Workload: "16 clients", Count: 1, Rate: rate, P50: 1500, P99: 3250, CPU: 7}}
	}
	measured := &contestant{System: system.Tidelock, Layout: oneProcess, Procs: 4,
		Laps: [][]load.Result{lap(3000), lap(1000), lap(20000)}}
	absent := &contestant{System: system.Redis, Layout: oneProcess, Absent: "it is away"}
	dir := t.TempDir()
	docs, image := filepath.Join(dir, "docs.md"), filepath.Join(dir, "image.svg")
	before, after := "before\n", "after\n"
	content := before + ratesPart.begin + "\nold\n" + ratesPart.end + "\n" + after
	if err := os.WriteFile(docs, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &plan{lap: &lap0, Runs: 3, Layouts: oneProcess, Docs: docs, Image: image}
	r := report{plan: p, contestants: []*contestant{measured, absent}}
	if err := r.write(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| 16 clients | 3,000 (1,000–20,000) |", "| 16 clients | 1.50 / 3.25 |",
		"| 16 clients | 7.0 |", "| 64 clients | – |", "redis (one node) could not be measured: it is away.",
		"![writes a second and their p99](image.svg)", "GOMAXPROCS: tidelock 4.",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if got := string(text); !strings.HasPrefix(got, before+ratesPart.begin) ||
		!strings.HasSuffix(got, ratesPart.end+"\n"+after) || strings.Contains(got, "old") {
		t.Errorf("got\n%s", got)
	}
	if svg, err := os.ReadFile(image); err != nil || !strings.Contains(string(svg), "</svg>") {
		t.Errorf("image: %v", err)
	}
	if err := os.WriteFile(docs, []byte(ratesPart.end+ratesPart.begin), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.write(); err == nil {
		t.Error("a file without markers was written")
	}
}

// lap0 is a lap that is not run.
var lap0 lap

// TestGoalsAreRatiosInOneRun has this project win and lose against the best of those that count.
func TestGoalsAreRatiosInOneRun(t *testing.T) {
	lap := func(rate, p99, cpu float64) [][]load.Result {
		r := load.Result{Workload: "1024 clients", Count: 1, Rate: rate, P99: p99 * 1e3, CPU: cpu}
		return [][]load.Result{{r}}
	}
	all := []*contestant{
		{System: system.Tidelock, Laps: lap(130_000, 5, 6)},
		{System: system.Hashicorp, Laps: lap(50_000, 4, 8)},
		{System: system.Dragonboat, Laps: lap(100_000, 8, 7)},
		{System: system.Etcd, Laps: lap(20_000, 1, 1)},
	}
	var w strings.Builder
	printGoals(&w, oneProcess, all)
	for _, want := range []string{
		"| 1024 clients, a second | 130,000 | 100,000 (dragonboat) | 1.30 | ≥ 1.3 | yes |",
		"| 1024 clients, p99 | 5.00 ms | 4.00 ms (hashicorp/raft) | 1.25 | ≤ 1 | **no** |",
		"| 1024 clients, processor time | 6.0 µs | 7.0 µs (dragonboat) | 0.86 | ≤ 0.8 | **no** |",
		"| 1024 clients, a second | 130,000 | 20,000 (etcd) | 6.50 | ≥ 8 | **no** |",
	} {
		if !strings.Contains(w.String(), want) {
			t.Errorf("%q is missing in\n%s", want, w.String())
		}
	}
	if got := strings.Count(w.String(), "\n| 1"); got != 4 {
		t.Errorf("%d goals can be judged, want 4, in\n%s", got, w.String())
	}
	w.Reset()
	if printGoals(&w, oneProcess, all[1:]); w.Len() > 0 {
		t.Errorf("goals of nobody:\n%s", w.String())
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		list []float64
		want float64
	}{{[]float64{5}, 5}, {[]float64{1, 4}, 2.5}, {[]float64{1, 2, 9}, 2}} {
		if got := median(c.list); got != c.want {
			t.Errorf("%v: got %v, want %v", c.list, got, c.want)
		}
	}
	if !math.IsNaN(median(nil)) {
		t.Error("nothing has a median")
	}
}

func TestProcessorTimeIsThatOfAllProcesses(t *testing.T) {
	c := &cluster{pids: []int{os.Getpid()}}
	for deadline := time.Now().Add(20 * time.Second); spentBy(os.Getpid()) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("no time passes")
		}
	}
	own := (&cluster{}).cpu()
	if both := c.cpu(); both <= own {
		t.Errorf("got %v with a process of %v", both, own)
	}
}
