package sim

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/engine"
	"github.com/tidelock-raft/tidelock/core/node"
	"github.com/tidelock-raft/tidelock/persist/snapfile"
	"github.com/tidelock-raft/tidelock/persist/vfs"
	"github.com/tidelock-raft/tidelock/persist/wal"
	"github.com/tidelock-raft/tidelock/scripting"
)

// Host is a computer: a disk and a clock that outlive the node that runs on it.
type Host struct {
	ID      core.NodeID
	Disk    *vfs.Memory
	Clock   Clock
	Machine *scripting.Machine // nil while down
	Err     error              // what stopped the node, or kept it from starting

	w           *World
	handler     *node.Handler     // nil while down
	status      *core.GroupStatus // nil: to be asked of the handler
	store       core.Store        // of the newest incarnation
	peeked      bool              // a checker reads the disk, which no fault may notice
	incarnation uint32
	events      engine.Events
	done        []func()
	woken       bool
	paused      core.Instant // until when
	stalled     core.Instant // until when its disk stands still
	suspect     bool         // its disk was damaged
	rotten      bool         // and it cannot be started any more
	forgot      *forgotten   // since its disk was lost, until it has been fed; or nil
	born        uint32       // the incarnation before which frames were for another disk

	begins    core.Membership // that its group begins with
	addr      core.Addr       // where it is found
	former    []core.Addr     // where it was found before
	successor *Host           // that was added in its place
	wrote     extents
	busy      map[node.Lane]core.Instant

	// DiskFault, if set, is asked before each operation of the disk, as in vfs.NewFaulty.
	DiskFault func(vfs.Op) error
	// Takes draws how long a job on a lane takes.
	Takes func(node.Lane) core.Instant
}

func newHost(w *World, id core.NodeID) *Host {
	h := &Host{ID: id, w: w, wrote: extents{}, Disk: w.newDisk(), addr: address(id, 0)}
	h.Takes = h.usual
	return h
}

// usual is how long jobs take on a host with which nothing is wrong.
func (h *Host) usual(l node.Lane) core.Instant {
	takes := 10_000 + core.Instant(h.w.schedule.Int64N(200_000))
	if l.Kind == node.LaneDisk {
		takes *= 10
	}
	return takes
}

// Up reports whether the host's node runs.
func (h *Host) Up() bool { return h.handler != nil }

// Status describes the host's replica; the host must be up.
func (h *Host) Status() core.GroupStatus {
	if h.status == nil {
		h.status = &h.handler.Status().Groups[0]
	}
	return *h.status
}

// Start runs the node on what the disk holds. Its error is also kept in Err.
func (h *Host) Start() error {
	h.incarnation++
	h.busy = map[node.Lane]core.Instant{}
	h.events, h.done, h.woken, h.paused = engine.Events{}, nil, false, 0
	h.status = nil
	h.Err = h.open()
	if h.Err != nil {
		h.handler, h.Machine = nil, nil
		return fmt.Errorf("start host %d: %w", h.ID, h.Err)
	}
	h.w.record(traceStart, h.ID, uint64(h.incarnation))
	h.w.tell(func(o Observer) { o.Started(h) })
	h.tick()
	h.keep()
	return nil
}

func (h *Host) open() error {
	quiet := slog.New(watchedLog{h.w})
	disk := vfs.NewFaulty(h.Disk, h.operation)
	store, err := wal.Open(disk, "wal", wal.Config{
		SegmentBytes: h.w.Options.SegmentBytes, Inline: true, Salt: uint64(h.ID), Logger: quiet,
	})
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	h.store = store
	snapshots, err := snapfile.Open(disk, "snapshots")
	if err != nil {
		return errors.Join(fmt.Errorf("open snapshots: %w", err), store.Close())
	}
	lua, err := scripting.NewEmpty(h.w.source, scripting.Config{Readers: 1})
	if err != nil {
		return errors.Join(fmt.Errorf("make machine: %w", err), store.Close())
	}
	settings := h.w.Options.Engine
	settings.Node, settings.Incarnation = h.ID, h.incarnation
	settings.Raft.Seed = h.w.schedule.Uint64()
	h.handler, err = node.NewHandler(node.Config{
		Engine: settings, Cluster: 1,
		Groups: []node.Group{{ID: core.DefaultGroup, Members: h.begins}},
		Store:  &watchedStore{store, h}, Snapshots: snapshots, Clock: h,
		Log: quiet, ChunkBytes: h.w.Options.ChunkBytes,
		Machine: func(core.GroupID) (core.StateMachine, error) {
			return &watchedMachine{lua, h}, nil
		},
	}, h)
	if err != nil {
		return errors.Join(err, store.Close())
	}
	h.Machine = lua
	h.handler.Connect(h)
	return nil
}

