package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"example.org/compare/front"
	"example.org/compare/system"
)

// patience bounds how long replicas take to agree on a leader, or one to come level.
const patience = 2 * time.Minute

// cluster is three replicas, here or in processes of their own.
type cluster struct {
	system.Target            // reaches the leader
	replicas      []*process // those in processes of their own
	pids          []int      // of processes that are another program
	dir           string
	again         func(i int) (*process, error) // starts a replica that was killed
	closers       []func() error
}

// start starts three replicas with their data under dir.
func start(s system.System, dir string, apart bool, how setup) (*cluster, error) {
	if s.OwnCluster != nil {
		target, pids, err := s.OwnCluster(dir)
		return &cluster{Target: target, pids: pids, dir: dir}, err
	}
	peers, err := freeAddresses(3)
	if err != nil {
		return nil, err
	}
	c := new(cluster)
	if apart {
		err = c.startProcesses(s, peers, dir, how)
	} else {
		err = c.startHere(s, peers, dir)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *cluster) startHere(s system.System, peers []string, dir string) error {
	var nodes []system.Node
	for i := range peers {
		n, err := openNode(s, system.Config{ID: i + 1, Peers: peers, Dir: dir, Beside: len(peers) - 1})
		if err != nil {
			return err
		}
		nodes = append(nodes, n)
		c.closers = append(c.closers, n.Close)
	}
	return await(func() bool {
		for _, n := range nodes {
			if n.Leads() && n.Put("key00000000", []byte("x")).Wait() == nil {
				c.Target = here{n}
				return true
			}
		}
		return false
	})
}

// here is a target that is closed with its node.
type here struct{ system.Target }

// Close implements system.Target.
func (here) Close() error { return nil }

// await waits until something is so.
func await(so func() bool) error {
	for deadline := time.Now().Add(patience); !so(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			return fmt.Errorf("not so after %v", patience)
		}
	}
	return nil
}

// startProcesses starts three replicas in processes of their own.
func (c *cluster) startProcesses(s system.System, peers []string, dir string, how setup) error {
	c.again = func(i int) (*process, error) { return startProcess(s, i+1, peers, dir, how) }
	for i := range peers {
		p, err := c.again(i)
		if err != nil {
			return err
		}
		c.replicas = append(c.replicas, p)
	}
	return await(func() bool { return c.dial(s) == nil })
}

// dial connects with the replica that leads, if that takes a write.
func (c *cluster) dial(s system.System) error {
	var addresses []string
	for _, p := range c.replicas {
		addresses = append(addresses, p.address)
	}
	target, err := dialOf(s)(addresses)
	if err != nil {
		return err
	}
	if err := target.Put("key00000000", []byte("x")).Wait(); err != nil {
		return errors.Join(err, target.Close()) // another one is dialled
	}
	c.Target = target
	return nil
}

// dialOf is how clients of a system connect.
func dialOf(s system.System) func([]string) (system.Target, error) {
	if s.Dial != nil {
		return s.Dial
	}
	return front.Dial
}

// setProcs sets GOMAXPROCS of all processes.
func (c *cluster) setProcs(n int) error {
	runtime.GOMAXPROCS(n)
	for _, p := range c.replicas {
		if _, err := p.ask(askProcs, strconv.Itoa(n)); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the cluster.
func (c *cluster) Close() error {
	var err error
	if c.Target != nil {
		err = c.Target.Close()
	}
	for _, end := range c.closers {
		err = errors.Join(err, end())
	}
	for _, p := range c.replicas {
		err = errors.Join(err, p.Close())
	}
	return err
}

// cpu is the processor time spent by this process and those of the cluster.
func (c *cluster) cpu() time.Duration {
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		return 0
	}
	sum := time.Duration(own.Utime.Nano() + own.Stime.Nano())
	for _, pid := range c.processes() {
		sum += spentBy(pid)
	}
	return sum
}

// processes are the ids of those that are not this one.
func (c *cluster) processes() []int {
	pids := slices.Clone(c.pids)
	for _, p := range c.replicas {
		pids = append(pids, p.command.Process.Pid)
	}
	return pids
}

// spentBy is the processor time of another process, in user mode and in the kernel, of which
// Linux tells hundredths of a second.
func spentBy(pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // the name may have spaces
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	kernel, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+kernel) * 10 * time.Millisecond
}

// freeAddresses finds addresses of loopback that nobody listens on.
func freeAddresses(n int) ([]string, error) {
	var addresses []string
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer listener.Close()
		addresses = append(addresses, listener.Addr().String())
	}
	return addresses, nil
}
