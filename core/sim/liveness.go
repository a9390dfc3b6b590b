package sim

import (
	"slices"

	"github.com/tidelock-raft/tidelock/core"
)

// Bounds of the second part of a run.
const (
	// patience is how long a healed majority may take to elect, to catch up and to answer.
	patience = 2 * Minute
	// quiet is for how long nothing happens afterwards, in which no leader may change.
	quiet = 5 * Second
)

// recover heals a majority, drawn by chance, and demands that it gets on; the others stay as they
// are, or worse. Then all are healed that can be, and compared.
func (w *World) recover() error {
	w.EndFaults() // first: the end of some is that a disk is damaged
	chosen := w.majority()
	w.heal(chosen)
	if err := w.Until(patience, "leader that a healed majority agrees on", func() bool {
		return w.agreed(chosen) != nil
	}); err != nil {
		return err
	}
	acked := w.Report.Acked
	if err := w.Until(patience, "answers from a healed majority", func() bool {
		return w.Report.Acked >= acked+uint64(2*w.Options.Clients)
	}); err != nil {
		return err
	}
	w.StopClients()
	if err := w.Until(patience, "fate of every operation", w.decided); err != nil {
		return err
	}
	if err := w.converge(chosen); err != nil {
		return err
	}
	if err := w.calm(chosen); err != nil {
		return err
	}
	all := w.among(w.sound())
	w.heal(all)
	if err := w.converge(all); err != nil {
		return err
	}
	w.tell(func(o Observer) { o.Checkpoint() })
	return w.Err()
}

// sound returns the hosts whose disks hold what they should.
func (w *World) sound() []*Host {
	return slices.DeleteFunc(slices.Clone(w.Hosts), func(h *Host) bool { return h.suspect })
}

// majority draws members that can decide, whichever membership is in force, among those that are
// sound.
func (w *World) majority() []*Host {
	rules := w.rules()
	sound := slices.DeleteFunc(w.sound(), func(h *Host) bool {
		return !slices.ContainsFunc(rules, func(m core.Membership) bool {
			_, member := m.Find(h.ID)
			return member
		})
	})
	w.schedule.Shuffle(len(sound), func(i, k int) { sound[i], sound[k] = sound[k], sound[i] })
	n := 0
	for n < len(sound) && !suffices(rules, func(id core.NodeID) bool {
		return slices.Contains(sound[:n], w.Host(id))
	}) {
		n++
	}
	n += w.schedule.IntN(len(sound) - n + 1)
	return sound[:n]
}

// heal ends every fault, runs the chosen hosts, and lets the others trouble them in a way that a
// majority can bear.
func (w *World) heal(chosen []*Host) {
	w.EndFaults()
	w.Net.Heal()
	w.Net.Release()
	w.Net.Loss, w.Net.Repeat = 0, 0
	for _, h := range w.Hosts {
		h.DiskFault, h.paused, h.stalled = nil, 0, 0
		switch {
		case slices.Contains(chosen, h):
			h.revive()
		case w.schedule.IntN(2) == 0:
			h.Kill()
			h.incarnation++ // its supervisor has given up
		default:
			w.shun(h)
		}
	}
}

// shun cuts off a host, or lets it only hear, or only speak.
func (w *World) shun(h *Host) {
	way := w.schedule.IntN(3)
	for _, o := range w.Hosts {
		if way != 0 {
			w.Net.Cut(o.ID, h.ID)
		}
		if way != 1 {
			w.Net.Cut(h.ID, o.ID)
		}
	}
}

// agreed returns the leader that all of these hosts follow that are members, nil if there is none.
// It is one of them: another whom they still hear, but who hears nothing, is about to step down.
func (w *World) agreed(hosts []*Host) *Host {
	var leader *Host
	for _, h := range w.among(hosts) {
		if !h.Up() {
			return nil
		}
		s := h.Status()
		if s.Leader == 0 || int(s.Leader) > len(w.Hosts) || leader != nil && s.Leader != leader.ID {
			return nil
		}
		leader = w.Host(s.Leader)
	}
	if !slices.Contains(hosts, leader) || !leader.Up() || leader.Status().Role != "leader" {
		return nil
	}
	return leader
}

// decided reports whether no operation waits.
func (w *World) decided() bool {
	return !slices.ContainsFunc(w.Clients, (*Client).Busy)
}

// converge waits until all of these hosts have applied the same.
func (w *World) converge(hosts []*Host) error {
	return w.Until(patience, "equal states", func() bool {
		first := w.agreed(hosts)
		if first == nil {
			return false
		}
		want, hosts := first.Status(), w.among(hosts)
		for _, h := range hosts {
			s := h.Status()
			if s.Quarantined != nil || s.CommitIndex != want.LastIndex ||
				s.AppliedIndex != want.LastIndex || s.LastIndex != want.LastIndex {
				return false
			}
			if h.Machine.Digest() != first.Machine.Digest() {
				w.Fail("equal digests", "hosts %d and %d at index %d: got %x, want %x",
					h.ID, first.ID, s.AppliedIndex, h.Machine.Digest(), first.Machine.Digest())
			}
		}
		return true
	})
}

// calm demands that nothing changes while nothing happens.
func (w *World) calm(hosts []*Host) error {
	leader := w.agreed(hosts)
	term := leader.Status().Term
	if err := w.Run(quiet); err != nil {
		return err
	}
	now := w.agreed(hosts)
	var id core.NodeID
	if now != nil {
		id = now.ID
	}
	if now != leader || now.Status().Term != term {
		w.Fail("calm", "host %d led in term %d; after %.0f s without a fault host %d leads: %+v",
			leader.ID, term, seconds(quiet), id, leader.Status())
	}
	return w.Err()
}
