package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/cli/internal/remotetest"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// results reads what a run with --json has printed.
func results(t *testing.T, out string) (all []Result) {
	t.Helper()
	for decoder := json.NewDecoder(strings.NewReader(out)); decoder.More(); {
		var r Result
		if err := decoder.Decode(&r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

func TestBenchMeasuresWhatIsAnswered(t *testing.T) {
	cluster := &remotetest.Cluster{Value: "OK"}
	got := cluster.Run(t, New, "", "bench", "--clients", "1,3", "--duration", "50ms",
		"--warm-up", "0s", "--reads", "50", "--keys", "2", "--size", "3", "--output", "json",
		"--connections", "2", "--in-flight", "2")
	if got.Code != exit.OK || got.Err != "" {
		t.Fatalf("got %+v", got)
	}
	for i, r := range results(t, got.Out) {
		if r.Clients != 2*i+1 || r.InFlight != 2 || r.Requests == 0 || r.Errors != 0 ||
			r.P50 > r.P90 || r.P90 > r.P99 || r.P99 > r.P999 || r.P999 > r.Max {
			t.Errorf("got %+v", r)
		}
	}
	kinds := map[string]int{}
	for _, call := range cluster.Calls {
		kind, arguments, _ := strings.Cut(call, " [")
		kinds[kind]++
		if want := `"vvv"]`; kind == "put" && !strings.HasSuffix(arguments, want) {
			t.Fatalf("got %s, want a value %s", call, want)
		}
	}
	if kinds["put"] == 0 || kinds["query get"] == 0 || len(kinds) != 2 || cluster.Closed != 2 {
		t.Errorf("calls: %v; closed %d connections", kinds, cluster.Closed)
	}
}

func TestBenchCallsWhatItIsTold(t *testing.T) {
	for words, want := range map[string]string{
		"--call|move {key} to-{key} 7 {value}": `move ["key00000000","to-key00000000",7,"vv"]`,
		"--query|range {key} null 10":          `query range ["key00000000",null,10]`,
	} {
		cluster := &remotetest.Cluster{}
		line := append([]string{"bench", "--clients", "1", "--duration", "5ms", "--warm-up", "0s",
			"--keys", "1", "--size", "2"}, strings.Split(words, "|")...)
		got := cluster.Run(t, New, "", line...)
		if got.Code != exit.OK || len(cluster.Calls) == 0 || cluster.Calls[0] != want {
			t.Errorf("%s: got %+v, calls %v", words, got, cluster.Calls[:min(1, len(cluster.Calls))])
		}
	}
}

func TestBenchCountsErrorsByKind(t *testing.T) {
	n := 0
	cluster := &remotetest.Cluster{Answer: func(string) (any, error) {
		if n++; n%2 == 0 {
			return nil, &core.Failure{Code: "too_poor", Message: "not enough"}
		}
		return nil, client.ErrUnavailable
	}}
	got := cluster.Run(t, New, "", "bench", "--clients", "1", "--duration", "10ms", "--warm-up", "0s")
	if got.Code != exit.Unhealthy || !strings.Contains(got.Out, client.ErrUnavailable.Error()) ||
		!strings.Contains(got.Out, " too_poor\n") || !strings.Contains(got.Out, " unavailable\n") {
		t.Errorf("got %+v", got)
	}
}

func TestBenchRefusesNonsense(t *testing.T) {
	for _, words := range [][]string{
		{"--clients", "0"}, {"--clients", "1,x"}, {"--duration", "0s"}, {"--keys", "0"},
		{"--size", "-1"}, {"--reads", "101"}, {"--warm-up", "-1s"}, {"extra"}, {"--rate", "-1"},
		{"--connections", "0"}, {"--in-flight", "0"}, {"--in-flight", "65536", "--clients", "2"},
		{"--call", " "}, {"--query", "?"}, {"check", "--rate", "0"},
		{"check", "--clients", "1,2"},
	} {
		cluster := &remotetest.Cluster{}
		got := cluster.Run(t, New, "", append([]string{"bench"}, words...)...)
		if got.Code != exit.Usage || len(cluster.Calls) > 0 {
			t.Errorf("%v: got %+v", words, got)
		}
	}
}

// fake is a client that answers as it is told to, several requests at once.
type fake struct {
	remote.Client
	answer func() error
}

func (f fake) Do(context.Context, client.Request) (client.Reply, error) {
	return client.Reply{}, f.answer()
}

// openLoop runs one in virtual time.
func openLoop(rate, clients int, d time.Duration, answer func() error) Result {
	o := Options{InFlight: 1, Rate: rate, Duration: d, Keys: 1, words: []template{
		newTemplate(core.RequestCommand, "put {key} {value}"),
	}}
	o.words = append(o.words, o.words[0])
	return newLoad(o, []remote.Client{fake{answer: answer}}, clients).run(context.Background())
}

// TestOpenLoopCountsFromWhenARequestWasDue lets the cluster stand still in the first second. What
// was due meanwhile waited for what was left of it, and is not left out.
func TestOpenLoopCountsFromWhenARequestWasDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		r := openLoop(100, 8, 2*time.Second, func() error {
			<-time.After(time.Until(begin.Add(time.Second)))
			return nil
		})
		// Of the 200 that are due, the first 100 wait half a second on average.
		if r.Requests != 200 || r.Errors != 0 || r.Max < 1e6 || r.P90 < 780_000 || r.P50 > 20_000 {
			t.Errorf("got %+v", r)
		}
	})
}

