package sim

import (
	"fmt"
	"strings"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// FaultKind says what goes wrong.
type FaultKind uint8

// The kinds of fault, with the fields that each uses beside At and Until. Those of the network
// concern the link from Node to Peer, where zero stands for any host; all others strike Node, where
// zero stands for whoever leads at that instant.
const (
	FaultDelay    FaultKind = iota + 1 // frames take longer: Span on average, with a long tail
	FaultLoss                          // frames get lost: Rate
	FaultRepeat                        // frames arrive twice: Rate
	FaultReplay                        // frames of long ago arrive again: Rate
	FaultReorder                       // frames are overtaken: Rate, by up to Span
	FaultCut                           // nothing goes from Node to Peer
	FaultIsolate                       // nothing goes to or from Node
	FaultSplit                         // nothing goes from hosts in Number to others, nor back
	FaultBridge                        // as FaultSplit, but Peer speaks with all
	FaultRing                          // hosts speak only with their two neighbours
	FaultClog                          // frames wait until the end, and come in any order
	FaultNarrow                        // links carry Rate bytes a second
	FaultReset                         // pieces of snapshots get lost: Rate
	FaultCorrupt                       // a bit of a frame flips: Rate
	FaultLate                          // frames come after Span, often to another incarnation: Rate
	FaultStranger                      // messages come of unknown groups and from unknown hosts: Rate

	FaultKill        // the process ends
	FaultKillInside  // the process ends at the disk operation Number from At on
	FaultPower       // the power is cut
	FaultPowerInside // the power is cut at the disk operation Number from At on
	FaultPowerTwice  // the power is cut, and again at the disk operation Number of the next start
	FaultPowerAll    // the power of the hosts in Number is cut
	FaultPause       // the process stands still
	FaultSlowApply   // the machine takes Span for each piece of work
	FaultDrift       // the clock runs faster or slower by Rate
	FaultJump        // the time of day jumps by Span
	FaultSuspend     // the computer sleeps: process and monotonic clock stand still
	FaultReadError   // reads of the disk fail: Rate
	FaultWriteError  // writes to the disk fail: Rate
	FaultSyncError   // the next sync fails, what it was to sync is lost, and later ones succeed
	FaultShort       // the next write ends early: after Number bytes
	FaultFull        // the disk is full
	FaultLatency     // operations of the disk take Span on average
	FaultStall       // the disk stands still
	FaultHang        // the disk stands still until the computer is started again
	FaultRot         // the process ends, and a bit of what was durable flips: Number
	FaultMisread     // reads bring the bytes of another place: Rate
	FaultFlip        // reads bring a bit flipped: Rate
	FaultMissing     // the process ends, and a file is gone: Number
	FaultWipe        // the process ends, and the disk is lost: Number says whether it comes back empty
	FaultLostWrite   // the process ends, and a sector does not hold what was written: Number
	FaultStrayWrite  // the process ends, and a sector holds what was meant for another: Number

	FaultJoin     // a node joins, as a voter to be or as a learner: Number
	FaultPromote  // a learner is to vote
	FaultDemote   // a voter becomes a learner: Number says whether that is forced
	FaultRemove   // a node is removed: Number says whether that is forced
	FaultReplace  // a node is gone for good, and another takes its place: Number says where
	FaultMove     // a node is found elsewhere
	FaultTransfer // leadership is handed over: Number says to whom
	faultKinds    = iota + 1
)

// Fault is one thing that goes wrong, as data: it can be printed, left out, and made to happen
// again.
type Fault struct {
	Kind   FaultKind
	At     core.Instant // when it begins
	Until  core.Instant // when it is over: links work again, the host is started again
	Node   core.NodeID
	Peer   core.NodeID
	Rate   float64
	Span   core.Instant
	Number uint64
}

// String prints the fault as in "3.500-4.200 s loss rate=0.2".
func (f Fault) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%.3f-%.3f s %v", seconds(f.At), seconds(f.Until), f.Kind)
	if f.Node != 0 {
		fmt.Fprintf(&b, " node=%d", f.Node)
	}
	if f.Peer != 0 {
		fmt.Fprintf(&b, " peer=%d", f.Peer)
	}
	if f.Rate != 0 {
		fmt.Fprintf(&b, " rate=%.4g", f.Rate)
	}
	if f.Span != 0 {
		fmt.Fprintf(&b, " span=%.4fs", seconds(f.Span))
	}
	if f.Number != 0 {
		fmt.Fprintf(&b, " number=%#x", f.Number)
	}
	return b.String()
}

