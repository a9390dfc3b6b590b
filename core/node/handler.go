package node

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/engine"
)

// Handler is a node without its goroutines: it takes in events and carries out effects.
//
// One goroutine at a time uses it. After Err returns an error the handler does nothing any more.
type Handler struct {
	config     Config
	lanes      Lanes
	transport  core.Transport
	engine     *engine.Engine
	out        engine.Effects
	back       engine.Events // what jobs have brought back since the last Handle
	disk       disk
	machines   []*machine // ascending by group
	sending    []*sending
	receiving  []*receiving
	contacts   []contact
	queries    atomic.Int64 // with machines and on query lanes
	queryBytes atomic.Int64 // their data
	work       core.WorkStatus
	now        core.Instant
	over       chan struct{} // closed when the node ends: no snapshot is worth waiting for
	err        error
}

// NewHandler opens every group of the store and of c.Groups, restores its machine from its newest
// snapshot, and returns the handler that goes on from there. The errors of store, snapshots and
// machines come through wrapped. On an error the machines are closed again, and the store stays the
// caller's.
func NewHandler(c Config, lanes Lanes) (*Handler, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	if c.Clock == nil {
		return nil, fmt.Errorf("%w: no clock", ErrConfig)
	}
	return newHandler(c, lanes)
}

// newHandler is NewHandler for a configuration that is complete.
func newHandler(c Config, lanes Lanes) (*Handler, error) {
	h := &Handler{
		config: c, lanes: lanes, engine: engine.New(c.Engine),
		over: make(chan struct{}),
	}
	h.disk.handler = h
	h.disk.room, _ = c.Store.(core.RoomStore)
	if err := h.open(); err != nil {
		h.closeMachines()
		return nil, err
	}
	return h, nil
}

// Connect gives the handler its transport. Without one it speaks to nobody.
func (h *Handler) Connect(t core.Transport) { h.transport = t }

// Err returns what stopped the handler: a failed write, a machine that could not go on, damaged
// data. Nothing of it is retried; the node has to be opened anew.
func (h *Handler) Err() error { return h.err }

// NextTick returns when Handle wants to be called even if nothing happens.
func (h *Handler) NextTick() core.Instant { return h.engine.NextTick() }

// Gathers reports whether commands that came now would only wait for the write under way, and
// linearizable queries for the round of confirmation under way.
func (h *Handler) Gathers() (commands, queries bool) {
	return h.disk.busy && h.engine.Holds(), h.engine.Asks()
}

// Handle takes in what has happened: first what jobs gave back, then events, to which it adds.
func (h *Handler) Handle(done []func(), events *engine.Events) {
	for _, f := range done {
		f()
	}
	if h.err != nil {
		h.refuse(events)
		return
	}
	h.now = h.config.Clock.Now()
	h.hear(events.Messages)
	events.Sick, events.Short = !h.disk.check(), h.disk.short()
	events.Wall = h.config.Clock.Wall()
	events.Wrote = h.back.Wrote
	events.Messages = append(events.Messages, h.back.Messages...)
	events.Applied = append(events.Applied, h.back.Applied...)
	events.Served = append(events.Served, h.back.Served...)
	events.Noted = append(events.Noted, h.back.Noted...)
	events.Saved = append(events.Saved, h.back.Saved...)
	events.Lost = append(events.Lost, h.back.Lost...)
	wrote := h.back.Wrote
	h.back.Reset()
	h.back.Wrote = wrote

	h.engine.Step(h.now, events, &h.out)
	if err := h.engine.Err(); err != nil {
		h.fail(err)
		giveUp(h.out.Work)
		h.answer()
		return
	}
	h.carryOut(&h.out)
}

func (h *Handler) carryOut(out *engine.Effects) {
	h.send(&out.Send)
	h.disk.add(out)
	for i := range out.Work {
		h.machine(out.Work[i].Group).add(out.Work[i])
	}
	for _, m := range h.machines {
		m.start()
	}
	for _, g := range out.Hurry {
		if p := h.machine(g).pace; p != nil {
			p.hurry()
		}
	}
	for i := range out.Transfers {
		h.transfer(&out.Transfers[i])
	}
	h.pumpTransfers()
	h.answer()
	for _, r := range out.Roles {
		h.logRole(r)
	}
	for i := range out.Findings {
		h.logFinding(&out.Findings[i])
	}
}