// TestOpenLoopTellsWhatWasNotBegun has the one client wait beyond the end.
func TestOpenLoopTellsWhatWasNotBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openLoop(10, 1, 1050*time.Millisecond, func() error {
			<-time.After(5 * time.Second)
			return nil
		})
		if r.Requests != 1 || r.Errors != 10 || r.Kinds["busy"] != 10 {
			t.Errorf("got %+v", r)
		}
	})
}

// working is the status of a node that has done so much.
func working(id core.NodeID, work core.WorkStatus) core.NodeStatus {
	return core.NodeStatus{Node: id, Work: &work, Groups: []core.GroupStatus{{Group: 1, Leader: 2}}}
}

func TestStagesAreDifferences(t *testing.T) {
	before := []core.NodeStatus{
		working(1, core.WorkStatus{Writes: 10}),
		working(2, core.WorkStatus{Writes: 5, WrittenEntries: 10, WriteNS: 1e6, Applies: 1,
			AppliedEntries: 2, ApplyNS: 3}),
	}
	after := []core.NodeStatus{
		working(1, core.WorkStatus{Writes: 2}), // it was started anew
		working(2, core.WorkStatus{Writes: 9, WrittenEntries: 30, WriteNS: 9e6, Applies: 3,
			AppliedEntries: 22, ApplyNS: 4e6 + 3}),
		working(3, core.WorkStatus{}),
	}
	want := Stage{Node: 2, Leads: true, Writes: 4, EntriesPerWrite: 5, WriteMS: 2, Applies: 2,
		EntriesPerApply: 10, ApplyMS: 2}
	if got := stages(before, after); len(got) != 1 || got[0] != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestCheckJudges looks at the same cluster with limits that it keeps to, and with others.
func TestCheckJudges(t *testing.T) {
	cluster := func() *remotetest.Cluster {
		c := &remotetest.Cluster{Value: "OK", Nodes: map[string]core.NodeStatus{}}
		for id := range core.NodeID(3) {
			node := core.NodeStatus{Node: id + 1, Time: time.Now().UnixNano()}
			c.Nodes[fmt.Sprint("127.0.0.1:", 8101+id)] = node
		}
		return c
	}
	check := func(c *remotetest.Cluster, words ...string) remotetest.Outcome {
		return c.Run(t, New, "", append([]string{"bench", "check", "--rate", "200", "--duration",
			"100ms", "--warm-up", "0s", "--clients", "8", "--max-p99", "1h"}, words...)...)
	}
	late := cluster()
	node := late.Nodes["127.0.0.1:8103"]
	node.Time -= int64(time.Hour)
	late.Nodes["127.0.0.1:8103"] = node
	alone := cluster()
	delete(alone.Nodes, "127.0.0.1:8102")
	failing := cluster()
	failing.Answer = func(string) (any, error) { return nil, client.ErrUnavailable }
	for name, got := range map[string]remotetest.Outcome{
		"":           check(cluster(), "--max-skew", "1h"),
		"latency":    check(cluster(), "--max-skew", "1h", "--max-p99", "1ns"),
		"clocks":     check(late, "--max-skew", "30m"),
		"nodes":      check(alone, "--max-skew", "1h"),
		"throughput": check(failing, "--max-skew", "1h"),
		"errors":     check(failing, "--max-skew", "1h"),
	} {
		want := exit.OK
		if name != "" {
			want = exit.Unhealthy
		}
		if got.Code != want || strings.Contains(got.Out, "FAIL  "+name) != (name != "") ||
			!strings.Contains(got.Out, "PASS  ") {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	r := Result{Due: 10, Rate: 10, Requests: 10, Nodes: []Stage{{Node: 1, Writes: 2, WriteMS: 7}}}
	for limit, pass := range map[time.Duration]bool{7e6: true, 6e6: false} {
		verdicts := verdictsOn(r, Limits{Sync: limit}, 1, 1, 0)
		if v := verdicts[len(verdicts)-2]; v.Name != "disk" || v.Pass != pass {
			t.Errorf("limit %v: got %+v", limit, v)
		}
	}
}