// Kill ends the process; the disk keeps all that was written, synced or not.
func (h *Host) Kill() { h.stop(StopKill); h.Disk = h.Disk.Kill() }

// Power cuts the power: what the disk had not synced may be lost.
func (h *Host) Power() { h.stop(StopPower); h.Disk = h.Disk.Crash() }

// Wipe gives a host that is down a new, empty disk.
func (h *Host) Wipe() {
	h.Disk, h.wrote = h.w.newDisk(), extents{}
	h.w.tell(func(o Observer) { o.Wiped(h) })
}

// Pause stops the process for a while, as SIGSTOP does.
func (h *Host) Pause(span core.Instant) { h.paused = max(h.paused, h.w.now+span) }

func (h *Host) stop(how StopKind) {
	if h.handler == nil {
		return
	}
	if h.forgot != nil {
		h.rotten, h.forgot = true, nil // fed in part, it must not come back: see core/raft/blank.go
	}
	h.w.record(traceStop, h.ID, uint64(how))
	h.w.tell(func(o Observer) { o.Stopped(h, how) })
	h.incarnation++
	h.handler, h.Machine, h.status = nil, nil, nil
}

// Now implements core.Clock.
func (h *Host) Now() core.Instant { return h.Clock.now(h.w.now) }

// Wall implements core.Clock.
func (h *Host) Wall() int64 { return h.Clock.wall(h.w.now) }

// Go implements node.Lanes: a job takes a while, and a crash finds it undone, or done but not yet
// told.
func (h *Host) Go(l node.Lane, job func() func()) {
	start := max(h.w.now, h.busy[l], h.paused)
	if touches(l) {
		start = max(start, h.stalled)
	}
	end := start + h.Takes(l) + h.hindered(l)
	h.busy[l] = end
	early, incarnation := h.w.schedule.Uint64()&1 == 0, h.incarnation
	var done func()
	work := func() {
		if h.incarnation == incarnation {
			done = job()
		}
	}
	if early {
		h.w.After(start-h.w.now, work)
	}
	h.w.After(end-h.w.now, func() {
		if !early {
			work()
		}
		if h.incarnation == incarnation && done != nil {
			h.done = append(h.done, done)
			h.wake()
		}
	})
}

// wake has the handler look, soon.
func (h *Host) wake() {
	if h.woken || h.handler == nil {
		return
	}
	h.woken = true
	incarnation := h.incarnation
	h.w.After(max(h.paused-h.w.now, 0), func() {
		if h.incarnation == incarnation {
			h.step()
		}
	})
}

func (h *Host) step() {
	h.woken = false
	if h.paused > h.w.now {
		h.wake()
		return
	}
	done := h.done
	h.done = nil
	h.w.record(traceStep, h.ID, uint64(len(done))<<32|uint64(len(h.events.Messages)))
	handler := h.handler
	h.status = nil
	handler.Handle(done, &h.events)
	if h.handler != handler {
		return // it ended while it read its disk
	}
	h.events.Reset()
	h.w.tell(func(o Observer) { o.Stepped(h) })
	if err := h.handler.Err(); err != nil {
		h.Err = err
		h.stop(StopFailed)
		h.Disk = h.Disk.Kill()
		if h.w.supervised {
			h.again()
		}
	}
}

// tick wakes the handler whenever its clock says so.
func (h *Host) tick() {
	incarnation := h.incarnation
	delay := h.Clock.span(h.handler.NextTick() - h.Now())
	h.w.After(max(delay, Millisecond), func() {
		if h.incarnation == incarnation {
			h.wake()
			h.tick()
		}
	})
}

// Send implements core.Transport.
func (h *Host) Send(to core.Addr, messages []core.Message) { h.w.Net.send(h, to, messages) }

// Close implements core.Transport.
func (h *Host) Close() error { return nil }

func (h *Host) deliver(messages []core.Message) {
	if h.handler == nil {
		return
	}
	for i := range messages {
		h.w.tell(func(o Observer) { o.Delivered(h, &messages[i]) })
	}
	h.events.Messages = append(h.events.Messages, messages...)
	h.wake()
}

// Submit hands requests to the node, as core.Service does.
func (h *Host) Submit(requests ...core.Request) {
	if h.handler == nil {
		for _, q := range requests {
			q.Caller.Replied(q.Token, core.Reply{Err: core.ErrClosed})
		}
		return
	}
	h.events.Requests = append(h.events.Requests, requests...)
	h.wake()
}
