package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
)

// maxScripts is how many scripts run at the same time.
const maxScripts = 2

// steady is how long nodes of scripts wait for a leader: so long that nobody else comes to lead, of
// whom the scripts tell, because the machine is busy.
const steady = "3s"

// TestScripts runs the scripts of testdata/script: what each command prints, as text and as JSON,
// and how it ends. Beside what testscript has there are these words:
//
//	cluster N [FLAG…]           start N nodes; sets RAFT_ENDPOINTS, DATA, LEADER, A, B (who follow)
//	crash, halt N               end a node, by force or in order; halt wants code 0
//	start N [FLAG…]             start it again, with more flags
//	leader                      wait for a leader, and set LEADER, A and B anew
//	settled N                   wait until N nodes have applied the same
//	exits CODE PROGRAM ARG…     run a program, which ends with this code
//	until REGEXP PROGRAM ARG…   run a program again and again, until its output is such
//	capture NAME REGEXP         set a variable to what a group of REGEXP finds in the output
//	ports NAME…                 set variables to free ports
//	raft ARGS, halt-raft       start raft-node beside the script, and stop it
//	sums DIR                    print every file below DIR but locks, with a sum of its contents
//	watch NAME ARG…             start raft-client watch beside the script, from now on
//	seen NAME REGEXP            wait until that watcher has printed such lines
//
// A program that stands alone has to end with code 0.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	slots := make(chan struct{}, maxScripts)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			slots <- struct{}{}
			defer func() { <-slots }()
			runScript(t, file)
		})
	}
}

// inTurn has testscript run a script where it stands, not in parallel with its parent.
type inTurn struct{ *testing.T }

func (s inTurn) Parallel()                          {}
func (s inTurn) Verbose() bool                      { return testing.Verbose() }
func (s inTurn) Run(_ string, f func(testscript.T)) { f(s) }

func runScript(t *testing.T, file string) {
	s := &scripted{t: t, watchers: map[string]*Process{}}
	words := map[string]func(*testscript.TestScript, bool, []string){
		"cluster": s.start, "leader": s.leader, "settled": s.settled, "exits": s.exits,
		"until": s.until, "capture": s.capture, "ports": s.ports, "raft": s.raft, "watch": s.watch,
		"seen": s.seen, "halt-raft": s.haltRaft, "sums": s.sums,
	}
	for _, name := range []string{"crash", "halt", "start"} {
		words[name] = func(ts *testscript.TestScript, _ bool, args []string) { s.node(ts, name, args) }
	}
	for _, name := range []string{"raft-node", "raft-client", "tidelock"} {
		words[name] = func(ts *testscript.TestScript, _ bool, args []string) {
			s.exits(ts, false, append([]string{"0", name}, args...))
		}
	}
	testscript.RunT(inTurn{t}, testscript.Params{
		Files: []string{file}, Cmds: words, RequireExplicitExec: true, ContinueOnError: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", programs.dir+string(os.PathListSeparator)+e.Getenv("PATH"))
			here, err := filepath.Abs(".")
			e.Setenv("TESTDATA", filepath.Join(here, "testdata"))
			e.Setenv("EXAMPLES", filepath.Join(here, "..", "..", "..", "examples"))
			e.Setenv("RAFT_TIMEOUT", fmt.Sprint(Patience/2))
			return err
		},
	})
}

// scripted is a script that runs, and its cluster.
type scripted struct {
	t        *testing.T
	cluster  *Cluster
	watchers map[string]*Process
	raftNode *Process
}

func (s *scripted) start(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	s.cluster = programs.Cluster(s.t, n, append([]string{"--election", steady}, args[1:]...)...)
	ts.Setenv("RAFT_ENDPOINTS", s.cluster.Endpoints())
	ts.Setenv("DATA", s.cluster.Dir)
	s.leader(ts, false, nil)
}

func (s *scripted) leader(ts *testscript.TestScript, _ bool, _ []string) {
	leader, n := s.cluster.Leader(s.t), core.NodeID(len(s.cluster.nodes))
	ts.Setenv("LEADER", fmt.Sprint(leader))
	ts.Setenv("A", fmt.Sprint(leader%n+1))
	ts.Setenv("B", fmt.Sprint((leader+1)%n+1))
}

