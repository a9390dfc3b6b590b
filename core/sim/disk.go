package sim

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"syscall"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/node"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// errInjected is an input/output error as a disk reports it.
var errInjected = fmt.Errorf("sim: %w", syscall.EIO)

// errCut is what an operation returns during which the process or the computer ended.
var errCut = errors.New("sim: nobody is there to hear how it ended")

func init() {
	register(FaultReadError, class{name: "read error", often: 2, draw: drawErrors,
		operation: erring(vfs.OpRead)})
	register(FaultWriteError, class{name: "write error", often: 2, draw: drawErrors,
		operation: erring(vfs.OpWrite)})
	register(FaultSyncError, class{name: "sync fails once", often: 3, operation: syncOnce})
	register(FaultShort, class{name: "short write", often: 3, draw: drawShort, operation: short})
	register(FaultFull, class{name: "full disk", often: 3, operation: full})
	register(FaultLatency, class{name: "slow disk", often: 3, draw: drawLatency})
	register(FaultStall, class{name: "disk stall", often: 2, least: Second, most: Minute,
		begin: stall})
	register(FaultHang, class{name: "disk hang", often: 1, least: Second, most: 20 * Second,
		begin: stall, end: func(w *World, a *active) { w.Host(a.Node).restart(StopPower) }})
	register(FaultFlip, class{name: "bit flip on read", often: 2, draw: drawErrors,
		operation: flip})
	register(FaultMisread, class{name: "misdirected read", often: 2, draw: drawErrors,
		operation: misread})
}

// operation is asked before each operation of the host's disk.
func (h *Host) operation(op vfs.Op) error {
	if h.peeked {
		return nil
	}
	h.wrote.note(op)
	if h.DiskFault != nil {
		if err := h.DiskFault(op); err != nil {
			return err
		}
	}
	for _, a := range h.w.active {
		fault := classes[a.Kind].operation
		if fault == nil || a.Node != h.ID || a.spent {
			continue
		}
		if err := fault(h, a, op); err != nil {
			h.w.fired(a.Kind)
			return err
		}
	}
	return nil
}

func drawErrors(d *drawer, f *Fault) {
	drawHost(d, f)
	f.Rate = 0.001 * math.Pow(500, d.rng.Float64())
}

func erring(kind vfs.OpKind) func(h *Host, a *active, op vfs.Op) error {
	return func(h *Host, a *active, op vfs.Op) error {
		if op.Kind == kind && h.w.disk.Float64() < a.Rate {
			return errInjected
		}
		return nil
	}
}

// syncOnce fails one sync as Linux does: what was to be synced is lost, and nobody is told again.
func syncOnce(h *Host, a *active, op vfs.Op) error {
	if op.Kind != vfs.OpSync {
		return nil
	}
	a.spent = true
	if err := h.Disk.FailSync(op.Path); err != nil {
		return err
	}
	return errInjected
}

func drawShort(d *drawer, f *Fault) {
	drawHost(d, f)
	f.Number = d.rng.Uint64N(2000)
}

func short(_ *Host, a *active, op vfs.Op) error {
	if op.Kind != vfs.OpWrite {
		return nil
	}
	a.spent = true
	return &vfs.Short{Bytes: int64(a.Number), Err: errInjected}
}

// full refuses all that needs room. Writes into a file that has its room succeed.
func full(h *Host, a *active, op vfs.Op) error {
	switch op.Kind {
	case vfs.OpCreate, vfs.OpPreallocate, vfs.OpMkdir:
		return fmt.Errorf("sim: %w", syscall.ENOSPC)
	case vfs.OpWrite:
		size, err := h.Disk.Size(op.Path)
		if err == nil && op.Offset+op.Length > size {
			return fmt.Errorf("sim: %w", syscall.ENOSPC)
		}
	}
	return nil
}

func drawLatency(d *drawer, f *Fault) {
	drawHost(d, f)
	f.Span = d.span(Millisecond/10, 20*Millisecond)
}

// touches reports whether work on a lane waits for the disk.
func touches(l node.Lane) bool { return l.Kind != node.LaneApply && l.Kind != node.LaneQuery }

// stall has what touches the disk wait until the fault is over.
func stall(w *World, a *active) {
	w.fired(a.Kind)
	w.Host(a.Node).stalled = max(w.Host(a.Node).stalled, a.Until)
}

// hindered is how much longer a job takes because of faults.
func (h *Host) hindered(l node.Lane) core.Instant {
	var longer core.Instant
	for _, a := range h.w.active {
		switch {
		case a.Node != h.ID:
		case a.Kind == FaultLatency && touches(l):
			longer += h.w.Net.exponential(a.Span)
			h.w.fired(a.Kind)
		case a.Kind == FaultSlowApply && l.Kind == node.LaneApply:
			longer += a.Span
			h.w.fired(a.Kind)
		}
	}
	return longer
}

// flip has a read of the log or of a snapshot bring a wrong bit. It is found by a checksum, but for
// one in the last batch of a log that is being opened.
func flip(h *Host, a *active, op vfs.Op) error {
	if op.Kind == vfs.OpRead && !h.recovering(op) && h.w.disk.Float64() < a.Rate {
		return &vfs.Flip{Bit: h.w.disk.Int64N(max(8*op.Length, 1))}
	}
	return nil
}

func misread(h *Host, a *active, op vfs.Op) error {
	if op.Kind == vfs.OpRead && !h.recovering(op) && op.Offset >= sectorBytes &&
		h.w.disk.Float64() < a.Rate {
		return &vfs.Misdirected{Offset: op.Offset - sectorBytes}
	}
	return nil
}

// recovering reports whether an operation belongs to the opening of the log.
func (h *Host) recovering(op vfs.Op) bool {
	return h.handler == nil && strings.HasPrefix(op.Path, "wal")
}

const sectorBytes = 512
