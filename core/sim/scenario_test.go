package sim

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
	"github.com/tidelock-raft/tidelock/scripting"
)

// stage is where a scenario is played: a world, and words for what is done to it. Every word fails
// the test when what it says does not come about. All checkers watch.
type stage struct {
	*testing.T
	w *World
}

// scenario plays a scenario in a world of some nodes under a few seeds: chance decides how long
// things take. Then whatever was broken and can run again is healed, and all have to agree.
func scenario(t *testing.T, nodes int, play func(s *stage)) {
	t.Helper()
	staged(t, Options{Nodes: nodes}, 4, play)
}

func staged(t *testing.T, o Options, seeds int, play func(s *stage)) {
	t.Helper()
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			o.Seed = seed
			w, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			w.watch()
			s := &stage{t, w}
			s.ok(w.Install(10 * Second))
			play(s)
			s.heal()
			s.agree()
		})
	}
}

func (s *stage) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatalf("seed %d: %v", s.w.Options.Seed, err)
	}
}

// until lets time pass until something has come about.
func (s *stage) until(what string, ok func() bool) {
	s.Helper()
	s.ok(s.w.Until(2*Minute, what, ok))
}

func (s *stage) run(span core.Instant) {
	s.Helper()
	s.ok(s.w.Run(span))
}

// lead has one host become the leader, by keeping the others from standing.
func (s *stage) lead(id core.NodeID) {
	s.Helper()
	h := s.w.Host(id)
	s.w.Net.Hold = func(m *core.Message) bool { return m.Kind == core.MsgPreVote && m.From != id }
	if l := s.w.Leader(); l != nil && l != h {
		l.Kill()
		s.until("new leader", func() bool { return s.w.Leader() == h })
		s.start(l.ID)
	}
	s.until("leader", func() bool { return s.w.Leader() == h })
	s.w.Net.held, s.w.Net.Hold = nil, nil
}

// leader waits until there is one.
func (s *stage) leader() *Host {
	s.Helper()
	s.until("leader", func() bool { return s.w.Leader() != nil })
	return s.w.Leader()
}

// leaderAmong waits until one of these leads, in a term above all others'.
func (s *stage) leaderAmong(ids ...core.NodeID) *Host {
	s.Helper()
	s.until(fmt.Sprint("leader among ", ids), func() bool {
		l := s.w.Leader()
		return l != nil && slices.Contains(ids, l.ID)
	})
	return s.w.Leader()
}

// other returns some host that is not among these.
func (s *stage) other(ids ...core.NodeID) *Host {
	for _, h := range s.w.Hosts {
		if !slices.Contains(ids, h.ID) {
			return h
		}
	}
	return nil
}

// send asks one host for a command, and does not wait.
func (s *stage) send(id core.NodeID, name string, args ...any) *Operation {
	return s.ask(&Operation{Host: id, Name: name, Args: args})
}

// ask has a host carry out an operation. Who hears nothing gives up after a while.
func (s *stage) ask(op *Operation) *Operation {
	s.w.Ask(op, nil)
	s.w.After(3*Second, func() { s.w.giveUp(op) })
	return op
}

// query asks one host for the value of a key, and does not wait.
func (s *stage) query(id core.NodeID, level core.ReadLevel, key string) *Operation {
	return s.ask(&Operation{Host: id, Name: "get", Args: []any{key}, Query: true, Level: level})
}

// answer is what a query gave.
func (s *stage) answer(op *Operation) any {
	s.Helper()
	v, err := scripting.DecodeValue(op.Reply.Result.Value)
	s.ok(err)
	return v
}

// fate waits until an operation has one.
func (s *stage) fate(op *Operation) Fate {
	s.Helper()
	s.until(fmt.Sprint("fate of ", op.Name, op.Args), func() bool { return op.Fate != Pending })
	return op.Fate
}

// put writes through whoever leads until that is acknowledged.
func (s *stage) put(key string, value any) {
	s.Helper()
	for range 20 {
		if s.fate(s.send(s.leader().ID, "put", key, value)) == Acked {
			return
		}
		s.run(100 * Millisecond)
	}
	s.Fatalf("put %s: never acknowledged", key)
}

// fill writes n values under keys of their own.
func (s *stage) fill(prefix string, n int) {
	s.Helper()
	ops := make([]*Operation, n)
	leader := s.leader().ID
	for i := range ops {
		ops[i] = s.send(leader, "put", fmt.Sprint(prefix, i), i)
	}
	for _, op := range ops {
		s.fate(op)
	}
}