func (s *scripted) settled(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	s.cluster.Settled(s.t, n)
}

func (s *scripted) node(ts *testscript.TestScript, verb string, args []string) {
	id, err := strconv.Atoi(args[0])
	ts.Check(err)
	switch n := s.cluster.Node(core.NodeID(id)); verb {
	case "crash":
		n.Kill(s.t)
	case "halt":
		if code := n.Stop(s.t); code != exit.OK {
			ts.Fatalf("node %d ended with code %d", id, code)
		}
	case "start":
		n.Restart(s.t, args[1:]...)
	}
}

func (s *scripted) exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := codeOf(ts, ts.Exec(args[1], args[2:]...)); got != want {
		ts.Fatalf("%s ended with code %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

func codeOf(ts *testscript.TestScript, err error) int {
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return ended.ExitCode()
	}
	ts.Check(err)
	return 0
}

func (s *scripted) until(ts *testscript.TestScript, _ bool, args []string) {
	_, err := ts.Stdout().Write(s.poll(ts, args[0], args[1], args[2:]...))
	ts.Check(err)
}

// poll runs a program until its output is such, and returns that.
func (s *scripted) poll(
	ts *testscript.TestScript, wanted, program string, args ...string,
) (output []byte) {
	pattern, err := regexp.Compile("(?m)" + wanted)
	ts.Check(err)
	Eventually(s.t, wanted, func() bool {
		command := patient(exec.Command(filepath.Join(programs.dir, program), args...))
		command.Env = append(command.Env, "RAFT_ENDPOINTS="+ts.Getenv("RAFT_ENDPOINTS"))
		output, err = command.Output()
		codeOf(ts, err)
		return pattern.Match(output)
	})
	return output
}

func (s *scripted) capture(ts *testscript.TestScript, _ bool, args []string) {
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	found := pattern.FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) != 2 {
		ts.Fatalf("%s finds %d groups", args[1], len(found))
	}
	ts.Setenv(args[0], found[1])
}

func (s *scripted) ports(ts *testscript.TestScript, _ bool, args []string) {
	for i, port := range FreePorts(s.t, len(args)) {
		ts.Setenv(args[i], fmt.Sprint(port))
	}
}

func (s *scripted) raft(ts *testscript.TestScript, _ bool, args []string) {
	words := strings.Fields(strings.Join(args, " "))
	s.raftNode = programs.Start(s.t, ts.Getenv("WORK"), "raft-node", words...)
	s.raftNode.WaitFor(s.t, "node is running")
}

func (s *scripted) haltRaft(*testscript.TestScript, bool, []string) { s.raftNode.Stop(s.t) }

func (s *scripted) sums(ts *testscript.TestScript, _ bool, args []string) {
	_, err := fmt.Fprintln(ts.Stdout(), fingerprint(s.t, ts.MkAbs(args[0])))
	ts.Check(err)
}

func (s *scripted) watch(ts *testscript.TestScript, _ bool, args []string) {
	query := []string{"query", "@changes", "null", "0", "0", "--applied", "--output", "json"}
	for _, n := range s.cluster.nodes { // what it does itself, but when is not to be seen
		s.poll(ts, `"first":`, "raft-client",
			append(query, "--read", "stale", "--target", fmt.Sprint(n.ID))...)
	}
	var seen struct{ Index core.Index }
	ts.Check(json.Unmarshal(s.poll(ts, `"index":`, "raft-client", query...), &seen))
	words := append([]string{"watch", "--from", fmt.Sprint(seen.Index + 1), "--endpoints",
		s.cluster.Endpoints()}, args[1:]...)
	s.watchers[args[0]] = programs.Start(s.t, s.cluster.Dir, "raft-client", words...)
}

func (s *scripted) seen(ts *testscript.TestScript, _ bool, args []string) {
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	Eventually(s.t, args[1], func() bool {
		return pattern.MatchString(s.watchers[args[0]].Output())
	})
}
