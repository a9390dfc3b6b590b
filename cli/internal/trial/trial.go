// Package trial is what programs share that put real nodes on trial: chaos, churn and their like.
// It builds and starts programs, asks nodes who leads and whether they agree, waits for what has to
// come true, and gives verdicts. What is done to the nodes is each program's own matter.
package trial

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/tidelock-raft/tidelock/core"
)

// Patience is how long whatever has to come true may take.
const Patience = 2 * time.Minute

const (
	pause   = 50 * time.Millisecond // between two looks at something that is waited for
	silence = time.Second           // after which a node does not answer
)

// Build builds programs of this module into a directory.
func Build(dir string, programs ...string) error {
	for _, program := range programs {
		build := exec.Command("go", "build", "-o", filepath.Join(dir, program),
			"github.com/tidelock-raft/tidelock/cli/"+program)
		if output, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", program, err, output)
		}
	}
	return nil
}

// Start starts a program, which appends all that it writes to a file. The caller waits for its end.
func Start(log, program string, args ...string) (*exec.Cmd, error) {
	file, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer file.Close() // the process has its own
	command := exec.Command(program, args...)
	command.Stdout, command.Stderr = file, file
	return command, command.Start()
}

// The ports that FreePorts chooses from, unless the system gives some of them to those who dial.
const lowestPort, highestPort = 20000, 30000

// minPorts is how many ports there have to be to choose from.
const minPorts = 1000

// dialed says from which ports Linux has those dial who ask for none.
const dialed = "/proc/sys/net/ipv4/ip_local_port_range"

// portsBeside returns between which ports, the second excluded, there are none that are dialed
// from: the usual ones, or those below or above. If that is too few, the usual ones have to do.
func portsBeside(dialed string) (lo, hi int) {
	var first, last int
	n, _ := fmt.Sscan(dialed, &first, &last) // elsewhere there is nothing to read
	if n < 2 || first >= highestPort || last < lowestPort {
		return lowestPort, highestPort
	}
	if lo, hi = 1024, first; hi-lo < 65535-last {
		lo, hi = last+1, 65536
	}
	if hi-lo < minPorts {
		return lowestPort, highestPort
	}
	return lo, hi
}

// maxTries is how many ports are tried for each that is wanted.
const maxTries = 100

// FreePorts returns ports of 127.0.0.1 that nobody listens on. They are free now; nothing keeps
// them so, but nobody comes by one without asking for it.
func FreePorts(n int) ([]int, error) {
	var free []int
	text, _ := os.ReadFile(dialed) // of a few bytes, on Linux only
	lo, hi := portsBeside(string(text))
	for range maxTries * n {
		port := lo + rand.IntN(hi-lo)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		defer l.Close() // all are held until all are found, so that they differ
		if free = append(free, port); len(free) == n {
			return free, nil
		}
	}
	return nil, fmt.Errorf("there are no %d free ports from %d to below %d", n, lo, hi)
}

// Wait lets time pass, and reports whether ctx goes on.
func Wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Await waits until a condition holds.
func Await(ctx context.Context, what string, holds func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	for !holds() {
		if !Wait(ctx, pause) {
			return fmt.Errorf("%s: not within %v", what, Patience)
		}
	}
	return nil
}

// Asker asks the node at an address how it is. A *client.Client is one.
type Asker interface {
	Status(ctx context.Context, address string) (core.NodeStatus, error)
}

// Node is a node on trial; the zero value is none.
type Node interface {
	comparable
	API() string // where it answers clients
}

// Status asks a node about its group.
func Status[N Node](a Asker, n N) (core.GroupStatus, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), silence)
	defer cancel()
	s, err := a.Status(ctx, n.API())
	if err != nil || len(s.Groups) == 0 {
		return core.GroupStatus{}, false
	}
	return s.Groups[0], true
}

// Led is whoever leads in the newest term, none if nobody does, and what it says.
func Led[N Node](a Asker, nodes []N) (leads N, status core.GroupStatus) {
	for _, n := range nodes {
		if s, ok := Status(a, n); ok && s.Role == "leader" && s.Term >= status.Term {
			leads, status = n, s
		}
	}
	return leads, status
}

// Agree waits until all nodes have applied the same index, and all that they know to be committed,
// and compares their states and machines. It returns what one of them says.
func Agree[N Node](ctx context.Context, a Asker, nodes []N) (core.GroupStatus, error) {
	var list []core.GroupStatus
	if err := Await(ctx, "all nodes at the same index", func() bool {
		list = list[:0]
		for _, n := range nodes {
			if s, ok := Status(a, n); ok && s.AppliedIndex == s.CommitIndex {
				list = append(list, s)
			}
		}
		return len(list) == len(nodes) && !slices.ContainsFunc(list, func(s core.GroupStatus) bool {
			return s.AppliedIndex != list[0].AppliedIndex
		})
	}); err != nil {
		return core.GroupStatus{}, err
	}
	for _, s := range list {
		if s.Digest != list[0].Digest || s.Digest == 0 || s.Machine != list[0].Machine {
			return s, fmt.Errorf("at index %d: digests %x and %x, machines %s and %s",
				s.AppliedIndex, s.Digest, list[0].Digest, s.Machine, list[0].Machine)
		}
	}
	return list[0], nil
}
