package bench

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remotetest"
	"github.com/tidelock-raft/tidelock/transport/client"
)

func TestBenchMeasuresWhatIsAnswered(t *testing.T) {
	cluster := &remotetest.Cluster{Value: "OK"}
	got := cluster.Run(t, New, "", "bench", "--clients", "1,3", "--duration", "50ms",
		"--warm-up", "0s", "--reads", "50", "--keys", "2", "--size", "3", "--output", "json")
	if got.Code != exit.OK || got.Err != "" {
		t.Fatalf("got %+v", got)
	}
	decoder := json.NewDecoder(strings.NewReader(got.Out))
	for _, clients := range []int{1, 3} {
		var r Result
		if err := decoder.Decode(&r); err != nil {
			t.Fatal(err)
		}
		if r.Clients != clients || r.Requests == 0 || r.Errors != 0 || r.Max < r.P50 {
			t.Errorf("got %+v", r)
		}
	}
	kinds := map[string]int{}
	for _, call := range cluster.Calls {
		kind, _, _ := strings.Cut(call, " [")
		kinds[kind]++
	}
	if kinds["put"] == 0 || kinds["query get"] == 0 || len(kinds) != 2 {
		t.Errorf("calls: %v", kinds)
	}
}

func TestBenchCountsErrors(t *testing.T) {
	cluster := &remotetest.Cluster{Answer: func(string) (any, error) {
		return nil, client.ErrUnavailable
	}}
	got := cluster.Run(t, New, "", "bench", "--clients", "1", "--duration", "10ms", "--warm-up", "0s")
	if got.Code != exit.Unhealthy || !strings.Contains(got.Out, client.ErrUnavailable.Error()) {
		t.Errorf("got %+v", got)
	}
}

func TestBenchRefusesNonsense(t *testing.T) {
	for _, words := range [][]string{
		{"--clients", "0"}, {"--clients", "1,x"}, {"--duration", "0s"}, {"--keys", "0"},
		{"--size", "-1"}, {"--reads", "101"}, {"--warm-up", "-1s"}, {"extra"},
	} {
		cluster := &remotetest.Cluster{}
		got := cluster.Run(t, New, "", append([]string{"bench"}, words...)...)
		if got.Code != exit.Usage || len(cluster.Calls) > 0 {
			t.Errorf("%v: got %+v", words, got)
		}
	}
}

func TestSummarizeSortsAllWorkers(t *testing.T) {
	workers := []worker{
		{measured: []time.Duration{4 * time.Millisecond, time.Millisecond}},
		{measured: []time.Duration{3 * time.Millisecond, 2 * time.Millisecond}, errors: 2},
	}
	r := summarize(workers, 2*time.Second)
	want := Result{Clients: 2, Requests: 4, Errors: 2, Rate: 2, P50: 3000, P99: 4000, P999: 4000,
		Max: 4000}
	if r != want {
		t.Errorf("got %+v, want %+v", r, want)
	}
}
