package sim

import (
	"github.com/tidelock-raft/tidelock/core"
)

// Observer watches a world. Its methods are called where things happen, in the world's order; they
// may look at everything and change nothing. A violation is told by World.Fail. Embed Bystander
// for the methods that do not matter.
type Observer interface {
	// Started tells that a host runs again, with what its disk kept.
	Started(h *Host)
	// Stopped tells that a host ran until now.
	Stopped(h *Host, how StopKind)
	// Wiped tells that a host that is down has lost its disk.
	Wiped(h *Host)
	// Stepped tells that the handler of a host has taken in events: its status may be new.
	Stepped(h *Host)
	// Sent tells that a host has handed a message to its transport. The message is read-only.
	Sent(h *Host, m *core.Message)
	// Delivered tells that a message has arrived.
	Delivered(h *Host, m *core.Message)
	// Writing tells that a store is asked to make a batch durable.
	Writing(h *Host, batch []core.Update)
	// Wrote tells that a store has promised that the batch is durable.
	Wrote(h *Host, batch []core.Update)
	// Applied tells what commands came to in a host's machine.
	Applied(h *Host, entries []core.Entry, results []core.Result)
	// Restored tells that a host's machine has taken over a snapshot.
	Restored(h *Host)
	// Ended tells what became of a client's operation.
	Ended(op *Operation)
	// Checkpoint tells that the world was healed, that it has converged, and what is compared now.
	Checkpoint()
}

// StopKind says how a host came to stop.
type StopKind uint8

// The kinds of stop.
const (
	StopKill   StopKind = 1 // the process ended; the system's cache lives on
	StopPower  StopKind = 2 // the power was cut: what was not synced may be lost
	StopFailed StopKind = 3 // the node stopped itself: Host.Err says why
)

// Bystander is an Observer that does nothing.
type Bystander struct{}

var _ Observer = Bystander{}

// Started implements Observer.
func (Bystander) Started(*Host) {}

// Stopped implements Observer.
func (Bystander) Stopped(*Host, StopKind) {}

// Wiped implements Observer.
func (Bystander) Wiped(*Host) {}

// Stepped implements Observer.
func (Bystander) Stepped(*Host) {}

// Sent implements Observer.
func (Bystander) Sent(*Host, *core.Message) {}

// Delivered implements Observer.
func (Bystander) Delivered(*Host, *core.Message) {}

// Writing implements Observer.
func (Bystander) Writing(*Host, []core.Update) {}

// Wrote implements Observer.
func (Bystander) Wrote(*Host, []core.Update) {}

// Applied implements Observer.
func (Bystander) Applied(*Host, []core.Entry, []core.Result) {}

// Restored implements Observer.
func (Bystander) Restored(*Host) {}

// Ended implements Observer.
func (Bystander) Ended(*Operation) {}

// Checkpoint implements Observer.
func (Bystander) Checkpoint() {}
