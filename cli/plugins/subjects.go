package plugins

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/tidelock-raft/tidelock/cli/internal/calls"
	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/machinetest"
	"github.com/tidelock-raft/tidelock/persist/persisttest"
	"github.com/tidelock-raft/tidelock/persist/vfs"
	"github.com/tidelock-raft/tidelock/plugins"
	"github.com/tidelock-raft/tidelock/scripting"
	"github.com/tidelock-raft/tidelock/transport/transporttest"
)

func transportChecks(s subject) ([]check, error) {
	suite := transporttest.Suite{Open: s.openTransport}
	var list []check
	for _, c := range transporttest.Checks() {
		list = append(list, check{c.Name, c.Rule, func() error { return suite.Verify(c) }})
	}
	return list, nil
}

// attempts is how many ports are tried that others may take in between.
const attempts = 50

func (s subject) openTransport(n transporttest.Node, inbox core.Inbox,
) (transport core.Transport, addr core.Addr, err error) {
	for range attempts {
		if addr = n.Addr; addr == "" {
			if addr, err = freeAddr(); err != nil {
				return nil, "", err
			}
		}
		transport, err = plugins.OpenTransport(s.name, plugins.Env{
			Node: n.ID, Cluster: n.Cluster, Inbox: inbox, Listen: addr, Seed: uint64(n.ID),
		}, s.options)
		if !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	return transport, addr, err
}

// freeAddr is an address of this machine that nobody listens at, be it for TCP or UDP.
func freeAddr() (core.Addr, error) {
	stream, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer stream.Close()
	addr := stream.Addr().String()
	datagrams, err := net.ListenPacket("udp", addr)
	if err != nil {
		return freeAddr()
	}
	return core.Addr(addr), datagrams.Close()
}

// A store that knows that it forgets everything with its process says so by Volatile.
type volatile interface{ Volatile() bool }

func storeChecks(s subject) ([]check, error) {
	dir, err := os.MkdirTemp("", "tidelock-") // for one that does its input and output elsewhere
	if err != nil {
		return nil, fmt.Errorf("make a directory for the store: %w", err)
	}
	defer os.RemoveAll(dir)
	probe, err := s.openStore(vfs.NewMemory(1), dir)
	if err != nil {
		return nil, err
	}
	forgetful, ok := probe.(volatile)
	forgets := ok && forgetful.Volatile()
	_, keeps := probe.(core.SnapshotStore)
	if err := probe.Close(); err != nil {
		return nil, fmt.Errorf("close: %w", err)
	}
	checks := persisttest.Checks()
	if keeps {
		checks = append(checks, persisttest.SnapshotChecks(persisttest.Keeper{
			Open: func(fs vfs.FS, dir string) (core.Snapshots, error) {
				store, err := s.openStore(fs, dir)
				if err != nil {
					return nil, err
				}
				return store.(core.SnapshotStore), nil
			}, Volatile: forgets,
		})...)
	}
	why := errors.New("the store does its input and output elsewhere than on the FS that it is given")
	if forgets {
		why = errors.New("the store keeps nothing over Close, and says so")
	}
	all := persisttest.Subject{Open: s.openStore, Volatile: forgets, Background: true}
	var list []check
	for _, c := range checks {
		list = append(list, check{c.Name, c.Rule, func() error {
			err := c.Run(all)
			if errors.Is(err, persisttest.ErrNotApplicable) {
				err = exit.Mark(why, errNotApplicable)
			}
			return err
		}})
	}
	return list, nil
}

func (s subject) openStore(fs vfs.FS, dir string) (core.Store, error) {
	return plugins.OpenStore(s.name, plugins.Env{Node: 1, Cluster: 1, FS: fs, Dir: dir}, s.options)
}

func machineChecks(s subject) ([]check, error) {
	suite := machinetest.Subject{Open: func() (core.StateMachine, error) {
		return plugins.OpenMachine(s.name, plugins.Env{Node: 1, Cluster: 1}, s.options)
	}}
	text := []byte(usualCalls())
	if s.calls != "" {
		var err error
		if text, err = os.ReadFile(s.calls); err != nil {
			return nil, exit.Mark(err, exit.ErrUsage)
		}
	}
	var err error
	if suite.Commands, suite.Queries, err = parseCalls(text); err != nil {
		return nil, exit.Mark(err, exit.ErrUsage)
	}
	m, err := suite.Open()
	if err != nil {
		return nil, err
	}
	if script, ok := m.(*scripting.Machine); ok { // its log begins with the script
		install, err := scripting.EncodeInstall(script.Local())
		if err != nil {
			return nil, errors.Join(err, m.Close())
		}
		suite.Commands = append([][]byte{install}, suite.Commands...)
	}
	var list []check
	for _, c := range machinetest.Checks() {
		list = append(list, check{c.Name, c.Rule, func() error {
			err := suite.Verify(c)
			if errors.Is(err, machinetest.ErrNotApplicable) {
				err = exit.Mark(err, errNotApplicable)
			}
			return err
		}})
	}
	return list, m.Close()
}

// usualCalls are some that a key-value machine knows, and some that fail.
func usualCalls() string {
	var b strings.Builder
	for i := range 60 {
		fmt.Fprintf(&b, "[\"put\",\"k%d\",%d]\n[\"cas\",\"k%d\",\"nothing\",1]\n", i%7, i, i%7)
		fmt.Fprintf(&b, "[\"del\",\"k%d\"]\n{\"query\":[\"get\",\"k%d\"]}\n", i%11, i%7)
	}
	return b.String()
}

// parseCalls reads commands and queries line by line; lines that set the clock are for others.
func parseCalls(text []byte) (commands, queries [][]byte, err error) {
	n := 0
	for line := range bytes.Lines(text) {
		if n++; len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		r, err := calls.Parse(line)
		switch {
		case err != nil:
			return nil, nil, fmt.Errorf("line %d of the calls: %w", n, err)
		case r.Command != nil:
			commands = append(commands, r.Command)
		case r.Query != nil:
			queries = append(queries, r.Query)
		}
	}
	return commands, queries, nil
}
