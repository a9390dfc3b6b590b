package trial

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidelock-raft/tidelock/core"
)

// group is what each of some nodes says of its group; nothing, of one that is not there.
type group map[node]core.GroupStatus

type node string

func (n node) API() string { return string(n) }

func (g group) Status(_ context.Context, address string) (core.NodeStatus, error) {
	if s, ok := g[node(address)]; ok {
		return core.NodeStatus{Groups: []core.GroupStatus{s}}, nil
	}
	return core.NodeStatus{}, errors.New("silent")
}

func TestNewestLeaderLeads(t *testing.T) {
	nodes := []node{"a", "b", "c", "d"}
	g := group{
		"a": {Role: "leader", Term: 3}, "b": {Role: "leader", Term: 5}, "c": {Role: "follower", Term: 7},
	}
	for range 2 {
		if n, s := Led(g, nodes); n != "b" || s.Term != 5 {
			t.Errorf("of %v got %q of term %d, want b of term 5", nodes, n, s.Term)
		}
		slices.Reverse(nodes)
	}
	if n, _ := Led(g, nodes[2:]); n != "" {
		t.Errorf("got %q, and nobody leads", n)
	}
}

// TestAgreementIsAboutEverything has two nodes that differ in one thing at a time.
func TestAgreementIsAboutEverything(t *testing.T) {
	good := core.GroupStatus{AppliedIndex: 9, CommitIndex: 9, Digest: 5, Machine: "kv v1"}
	for want, change := range map[string]func(*core.GroupStatus){
		"":                            func(*core.GroupStatus) {},
		"at index 9: digests 6 and 5": func(s *core.GroupStatus) { s.Digest = 6 },
		"machines kv v2 and kv v1":    func(s *core.GroupStatus) { s.Machine = "kv v2" },
		"same index: not within 2m0s": func(s *core.GroupStatus) {
			s.AppliedIndex, s.CommitIndex = 8, 8
		},
		"all nodes at the same index:": func(s *core.GroupStatus) { s.CommitIndex = 10 },
	} {
		synctest.Test(t, func(t *testing.T) {
			other := good
			change(&other)
			_, err := Agree(t.Context(), group{"a": good, "b": other}, []node{"a", "b"})
			if (want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
		})
	}
}

func TestWaitingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks, began := 0, time.Now()
		err := Await(t.Context(), "three", func() bool { looks++; return looks == 3 })
		if err != nil || time.Since(began) != 2*pause {
			t.Errorf("got %v after %v", err, time.Since(began))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if Await(ctx, "never", func() bool { return false }) == nil || Wait(ctx, time.Hour) {
			t.Error("what was cancelled goes on")
		}
	})
}

func TestOneFailureFailsAll(t *testing.T) {
	var v Verdicts
	var out strings.Builder
	if v.Print(&out) {
		t.Error("nothing was looked at, and it passed")
	}
	v.Judge("one", nil, "%d is fine", 1)
	if v.Fail("two", nil) || !v.Print(&out) {
		t.Error("what is fine failed")
	}
	v.Judge("three", errors.New("broken"), "never said")
	const want = "PASS  one    1 is fine\nFAIL  three  broken\n"
	if v.Print(&out) || !strings.HasSuffix(out.String(), want) {
		t.Errorf("got %s", &out)
	}
}

// TestFreePortsAreNobodysAndDiffer asks for so many that some would coincide.
func TestFreePortsAreNobodysAndDiffer(t *testing.T) {
	ports, err := FreePorts(500)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(dialed)
	lo, hi := portsBeside(string(text))
	seen := map[int]bool{}
	for _, port := range ports {
		if seen[port] || port < lo || port >= hi {
			t.Errorf("port %d: seen before: %v", port, seen[port])
		}
		seen[port] = true
	}
}

// TestNobodyDialsFromAFreePort, whatever the system gives to those who do.
func TestNobodyDialsFromAFreePort(t *testing.T) {
	for text, want := range map[string][2]int{
		"32768\t60999\n": {lowestPort, highestPort}, "49152 65535": {lowestPort, highestPort},
		"1024 19999": {lowestPort, highestPort}, "30000 40000": {lowestPort, highestPort},
		"29999 60999": {1024, 29999}, "1024 20000": {20001, 65536}, "15000 61000": {1024, 15000},
		"": {lowestPort, highestPort}, "1024 65535": {lowestPort, highestPort},
	} {
		if lo, hi := portsBeside(text); lo != want[0] || hi != want[1] {
			t.Errorf("%q: got %d to %d, want %v", text, lo, hi, want)
		}
	}
}

// TestOutputIsAppended starts a program twice.
func TestOutputIsAppended(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	for _, word := range []string{"one", "two"} {
		command, err := Start(log, "sh", "-c", "echo "+word+"; echo $0 >&2", "loud")
		if err == nil {
			err = command.Wait()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(log); string(got) != "one\nloud\ntwo\nloud\n" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := Start(log, "/nowhere"); err == nil {
		t.Error("a program that is not there starts")
	}
}