// read asks one host, once.
func (s *stage) read(id core.NodeID, level core.ReadLevel, key string) (any, error) {
	s.Helper()
	op := s.query(id, level, key)
	if s.fate(op) != Acked {
		return nil, fmt.Errorf("read %s: %w", key, cmp.Or(op.Reply.Err, core.ErrUnknownOutcome))
	}
	return s.answer(op), nil
}

// value reads a key through whoever leads until that is answered.
func (s *stage) value(key string) any {
	s.Helper()
	for range 50 {
		if got, err := s.read(s.leader().ID, core.Linearizable, key); err == nil {
			return got
		}
		s.run(100 * Millisecond)
	}
	s.Fatalf("%s cannot be read", key)
	return nil
}

// number is value for a counter.
func (s *stage) number(key string) (n int) {
	s.Helper()
	if got := s.value(key); got != nil {
		_, err := fmt.Sscan(fmt.Sprint(got), &n)
		s.ok(err)
	}
	return n
}

// holds checks what a linearizable read of a key gives, through whoever leads.
func (s *stage) holds(key string, want any) {
	s.Helper()
	if got := s.value(key); fmt.Sprint(got) != fmt.Sprint(want) {
		s.Fatalf("%s: got %v, want %v", key, got, want)
	}
}

func (s *stage) kill(ids ...core.NodeID) {
	for _, id := range ids {
		s.w.Host(id).Kill()
	}
}

// power cuts the power of several hosts at one instant.
func (s *stage) power(ids ...core.NodeID) {
	for _, id := range ids {
		s.w.Host(id).Power()
	}
}

func (s *stage) start(ids ...core.NodeID) {
	s.Helper()
	for _, id := range ids {
		s.ok(s.w.Host(id).Start())
	}
}

// part lets only hosts of one side speak to each other.
func (s *stage) part(sides ...[]core.NodeID) { s.w.Net.Partition(sides...) }

// cut stops what goes from a to b.
func (s *stage) cut(a, b core.NodeID) { s.w.Net.Cut(a, b) }

// disk gives a host's disk a fault; nil: none.
func (s *stage) disk(id core.NodeID, fault func(vfs.Op) error) { s.w.Host(id).DiskFault = fault }

// fallen waits until a host has stopped itself.
func (s *stage) fallen(id core.NodeID) error {
	s.Helper()
	h := s.w.Host(id)
	s.until(fmt.Sprintf("end of node %d", id), func() bool { return !h.Up() })
	return h.Err
}

// heal mends network and disks and starts what is down.
func (s *stage) heal() {
	s.Helper()
	s.w.Net.Heal()
	s.w.Net.Release()
	for _, h := range s.w.Hosts {
		h.DiskFault = nil
		if !h.Up() {
			s.ok(h.Start())
		}
	}
}

// agree waits until all hosts are up to date and equal, and lets the checkers compare.
func (s *stage) agree() {
	s.Helper()
	s.put("last", "word")
	s.until("equal states", func() bool {
		first := s.w.Hosts[0].Status()
		for _, h := range s.w.Hosts {
			status := h.Status()
			if status.AppliedIndex != first.AppliedIndex || status.Digest != first.Digest ||
				status.AppliedIndex != status.LastIndex {
				return false
			}
		}
		return true
	})
	s.w.tell(func(o Observer) { o.Checkpoint() })
	s.ok(s.w.Err())
}

// ids are hosts from lo to hi.
func ids(lo, hi core.NodeID) []core.NodeID {
	var all []core.NodeID
	for id := lo; id <= hi; id++ {
		all = append(all, id)
	}
	return all
}

var errBroken = errors.New("broken disk")

// broken fails every operation of a kind.
func broken(kinds ...vfs.OpKind) func(vfs.Op) error {
	return func(op vfs.Op) error {
		if slices.Contains(kinds, op.Kind) {
			return errBroken
		}
		return nil
	}
}

// pause stops a process for a while.
func (s *stage) pause(id core.NodeID, span core.Instant) { s.w.Host(id).Pause(span) }

// equal compares what a scenario saw.
func (s *stage) equal(what string, got, want any) {
	s.Helper()
	if !reflect.DeepEqual(got, want) {
		s.Fatalf("%s: got %v, want %v", what, got, want)
	}
}
