package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/trial"
)

// Patience is how long everything here waits at most.
const Patience = 60 * time.Second

// patient has a program wait for an answer, unless its flags say how long: what is asked for comes,
// however busy the machine is.
func patient(command *exec.Cmd) *exec.Cmd {
	command.Env = append(os.Environ(), fmt.Sprint("RAFT_TIMEOUT=", Patience/2))
	return command
}

// pause is the time between two looks at something that is waited for.
const pause = 10 * time.Millisecond

// Programs are the programs, built.
type Programs struct{ dir string }

// Build builds the programs into a directory.
func Build(dir string) (*Programs, error) {
	_, file, _, _ := runtime.Caller(0)
	build := exec.Command("go", "build", "-o", dir+string(filepath.Separator),
		"../../raft-node", "../../raft-client", "../../tidelock")
	build.Dir = filepath.Dir(file)
	if output, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build programs: %w\n%s", err, output)
	}
	return &Programs{dir}, nil
}

// Process is a program that runs beside the test. It is killed when the test ends.
type Process struct {
	command *exec.Cmd
	output  output
	ended   chan struct{} // closed once the process is gone
}

// output gathers what a process writes on both streams.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// Start starts a program in a directory. If the test fails, what the process wrote is shown.
func (p *Programs) Start(t *testing.T, dir, program string, args ...string) *Process {
	t.Helper()
	process := &Process{
		command: patient(exec.Command(filepath.Join(p.dir, program), args...)),
		ended:   make(chan struct{}),
	}
	process.command.Dir = dir
	process.command.Stdout, process.command.Stderr = &process.output, &process.output
	if err := process.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // ended by the end of the process
		_ = process.command.Wait() // the code is read from ProcessState
		close(process.ended)
	}()
	t.Cleanup(func() {
		process.Signal(t, syscall.SIGKILL)
		process.Wait(t)
		if t.Failed() {
			t.Logf("%s %s:\n%s", program, strings.Join(args, " "), process.Output())
		}
	})
	return process
}

// Output is what the process has written so far.
func (p *Process) Output() string { return p.output.String() }

// Signal sends a signal, if the process is there: SIGKILL, SIGTERM, SIGSTOP, SIGCONT.
func (p *Process) Signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	select {
	case <-p.ended:
		return
	default:
	}
	if err := p.command.Process.Signal(s); err != nil && !errors.Is(err, syscall.ESRCH) &&
		!strings.Contains(err.Error(), "already finished") {
		t.Fatal(err)
	}
}

// Wait waits for the end of the process and returns its code, -1 after a signal.
func (p *Process) Wait(t *testing.T) exit.Code {
	t.Helper()
	select {
	case <-p.ended:
		return exit.Code(p.command.ProcessState.ExitCode())
	case <-time.After(Patience):
		t.Fatalf("process %d does not end", p.command.Process.Pid)
		return 0
	}
}

// Kill ends the process as a power cut would.
func (p *Process) Kill(t *testing.T) {
	t.Helper()
	p.Signal(t, syscall.SIGKILL)
	p.Wait(t)
}

// Stop asks the process to end and returns its code.
func (p *Process) Stop(t *testing.T) exit.Code {
	t.Helper()
	p.Signal(t, syscall.SIGTERM)
	return p.Wait(t)
}

// WaitFor waits until the process has written a text.
func (p *Process) WaitFor(t *testing.T, text string) {
	t.Helper()
	Eventually(t, fmt.Sprintf("output %q", text), func() bool {
		return strings.Contains(p.Output(), text)
	})
}

// Eventually waits until a condition holds.
func Eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	deadline := time.After(Patience)
	for !holds() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("%s: not within %v", what, Patience)
		}
	}
}

// FreePorts returns ports that nobody listens on; see trial.FreePorts.
func FreePorts(t *testing.T, n int) []int {
	t.Helper()
	ports, err := trial.FreePorts(n)
	if err != nil {
		t.Fatal(err)
	}
	return ports
}
