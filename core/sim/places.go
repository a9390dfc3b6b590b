package sim

import (
	"fmt"
	"slices"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/quorum"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// maxHosts bounds the hosts of a world, those that were removed included.
const maxHosts = 16

// addHost gives the world a host on an empty disk, under an id that no other ever had. It begins as
// --join has it begin: a learner beside those that are members now. Its address is its own, unless
// it is to be found where another was.
func (w *World) addHost(addr core.Addr) *Host {
	id := core.NodeID(len(w.Hosts) + 1)
	h := newHost(w, id)
	if h.addr = addr; addr == "" {
		h.addr = address(id, 0)
	}
	h.begins = w.shadow.newest
	h.begins.Members = append(slices.Clone(h.begins.Members),
		core.Member{ID: id, Role: core.Learner, Addr: h.addr})
	w.Hosts = append(w.Hosts, h)
	w.doors[h.addr] = h
	return h
}

// address is where a host is found after it has moved so many times.
func address(id core.NodeID, moves int) core.Addr {
	if moves == 0 {
		return core.Addr(fmt.Sprint(id))
	}
	return core.Addr(fmt.Sprintf("%d-%d", id, moves))
}

// struck is the host that a number in a fault stands for: the one that was given it, the one that
// took its place, or that took the place of that.
func (w *World) struck(id core.NodeID) *Host {
	h := w.Host(1 + (id-1)%core.NodeID(len(w.Hosts)))
	for h.successor != nil {
		h = h.successor
	}
	return h
}

// bit reads a set of hosts: those that came later share the fate of one that was there before.
func (w *World) bit(set uint64, id core.NodeID) uint64 {
	return set >> (int(id-1) % w.Options.Nodes) & 1
}

// move has a host be found elsewhere; nobody is found where it was.
func (h *Host) move() {
	delete(h.w.doors, h.addr)
	h.former = append(h.former, h.addr)
	h.addr = address(h.ID, len(h.former))
	h.w.doors[h.addr] = h
}

// redirect has a host be found at all the addresses that it ever had.
func (h *Host) redirect() {
	for _, addr := range h.former {
		h.w.doors[addr] = h
	}
}

// rules are the memberships that may decide, now or soon: the newest that is committed, those after
// it that a log holds, and what becomes of these by themselves, when a joint one is left and when
// who is joining has caught up.
func (s *shadow) rules() []core.Membership {
	all := []core.Membership{s.newest}
	for _, p := range s.book.memberships {
		if p.Index > s.commit && s.remembered(p) {
			all = append(all, s.book.at(p).membership)
		}
	}
	for _, m := range all {
		if m.Joint() {
			all = append(all, m.Leave())
		}
	}
	for _, m := range all {
		if len(m.With(core.Joining)) > 0 {
			all = append(all, promoted(m))
		}
	}
	return all
}

// remembered reports whether a disk holds an entry, or its leader may yet write it.
func (s *shadow) remembered(p core.Position) bool {
	for i, d := range s.disks {
		led := i < len(s.now) && s.now[i].Role == "leader" && s.now[i].Term == p.Term
		if led || d.entry(p.Index) != nil && d.holds(p) {
			return true
		}
	}
	return false
}

// promoted is m with every joining learner a voter.
func promoted(m core.Membership) core.Membership {
	next := core.Membership{Members: slices.Clone(m.Members), Retired: m.Retired}
	for i := range next.Members {
		if next.Members[i].Role&core.Joining != 0 {
			next.Members[i].Role = core.Voter
		}
	}
	return next
}

// suffices reports whether some hosts are a quorum of every membership.
func suffices(rules []core.Membership, has func(id core.NodeID) bool) bool {
	return !slices.ContainsFunc(rules, func(m core.Membership) bool {
		return quorum.FromMembership(m).Votes(func(id core.NodeID) (bool, bool) {
			return has(id), true
		}) != quorum.Won
	})
}

// rules are those of the shadow; without one, nobody joins or leaves.
func (w *World) rules() []core.Membership {
	if w.shadow == nil {
		return []core.Membership{w.Options.members()}
	}
	return w.shadow.rules()
}

// among returns those of some hosts that are members now.
func (w *World) among(hosts []*Host) []*Host {
	if w.shadow == nil {
		return hosts
	}
	now := w.shadow.newest
	return slices.DeleteFunc(slices.Clone(hosts), func(h *Host) bool {
		_, member := now.Find(h.ID)
		return !member
	})
}

// newDisk makes an empty one.
func (w *World) newDisk() *vfs.Memory { return vfs.NewMemory(w.disk.Uint64()) }
