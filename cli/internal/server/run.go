package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"

	"github.com/tidelock-raft/tidelock/cli/garbage"
	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/snapfile"
	"github.com/tidelock-raft/tidelock/persist/vfs"
	"github.com/tidelock-raft/tidelock/plugins"
	"github.com/tidelock-raft/tidelock/scripting"
)

// Run runs a node until ctx ends, and then stops it in order. Errors: exit.ErrUsage for what the
// caller can set right, exit.ErrRefused for a script, core.ErrCorrupt for damaged data, and what
// made the node stop by itself.
func Run(ctx context.Context, c Config) error {
	c, err := c.complete()
	if err != nil {
		return err
	}
	if c.Procs > 0 {
		runtime.GOMAXPROCS(c.Procs)
	}
	defer garbage.Tend(1)()
	if c.Seed == 0 {
		c.Seed = rand.Uint64()
	}
	c.Log = c.Log.With("node", uint64(c.ID))
	if err := rehearse(c); err != nil {
		return refusal(err)
	}
	fsys := vfs.OS()
	if err := fsys.MkdirAll(c.Dir); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	lock, err := lockDirectory(fsys, c.Dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := claim(fsys, c); err != nil {
		return err
	}
	p, err := openParts(c, fsys)
	if err != nil {
		return refusal(err)
	}
	return refusal(start(ctx, p))
}

// parts are what a node is made of. The store is open; the others are opened for the node.
type parts struct {
	Config
	store     core.Store
	snapshots core.Snapshots
	machine   func(core.GroupID) (core.StateMachine, error)
	transport func(core.Inbox) (core.Transport, error)
	keepers   keepers
	made      core.StateMachine // by machine, for the one group; once the node is open
}

func openParts(c Config, fsys vfs.FS) (*parts, error) {
	env := c.env()
	store, err := plugins.OpenStore(c.Store.Name, env, c.Store.Options)
	if err != nil {
		return nil, err
	}
	p := &parts{Config: c, store: store}
	if held, ok := store.(core.SnapshotStore); ok {
		p.snapshots = held
	} else if p.snapshots, err = snapfile.Open(fsys, c.snapshotDir()); err != nil {
		return nil, errors.Join(fmt.Errorf("open snapshots: %w", err), store.Close())
	}
	p.machine = func(g core.GroupID) (core.StateMachine, error) {
		machine, err := plugins.OpenMachine(c.Machine.Name, env, c.Machine.Options)
		p.made = machine
		p.keepers.watch(g, machine)
		return machine, err
	}
	p.transport = func(inbox core.Inbox) (core.Transport, error) { return c.openTransport(env, inbox) }
	return p, nil
}

// rehearse finds out what is wrong with the plugins' names and options, and with the script, before
// the disk is touched.
func rehearse(c Config) error {
	for _, transport := range c.Transports {
		if err := plugins.Validate(plugins.Transport, transport.Name, transport.Options); err != nil {
			return err
		}
	}
	if err := plugins.Validate(plugins.Store, c.Store.Name, c.Store.Options); err != nil {
		return err
	}
	machine, err := plugins.OpenMachine(c.Machine.Name, c.env(), c.Machine.Options)
	if err != nil {
		return err
	}
	return machine.Close()
}

// env is what plugins are told; the directory is the store's.
func (c Config) env() plugins.Env {
	return plugins.Env{
		Node: c.ID, Cluster: ClusterID(c.Cluster), Dir: c.storeDir(), Seed: c.Seed, Log: c.Log,
	}
}

// refusal marks what is the script's fault.
func refusal(err error) error {
	var refused *scripting.ScriptError
	if errors.As(err, &refused) || errors.Is(err, scripting.ErrLanguage) {
		return exit.Mark(err, exit.ErrRefused)
	}
	return err
}

// closeAll closes what was opened, in this order, and adds what goes wrong to err.
func closeAll(err error, closers ...io.Closer) error {
	for _, c := range closers {
		err = errors.Join(err, c.Close())
	}
	return err
}
