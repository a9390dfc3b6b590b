package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.org/compare/system"
)

// kill ends a cluster whose data nobody needs.
func (c *cluster) kill() error {
	for _, p := range c.replicas {
		if p.command.ProcessState == nil {
			if err := p.kill(); err != nil {
				return err
			}
		}
	}
	err := c.Target.Close()
	c.Target, c.replicas = nil, nil
	return errors.Join(err, c.Close())
}

// snapshot has the replica that leads take a snapshot, and the others take theirs one after the
// other, so that they do not share one disk's time. One whose snapshots come by themselves takes
// them when it does.
func (c *cluster) snapshot() error {
	if taker, ok := c.Target.(system.Snapshotter); ok {
		return taker.Snapshot()
	}
	leader, err := c.find(true)
	if err != nil {
		return err
	}
	for i := range c.replicas {
		p := c.replicas[(leader+i)%len(c.replicas)]
		if _, err := p.ask(askSnapshot); err != nil {
			return err
		}
	}
	return nil
}

// find waits for a replica that leads, or for one that does not, and finds it.
func (c *cluster) find(leading bool) (found int, err error) {
	err = await(func() bool {
		found = slices.IndexFunc(c.replicas, func(p *process) bool {
			leads, err := p.ask(askLeads)
			return err == nil && leads == leading
		})
		return found >= 0
	})
	return found, err
}

// restart kills a follower, or the one server that there is, and starts it again once a key has been
// written after whatever else is done meanwhile. It returns how long it took from the start until
// the server held the key itself.
func (c *cluster) restart(s system.System, key string, meanwhile func() error) (time.Duration, error) {
	if s.OwnCluster != nil {
		return c.restartOwn(s, key)
	}
	i, err := c.find(false)
	if err != nil {
		return 0, err
	}
	write := func() error { return c.Put(key, []byte("x")).Wait() }
	if meanwhile == nil { // it has it already when it dies
		err = errors.Join(write(), await(func() bool { return c.replicas[i].holds(key) }))
	}
	if err := errors.Join(err, c.replicas[i].kill()); err != nil {
		return 0, err
	}
	if meanwhile != nil {
		if err := errors.Join(meanwhile(), write()); err != nil {
			return 0, err
		}
	}
	since := time.Now()
	if c.replicas[i], err = c.again(i); err != nil {
		return 0, err
	}
	err = await(func() bool { return c.replicas[i].holds(key) })
	return time.Since(since), err
}

// restartOwn is restart for one server that is another program.
func (c *cluster) restartOwn(s system.System, key string) (time.Duration, error) {
	if err := errors.Join(c.Put(key, []byte("x")).Wait(), c.Target.Close()); err != nil {
		return 0, err
	}
	since := time.Now()
	target, pids, err := s.OwnCluster(c.dir)
	if err != nil {
		return 0, err
	}
	c.Target, c.pids = target, pids
	err = await(func() bool { return target.(system.Holder).Holds(key) })
	return time.Since(since), err
}

func (p *process) holds(key string) bool {
	holds, err := p.ask(askHolds, key)
	return err == nil && holds
}

const (
	// pace is how soon after an attempt at a write another begins, and attempts how many may be open.
	pace     = 5 * time.Millisecond
	attempts = 64
)

// failover kills the leader, and returns how long it took until a write was acknowledged again.
func (c *cluster) failover(s system.System, lap int) (time.Duration, error) {
	for range 50 {
		if err := c.Put("key00000000", []byte("x")).Wait(); err != nil {
			return 0, err
		}
	}
	time.Sleep(300*time.Millisecond + time.Duration(lap*7)*time.Millisecond) // at any time of a beat
	leader, err := c.find(true)
	if err != nil {
		return 0, err
	}
	var others []string
	for i, p := range c.replicas {
		if i != leader {
			others = append(others, p.address)
		}
	}
	probe := s.Probe
	if probe == nil {
		probe = func(addresses []string) (func() error, error) {
			return func() error { return dialAndWrite(s, addresses) }, nil
		}
	}
	try, err := probe(others)
	if err != nil {
		return 0, err
	}
	since := time.Now()
	if err := c.replicas[leader].kill(); err != nil {
		return 0, err
	}
	return untilWritten(since, try)
}

// untilWritten tries again and again, not waiting for what became of earlier attempts.
func untilWritten(since time.Time, try func() error) (time.Duration, error) {
	written := make(chan time.Time, attempts)
	open := make(chan struct{}, attempts)
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for {
		select {
		case at := <-written:
			return at.Sub(since), nil
		case <-ticker.C:
		}
		if time.Since(since) > patience {
			return 0, errors.New("no write was acknowledged in time")
		}
		select {
		case open <- struct{}{}:
		default:
			continue
		}
		go func() { // ends with the attempt
			if try() == nil {
				written <- time.Now()
			}
			<-open
		}()
	}
}

func dialAndWrite(s system.System, addresses []string) error {
	target, err := dialOf(s)(addresses)
	if err != nil {
		return err
	}
	return errors.Join(target.Put("probe", []byte("x")).Wait(), target.Close())
}

// memory is the sum of what the kernel says of processes, in KiB.
func memory(pids []int, field string) (sum int64) {
	for _, pid := range pids {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(status)) {
			if rest, ok := strings.CutPrefix(line, field+":"); ok {
				n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
				sum += n
			}
		}
	}
	return sum
}
