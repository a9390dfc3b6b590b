package server

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
)

// glance is the time between two looks of an installer.
const glance = 10 * time.Millisecond

// installer sees to it that the log has a script: as long as the machine of this node has none, and
// this node leads and has applied all there is, it proposes the local one. Every node has one;
// whichever leads first wins, and the others learn from the log what they run.
type installer struct {
	service core.Service
	machine *scripting.Machine
	chosen  bool // the local script was named by the user
	log     *slog.Logger
}

// install starts the installer, if the machine has one. What it returns ends it and waits for that.
func (p *parts) install(ctx context.Context, service core.Service) (end func()) {
	machine, ok := p.made.(*scripting.Machine)
	if !ok {
		return func() {}
	}
	i := &installer{service, machine, p.Machine.Options["script"] != "", p.Log}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { // ended by cancel, or by a script
		if err := i.run(ctx); err != nil {
			i.log.Error("script cannot be installed", "err", err)
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}

// run returns when the machine has a script, or when ctx ends.
func (i *installer) run(ctx context.Context) error {
	data, err := scripting.EncodeInstall(i.machine.Local())
	if err != nil {
		return fmt.Errorf("encode the local script: %w", err)
	}
	ticker := time.NewTicker(glance)
	defer ticker.Stop()
	answer := make(replies, 1)
	for waiting := false; !i.machine.Ready(); {
		if !waiting && i.due() {
			waiting = true
			i.service.Submit([]core.Request{{
				Group: core.DefaultGroup, Kind: core.RequestCommand, Local: true, Data: data,
				Caller: answer,
			}})
		}
		select {
		case r := <-answer:
			if f := r.Result.Failure; f != nil && f.Code != scripting.Installed {
				i.log.Error("the local script was refused; it is not tried again", "err", f)
				continue // another node's may get in
			}
			waiting = false
			if r.Err != nil {
				i.log.Debug("script is not installed yet", "err", r.Err)
			}
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
	i.tell()
	return nil
}

// due reports whether this node leads and knows that the log has no script: it has applied
// everything, its own first entry included.
func (i *installer) due() bool {
	for _, g := range i.service.Status().Groups {
		if g.Group == core.DefaultGroup {
			return g.Role == "leader" && g.AppliedIndex == g.LastIndex
		}
	}
	return false
}

// tell says which script runs, and whether that is another than the user named.
func (i *installer) tell() {
	runs, _ := i.machine.Running()
	local := i.machine.Local()
	if !i.chosen || runs.Hash == sha256.Sum256(local.Text) {
		i.log.Info("script is ready", "script", runs.String(), "index", uint64(runs.Index))
		return
	}
	i.log.Warn("the local script differs from the one in the log, which runs; "+
		"raft-client script push installs it", "runs", runs.String(), "index", uint64(runs.Index),
		"local", local.Name, "local-sha256", fmt.Sprintf("%x", sha256.Sum256(local.Text))[:12])
}

// replies takes the answer to the one request that is under way.
type replies chan core.Reply

// Replied implements core.Caller.
func (c replies) Replied(_ uint64, r core.Reply) { c <- r }