func seconds(t core.Instant) float64 { return float64(t) / float64(Second) }

// String names the kind.
func (k FaultKind) String() string {
	if k == 0 || int(k) >= len(classes) {
		return fmt.Sprintf("fault(%d)", uint8(k))
	}
	return classes[k].name
}

// class is everything that there is to know of a kind of fault.
type class struct {
	name string
	// often is how many there are in a minute, at most; zero: one that lasts for the whole run.
	often float64
	// lasts bounds for how long, zero: one to ten seconds.
	least, most core.Instant
	// draw fills in what the kind uses beside the times; nil: a host, or whoever leads.
	draw func(d *drawer, f *Fault)
	// begin and end change the world; nil: nothing to do.
	begin, end func(w *World, a *active)
	// frame changes what becomes of a frame, while the fault lasts.
	frame func(n *Network, a *active, f *frame)
	// operation may fail an operation of the disk of the host that is struck, while it lasts.
	operation func(h *Host, a *active, op vfs.Op) error
}

// classes is indexed by FaultKind.
var classes [faultKinds]class

func register(k FaultKind, c class) { classes[k] = c }

// active is a fault that lasts.
type active struct {
	Fault
	clogged []frame               // what waits for the end
	free    map[link]core.Instant // until when narrow links are busy
	count   uint64                // of disk operations since it began
	spent   bool                  // it has struck, and does so once
}

// on reports whether a fault of the network concerns a link.
func (a *active) on(l link) bool {
	return (a.Node == 0 || a.Node == l.from) && (a.Peer == 0 || a.Peer == l.to)
}

// Inflict has faults happen in their time.
func (w *World) Inflict(faults ...Fault) {
	for _, f := range faults {
		w.After(max(f.At-w.now, 0), func() { w.begin(f) })
	}
}

func (w *World) begin(f Fault) {
	c := &classes[f.Kind]
	a := &active{Fault: f}
	if f.Node != 0 {
		a.Node = w.struck(f.Node).ID
	}
	if f.Peer != 0 {
		a.Peer = w.struck(f.Peer).ID
	}
	if a.Node == 0 && c.frame == nil || f.Kind == FaultIsolate && a.Node == 0 {
		leader := w.Leader()
		if leader == nil {
			leader = w.Hosts[w.schedule.IntN(len(w.Hosts))]
		}
		a.Node = leader.ID
	}
	w.record(traceFault, a.Node, uint64(f.Kind))
	w.active = append(w.active, a)
	if c.begin != nil {
		c.begin(w, a)
	}
	w.After(max(f.Until-w.now, 0), func() { w.end(a) })
}

// end ends a fault, once.
func (w *World) end(a *active) {
	at := -1
	for i := range w.active {
		if w.active[i] == a {
			at = i
		}
	}
	if at < 0 {
		return
	}
	w.active = append(w.active[:at], w.active[at+1:]...)
	if end := classes[a.Kind].end; end != nil {
		end(w, a)
	}
}

// EndFaults ends every fault that lasts, and strikes those that have not begun.
func (w *World) EndFaults() {
	for len(w.active) > 0 {
		w.end(w.active[0])
	}
}

// fired counts a fault that had an effect.
func (w *World) fired(k FaultKind) { w.Coverage.Faults[k]++ }
