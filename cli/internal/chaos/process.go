package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/tidelock-raft/tidelock/cli/internal/trial"
	"github.com/tidelock-raft/tidelock/core"
)

// node is a node of the cluster, running or not.
type node struct {
	id      core.NodeID
	api     string
	cluster *cluster
	proxy   *proxy // where the other nodes find it
	args    []string
	mu      sync.Mutex
	process *process // nil: it does not run
	gone    bool     // for ever
}

// process is a program that runs beside this one.
type process struct {
	command *exec.Cmd
	ended   chan struct{} // closed once the process is gone
	told    bool          // to end; guarded by the node's mu
}

// API is where clients find the node.
func (n *node) API() string { return n.api }

// start starts the node, unless it runs or is gone. A process that ends untold is a finding.
func (n *node) start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process != nil || n.gone {
		return nil
	}
	log := filepath.Join(n.cluster.dir, fmt.Sprintf("node%d.log", n.id))
	command, err := trial.Start(log, n.cluster.program, n.args...)
	if err != nil {
		return fmt.Errorf("start node %d: %w", n.id, err)
	}
	n.process = &process{command, make(chan struct{}), false}
	go n.watch(n.process) // ended by the end of the process
	return nil
}

func (n *node) watch(p *process) {
	_ = p.command.Wait() // the code is read from ProcessState
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process == p {
		n.process = nil
	}
	if !p.told {
		n.cluster.finding(fmt.Errorf("node %d ended by itself: %v", n.id, p.command.ProcessState))
	}
	close(p.ended)
}

// end ends the process by a signal, waits until it is gone, and returns its exit code, -1 after
// SIGKILL. It is nothing to end a node that does not run.
func (n *node) end(s syscall.Signal) int {
	n.mu.Lock()
	p := n.process
	if p != nil {
		p.told = true
		n.signal(s)
	}
	n.mu.Unlock()
	if p == nil {
		return 0
	}
	<-p.ended
	return p.command.ProcessState.ExitCode()
}

// pause stops the process where it is; resume has it go on.
func (n *node) pause() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.signal(syscall.SIGSTOP)
}

func (n *node) resume() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.signal(syscall.SIGCONT)
}

// signal needs mu. A process that has just ended does not hear it.
func (n *node) signal(s syscall.Signal) {
	if n.process != nil {
		_ = n.process.command.Process.Signal(s)
	}
}

// leave has the node be gone for ever.
func (n *node) leave() {
	n.mu.Lock()
	n.gone = true
	n.mu.Unlock()
	n.end(syscall.SIGKILL)
	n.proxy.close()
}

func (n *node) isGone() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.gone
}
