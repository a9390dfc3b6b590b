package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"example.org/compare/front"
	"example.org/compare/system"
)

// patience bounds how long three replicas take to agree on a leader.
const patience = 30 * time.Second

// cluster is three replicas, here or in processes of their own.
type cluster struct {
	system.Target       // reaches the leader
	pids          []int // of the other processes
	ins           []io.Writer
	closers       []func() error
}

// start starts three replicas with their data under dir.
func start(s system.System, dir string, apart bool) (*cluster, error) {
	if s.OwnCluster != nil {
		target, pids, err := s.OwnCluster(dir)
		return &cluster{Target: target, pids: pids}, err
	}
	peers, err := freeAddresses(3)
	if err != nil {
		return nil, err
	}
	c := new(cluster)
	if apart {
		err = c.startProcesses(s, peers, dir)
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
		n, err := openNode(s, i+1, peers, dir)
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

func openNode(s system.System, id int, peers []string, dir string) (system.Node, error) {
	own := filepath.Join(dir, strconv.Itoa(id))
	if err := os.MkdirAll(own, 0o700); err != nil {
		return nil, err
	}
	n, err := s.Open(system.Config{ID: id, Peers: peers, Dir: own})
	if err != nil {
		return nil, fmt.Errorf("open replica %d of %s: %w", id, s.Name, err)
	}
	return n, nil
}

// await waits until something is so.
func await(so func() bool) error {
	for deadline := time.Now().Add(patience); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			return errors.New("no leader in time")
		}
	}
	return nil
}

// startProcesses starts this program three times as `compare node`.
func (c *cluster) startProcesses(s system.System, peers []string, dir string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	var addresses []string
	for i := range peers {
		command := exec.Command(program, "node", "-system", s.Name, "-id", strconv.Itoa(i+1),
			"-peers", strings.Join(peers, ","), "-dir", dir)
		command.Stderr = os.Stderr
		in, inErr := command.StdinPipe()
		out, outErr := command.StdoutPipe()
		if err := errors.Join(inErr, outErr, command.Start()); err != nil {
			return err
		}
		c.pids, c.ins = append(c.pids, command.Process.Pid), append(c.ins, in)
		c.closers = append(c.closers, func() error { return errors.Join(in.Close(), command.Wait()) })
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			return fmt.Errorf("replica %d of %s does not come up: %w", i+1, s.Name, err)
		}
		addresses = append(addresses, strings.TrimSpace(line))
	}
	dial := s.Dial
	if dial == nil {
		dial = front.Dial
	}
	return await(func() bool {
		target, err := dial(addresses)
		if err == nil {
			if err = target.Put("key00000000", []byte("x")).Wait(); err == nil {
				c.Target = target
				return true
			}
			_ = target.Close() // another one is dialled
		}
		return false
	})
}

// setProcs sets GOMAXPROCS of all processes.
func (c *cluster) setProcs(n int) error {
	runtime.GOMAXPROCS(n)
	for _, in := range c.ins {
		if _, err := fmt.Fprintln(in, n); err != nil {
			return err
		}
	}
	return nil
}

// serveNode is `compare node`: it serves until its standard input ends. Lines of it are values of
// GOMAXPROCS.
func serveNode(s system.System, id int, peers []string, dir string) error {
	n, err := openNode(s, id, peers, dir)
	if err != nil {
		return err
	}
	serve := s.Serve
	if serve == nil {
		serve = front.Serve
	}
	server, err := serve(n, "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, n.Close())
	}
	fmt.Println(server.Addr())
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if procs, err := strconv.Atoi(lines.Text()); err == nil {
			runtime.GOMAXPROCS(procs)
		}
	}
	return errors.Join(lines.Err(), server.Close(), n.Close())
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
	return err
}

// cpu is the processor time spent by this process and those of the cluster.
func (c *cluster) cpu() time.Duration {
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		return 0
	}
	sum := time.Duration(own.Utime.Nano() + own.Stime.Nano())
	for _, pid := range c.pids {
		sum += spentBy(pid)
	}
	return sum
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