// answer ends the requests that the engine has answered.
func (h *Handler) answer() {
	for i := range h.out.Answers {
		a := &h.out.Answers[i]
		a.Caller.Replied(a.Token, a.Reply)
	}
}

// send hands messages to the transport, one call for each peer.
func (h *Handler) send(o *engine.Outbox) {
	if h.transport == nil {
		return
	}
	for _, box := range o.Boxes() {
		h.transport.Send(box.To, box.Messages)
	}
}

func (h *Handler) machine(g core.GroupID) *machine {
	i, _ := slices.BinarySearchFunc(h.machines, g, func(m *machine, g core.GroupID) int {
		return cmp.Compare(m.group, g)
	})
	return h.machines[i]
}

// fail stops the handler. What callers wait for ends in Stop.
func (h *Handler) fail(err error) {
	if h.err == nil {
		h.err = err
		h.config.Log.Error("node stops", "err", err)
	}
}

// refuse answers requests that come too late.
func (h *Handler) refuse(events *engine.Events) {
	for i := range events.Requests {
		q := &events.Requests[i]
		q.Caller.Replied(q.Token, core.Reply{Err: core.ErrClosed})
	}
}

// Stop ends what callers wait for and closes machines and store. The lanes must be idle, and stay
// so; done is what their jobs gave back since the last Handle, and hold on to.
func (h *Handler) Stop(done ...func()) error {
	if h.err == nil {
		h.err = core.ErrClosed
	}
	for _, f := range done {
		f()
	}
	h.engine.Abandon(&h.out)
	for _, m := range h.machines {
		m.abandon()
	}
	h.answer()
	h.closeTransfers()
	h.closeMachines()
	return h.config.Store.Close()
}

func (h *Handler) closeMachines() {
	for _, m := range h.machines {
		if err := m.sm.Close(); err != nil {
			h.config.Log.Warn("closing machine", "group", m.group, "err", err)
		}
	}
}

// Status describes the node.
func (h *Handler) Status() core.NodeStatus {
	status := core.NodeStatus{
		Node: h.config.Engine.Node, Cluster: h.config.Cluster, Version: h.config.Version,
		Groups: h.engine.Status(), Time: h.config.Clock.Wall(),
	}
	work := h.work
	status.Work = &work
	now := h.config.Clock.Now()
	status.Disk, status.Peers = h.disk.status(now), h.peers(status.Groups, now)
	for i := range status.Groups {
		m := h.machine(status.Groups[i].Group)
		g := &status.Groups[i]
		g.Machine, g.Digest, g.AppliedTime = m.name, m.digest, m.stamp
	}
	return status
}

// logRole writes the one line by which an operator follows elections.
func (h *Handler) logRole(r engine.RoleChange) {
	leader := "unknown"
	if r.Leader != 0 {
		leader = fmt.Sprint(r.Leader)
	}
	h.config.Log.Info("role: "+r.Role, "group", r.Group, "term", r.Term, "leader", leader)
}

// findings are the words for what an operator has to know.
var findings = [...]string{
	engine.FoundDiverged:  "the state of a node has diverged",
	engine.FoundUndecided: "states have diverged, and there is no majority for any",
	engine.Quarantined:    "quarantined: the state of this node has diverged",
	engine.Recovered:      "quarantine ends: the state is the majority's again",
	engine.Removed:        "this node was removed from the group; it may be stopped",
}

func (h *Handler) logFinding(f *engine.Finding) {
	level := slog.LevelError
	if f.Kind == engine.Recovered || f.Kind == engine.Removed {
		level = slog.LevelInfo
	}
	h.config.Log.Log(context.Background(), level, findings[f.Kind], "group", f.Group,
		"state_of", f.Node, "index", f.At.Index, "collections", f.Collections)
}
