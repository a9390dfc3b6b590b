package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/tidelock-raft/tidelock/cli/internal/trial"
	"github.com/tidelock-raft/tidelock/scripting"
	"github.com/tidelock-raft/tidelock/transport/client"
)

//go:embed keys.lua
var machine string

const (
	keyBytes   = 16
	valueBytes = 32
	keyClients = 64

	fillKeys   = 5000 // that one command makes
	fillers    = 16   // commands under way
	bytesGuess = 500  // memory of a server for a key, snapshots included

	// A snapshot is taken when so many bytes were applied, which only ballast comes to.
	snapshotBytes = 128 << 20
	ballastBytes  = 1 << 20
)

// measureKeys has three nodes hold more and more keys.
func measureKeys(ctx context.Context, o options) (string, error) {
	t := newTable("keys", "loaded in s", "bytes of memory a key", "writes/s", "p99 ms", "worst ms",
		"snapshot s", "MB", "p99 ms meanwhile", "worst ms meanwhile", "restart s", "limit")
	note := ""
	for _, wanted := range o.keys {
		n := min(wanted, int(available()/3/bytesGuess))
		if n < wanted {
			note += fmt.Sprintf("Of %d keys, %d fit into the memory that is free.\n\n", wanted, n)
		}
		k, err := manyKeys(ctx, o, n)
		if err != nil {
			return "", fmt.Errorf("%d keys: %w", n, err)
		}
		t.row(n, number("%.1f", k.load.Seconds()), number("%.0f", k.memory),
			number("%.0f", k.before.rate), number("%.2f", k.before.p99), number("%.1f", k.before.worst),
			number("%.1f", k.snapshot.Seconds()), number("%.0f", k.bytes/1e6),
			number("%.2f", k.during.p99), number("%.1f", k.during.worst),
			number("%.1f", k.restart.Seconds()), k.before.limit())
	}
	return fmt.Sprintf("Three nodes, keys of %d bytes and values of %d, %d clients that overwrite. "+
		"Memory is that of the largest server (RSS) when all is loaded; a snapshot is counted from "+
		"freezing the state to having read the file back, rests included, of the slowest of three nodes "+
		"that take it at about the same time; a restart, from SIGKILL until the node has what the "+
		"leader has.\n\n%s%s",
		keyBytes, valueBytes, keyClients, note, t), nil
}

// held is what some number of keys comes to.
type held struct {
	load, snapshot, restart time.Duration
	memory, bytes           float64 // of a key; of a snapshot
	before, during          figures // the snapshot
}

func manyKeys(ctx context.Context, o options, n int) (k held, err error) {
	script := filepath.Join(o.dir, "keys.lua")
	if err := os.WriteFile(script, []byte(machine), 0o600); err != nil {
		return k, err
	}
	c, err := newCluster(ctx, o, 3, "--script", script,
		"--snapshot-bytes", fmt.Sprint(snapshotBytes), "--snapshot-entries", "100000000")
	if err != nil {
		return k, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	began := time.Now()
	if err = c.fill(ctx, n); err != nil {
		return k, err
	}
	k.load = time.Since(began)
	for _, p := range c.nodes {
		k.memory = max(k.memory, (resident(p.Process.Pid)-p.bare)/float64(n))
	}
	one := c.put(n, valueBytes)
	if k.before, err = c.measure(ctx, keyClients, o.hold, one); err != nil {
		return k, err
	}
	if k.during, err = c.whileSnapshot(ctx, one); err != nil {
		return k, err
	}
	for _, p := range c.nodes {
		took, bytes := snapshotOf(p)
		k.snapshot, k.bytes = max(k.snapshot, took), max(k.bytes, bytes)
	}
	k.restart, err = c.restart(ctx)
	return k, err
}

// fill makes keys, many with one command, and waits until all nodes have them.
func (c *cluster) fill(ctx context.Context, n int) error {
	value := strings.Repeat("v", valueBytes)
	var calls [][]byte
	for lo := 0; lo < n; lo += fillKeys {
		data, err := scripting.EncodeCall("fill", lo, min(lo+fillKeys, n), value)
		if err != nil {
			return err
		}
		calls = append(calls, data)
	}
	if err := c.all(ctx, calls); err != nil {
		return err
	}
	_, err := trial.Agree(ctx, c, c.nodes)
	return err
}

// all has commands carried out, several at a time.
func (c *cluster) all(ctx context.Context, calls [][]byte) error {
	ctx, cancel := context.WithTimeout(ctx, trial.Patience)
	defer cancel()
	slots := make(chan struct{}, fillers)
	var running sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for _, data := range calls {
		slots <- struct{}{}
		running.Go(func() { // ended by its answer, or ctx
			if _, err := c.Do(ctx, client.Request{Data: data}); err != nil {
				mu.Lock()
				failed = errors.Join(failed, err)
				mu.Unlock()
				cancel()
			}
			<-slots
		})
	}
	running.Wait()
	return failed
}

// whileSnapshot has all nodes take a snapshot, under load, until they have it.
func (c *cluster) whileSnapshot(ctx context.Context, one ask) (figures, error) {
	data, err := scripting.EncodeCall("ballast", strings.Repeat("b", ballastBytes-headroom))
	if err != nil {
		return figures{}, err
	}
	calls := make([][]byte, snapshotBytes/ballastBytes)
	for i := range calls {
		calls[i] = data
	}
	loaded, stop := context.WithCancel(ctx)
	defer stop()
	if err := c.all(ctx, calls); err != nil {
		return figures{}, err
	}
	waited := make(chan error, 1)
	go func() { // ended by Await, which has its patience
		defer stop()
		waited <- trial.Await(ctx, "a snapshot of every node", func() bool {
			for _, p := range c.nodes {
				if took, _ := snapshotOf(p); took == 0 {
					return false
				}
			}
			return true
		})
	}()
	f, err := c.measure(loaded, keyClients, trial.Patience, one)
	return f, errors.Join(err, <-waited)
}

// snapshotOf is how long the newest snapshot of a node took, and its bytes; zeros: there is none.
func snapshotOf(p *process) (took time.Duration, bytes float64) {
	log, err := os.ReadFile(p.log)
	i := strings.LastIndex(string(log), `msg="snapshot taken"`)
	if err != nil || i < 0 {
		return 0, 0
	}
	line, _, _ := strings.Cut(string(log[i:]), "\n")
	for _, word := range strings.Fields(line) {
		name, text, _ := strings.Cut(word, "=")
		switch name {
		case "took":
			took, _ = time.ParseDuration(text)
		case "bytes":
			_, _ = fmt.Sscan(text, &bytes)
		}
	}
	return took, bytes
}

// restart kills a follower, and takes the time from its start until it has what the leader has.
func (c *cluster) restart(ctx context.Context) (time.Duration, error) {
	leader, s := trial.Led(c, c.nodes)
	for _, p := range c.nodes {
		if p == leader {
			continue
		}
		if err := p.kill(); err != nil {
			return 0, err
		}
		began := time.Now()
		if err := c.start(p); err != nil {
			return 0, err
		}
		err := trial.Await(ctx, "the node that was started again", func() bool {
			own, ok := trial.Status(c, p)
			return ok && own.AppliedIndex >= s.CommitIndex
		})
		return time.Since(began), err
	}
	return 0, errors.New("nobody follows")
}
