package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

func (h *host) status() core.GroupStatus { return h.handler.Status().Groups[0] }

// work has the leader carry out commands, some time apart.
func (w *world) work(c *client, commands int, apart core.Instant) {
	w.t.Helper()
	for range commands {
		c.put(w.awaitLeader())
		w.sleep(apart)
	}
}

// workUntil has commands carried out until ok is true, at most so many.
func (w *world) workUntil(c *client, most int, ok func() bool) {
	w.t.Helper()
	for n := 0; !ok(); n++ {
		if n == most {
			w.t.Fatalf("%d commands did not help", n)
		}
		w.work(c, 1, tick/20)
	}
}

// answered waits for the reply to a request.
func (w *world) answered(h *host, q core.Request) core.Reply {
	w.t.Helper()
	reply, answered := core.Reply{}, false
	q.Group = core.DefaultGroup
	q.Caller = callerFunc(func(r core.Reply) { reply, answered = r, true })
	h.events.Requests = append(h.events.Requests, q)
	h.wake()
	w.run(minute, "answer", func() bool { return answered })
	return reply
}

// resync asks a host until it succeeds.
func (w *world) resync(h *host) core.Reply {
	w.t.Helper()
	r := w.answered(h, core.Request{Kind: core.RequestResync})
	if r.Err != nil || r.Result.Failure != nil {
		w.t.Fatalf("resync of node %d: got %v, %v", h.id, r.Err, r.Result.Failure)
	}
	return r
}

// follower returns a host that does not lead.
func (w *world) follower() *host { return w.hosts[int(w.awaitLeader().id)%len(w.hosts)] }

// records keeps what was logged.
type records struct {
	lines []string
}

func (r *records) Enabled(context.Context, slog.Level) bool { return true }
func (r *records) WithGroup(string) slog.Handler            { return r }
func (r *records) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &derived{r, attrs}
}
func (r *records) Handle(_ context.Context, record slog.Record) error {
	line := record.Level.String() + " " + record.Message
	record.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	r.lines = append(r.lines, line)
	return nil
}

// derived is records with attributes of its own.
type derived struct {
	*records
	attrs []slog.Attr
}

func (d *derived) Handle(ctx context.Context, record slog.Record) error {
	record.AddAttrs(d.attrs...)
	return d.records.Handle(ctx, record)
}

// watch has everything that the hosts log from now on kept, each with its node.
func (w *world) watch() *records {
	log := &records{}
	for _, h := range w.hosts {
		h.handler.config.Log = slog.New(log).With("node", uint64(h.id))
	}
	return log
}

// count is how many lines hold all of the words.
func (r *records) count(words ...string) int {
	n := 0
	for _, line := range r.lines {
		missing := func(word string) bool { return !strings.Contains(line, word) }
		if !slices.ContainsFunc(words, missing) {
			n++
		}
	}
	return n
}

func TestFlippedFollowerIsQuarantinedAndResynced(t *testing.T) {
	w := newWorld(t, 1, 3)
	c, log := newClient(w), w.watch()
	w.work(c, 50, tick/4)
	odd := w.follower()
	before := odd.status().AppliedIndex
	odd.journal.flip()
	w.work(c, 40, tick/4)
	q := odd.status().Quarantined
	if q == nil || q.Index < before || q.Index > before+32 || q.Index%16 != 0 ||
		!slices.Equal(q.Collections, []string{"commands"}) || q.Restored {
		t.Fatalf("flipped at %d: got %+v", before, q)
	}
	if log.count("ERROR quarantined", fmt.Sprintf("index=%d", q.Index), "[commands]",
		fmt.Sprintf("node=%d", odd.id)) != 1 || log.count("ERROR the state of a node has diverged",
		fmt.Sprintf("state_of=%d", odd.id)) != 1 {
		t.Errorf("logged:\n%s", strings.Join(log.lines, "\n"))
	}

	stopped := odd.status().AppliedIndex
	acked := len(c.acked)
	w.work(c, 200, tick/4)
	if got := odd.status(); got.AppliedIndex != stopped || got.CommitIndex < stopped+150 {
		t.Errorf("applied %d, commit %d, want %d and going on",
			got.AppliedIndex, got.CommitIndex, stopped)
	}
	if len(c.acked) < acked+190 {
		t.Errorf("the cluster acknowledged %d of 200 commands", len(c.acked)-acked)
	}
	for _, level := range []core.ReadLevel{core.Linearizable, core.Stale} {
		r := w.answered(odd, core.Request{Kind: core.RequestQuery, Level: level})
		if !errors.Is(r.Err, core.ErrQuarantined) {
			t.Errorf("query of level %d: got %+v", level, r)
		}
	}
	r := w.answered(odd, core.Request{Kind: core.RequestCommand, Data: []byte("by way of odd")})
	if r.Err != nil {
		t.Errorf("forwarded command: got %v", r.Err)
	}

	r = w.resync(odd)
	if s := odd.status(); s.Quarantined != nil || r.Index <= stopped || s.AppliedIndex < r.Index {
		t.Errorf("resynced at %d: got %+v", r.Index, s)
	}
	if log.count("INFO quarantine ends", fmt.Sprintf("node=%d", odd.id)) != 1 {
		t.Errorf("logged:\n%s", strings.Join(log.lines, "\n"))
	}
	w.converge(c)
}

func TestFlippedLeaderStepsDownForGood(t *testing.T) {
	w := newWorld(t, 2, 3)
	c := newClient(w)
	w.work(c, 50, tick/4)
	odd := w.awaitLeader()
	odd.journal.flip()
	w.workUntil(c, 1000, func() bool { return odd.status().Quarantined != nil })
	if s := odd.status(); s.Role != "follower" || len(s.Quarantined.Collections) != 1 {
		t.Errorf("got %s, %+v", s.Role, s.Quarantined)
	}
	w.work(c, 50, tick)
	for range 20 { // even alone with another that it could lead
		w.cut[[2]core.NodeID{w.awaitLeader().id, odd.id}] = true
		w.sleep(second)
		if role := odd.status().Role; role != "follower" {
			t.Fatalf("the quarantined node is a %s", role)
		}
		clear(w.cut)
	}
	w.work(c, 5, tick)
	w.run(minute, "outcomes of all commands", func() bool { return c.pending == 0 })
	w.resync(odd)
	w.converge(c)
	for n := 0; odd.status().Role != "leader"; n++ {
		if n == 100 {
			t.Fatal("the recovered node never leads")
		}
		for _, h := range w.hosts {
			w.cut[[2]core.NodeID{w.awaitLeader().id, h.id}] = true
		}
		w.sleep(second / 2)
		clear(w.cut)
		w.sleep(second / 2)
	}
}

func TestTwoThatDifferAreBothLoudAndGoOn(t *testing.T) {
	w := newWorld(t, 3, 2)
	c, log := newClient(w), w.watch()
	w.work(c, 50, tick/4)
	odd := w.follower()
	odd.journal.flip()
	snapshots := odd.status().SnapshotIndex
	w.work(c, 200, tick)
	for _, h := range w.hosts {
		loud := log.count("ERROR states have diverged", fmt.Sprintf("node=%d", h.id), "[commands]")
		s := h.status()
		if s.Quarantined != nil || loud == 0 || loud > 12 || s.SnapshotIndex > snapshots {
			t.Errorf("node %d: %d warnings, %+v", h.id, loud, s)
		}
	}
	w.sleep(second)
	if len(c.acked) != 250 {
		t.Errorf("%d of 250 commands are acknowledged", len(c.acked))
	}
	w.resync(odd)
	w.converge(c)
}

// TestIdleGroupLooksAtItsNewestEntry flips a state after which nothing comes but silence.
func TestIdleGroupLooksAtItsNewestEntry(t *testing.T) {
	w := newWorld(t, 4, 3)
	c := newClient(w)
	w.work(c, 20, tick/4)
	w.sleep(5 * tick)
	odd := w.follower()
	odd.journal.flip()
	w.run(2*second, "quarantine", func() bool { return odd.status().Quarantined != nil })
	if q, last := odd.status().Quarantined, odd.status().LastIndex; q.Index != last {
		t.Errorf("found at %d, want the newest entry, %d", q.Index, last)
	}
	if odd.status().LastIndex != w.awaitLeader().status().LastIndex {
		t.Error("looking has made entries")
	}
	w.resync(odd)
	w.converge(c)
}

// TestQuarantinedStateOutlivesNoRestart flips a state just before a snapshot would be taken of it:
// a restart must not find one, and be healed by the log.
func TestQuarantinedStateOutlivesNoRestart(t *testing.T) {
	for seed := range int64(20) {
		w := newWorld(t, seed, 3)
		c := newClient(w)
		w.work(c, 10+w.rng.Intn(60), tick/4)
		odd := w.hosts[w.rng.Intn(3)]
		odd.journal.flip()
		w.workUntil(c, 1000, func() bool { return odd.status().Quarantined != nil })
		taken := odd.status().SnapshotIndex
		w.work(c, 100, tick/4)
		if s := odd.status(); s.Quarantined != nil && s.SnapshotIndex > taken {
			t.Errorf("seed %d: quarantined, and still took snapshots: %d, then %d",
				seed, taken, s.SnapshotIndex)
		}
		odd.power()
		w.sleep(second)
		odd.start()
		w.converge(c)
		w.work(c, 40, tick/4)
		if q := odd.status().Quarantined; q != nil {
			t.Errorf("seed %d: after a restart: got %+v", seed, q)
		}
	}
}

func TestHealthyNodeIsResynced(t *testing.T) {
	w := newWorld(t, 5, 3)
	c := newClient(w)
	leader := w.awaitLeader()
	for round := range 5 {
		w.work(c, 1+30*round, tick/4)
		healthy := w.follower()
		before := healthy.handler.machines[0].restores
		r := w.resync(healthy)
		if n := healthy.handler.machines[0].restores; n != before+1 || r.Index == 0 {
			t.Errorf("round %d: restored %d times, index %d", round, n-before, r.Index)
		}
	}
	r := w.answered(leader, core.Request{Kind: core.RequestResync})
	if r.Result.Failure == nil || r.Result.Failure.Code != "leader" {
		t.Errorf("resync of the leader: got %+v", r)
	}
	w.converge(c)
}

// TestResyncUnderLoad replaces a state while entries are being applied to it, some of them to one
// that has just gone astray. What is still said of the old state must not be taken for the new one.
func TestResyncUnderLoad(t *testing.T) {
	for seed := range int64(30) {
		w := newWorld(t, seed, 3)
		c := newClient(w)
		w.work(c, 60, tick/40)
		odd := w.follower()
		odd.sluggish = seed%2 == 0
		machine := odd.handler.machines[0]
		before, floor := machine.restores, core.Index(0)
		w.tamper = func(m core.Message) []core.Message {
			if m.Kind == core.MsgSnapshotChunk && m.To == odd.id {
				if floor == 0 {
					floor = odd.status().CommitIndex
				}
				w.at(core.Instant(w.rng.Int63n(5e6)), func() {
					if machine.restores == before {
						odd.journal.flip()
					}
				})
			}
			return []core.Message{m}
		}
		var reply *core.Reply
		odd.events.Requests = append(odd.events.Requests, core.Request{
			Group: core.DefaultGroup, Kind: core.RequestResync,
			Caller: callerFunc(func(r core.Reply) { reply = &r }),
		})
		w.workUntil(c, 10_000, func() bool { return reply != nil })
		w.tamper = nil
		if reply.Err != nil || reply.Result.Failure != nil || reply.Index < floor {
			t.Errorf("seed %d: got %+v, %v, want from %d on", seed, reply, reply.Result.Failure, floor)
		}
		w.work(c, 40, tick/40)
		if q := odd.status().Quarantined; q != nil {
			t.Errorf("seed %d: at the end: %+v", seed, q)
		}
		w.converge(c)
	}
}

// TestQuarantinedNodeThatLagsIsHealedByASnapshot compacts the log under a quarantined node.
func TestQuarantinedNodeThatLagsIsHealedByASnapshot(t *testing.T) {
	w := newWorld(t, 6, 3)
	c := newClient(w)
	w.work(c, 40, tick/4)
	odd := w.follower()
	odd.journal.flip()
	w.work(c, 20, tick/4)
	leader := w.awaitLeader()
	w.cut[[2]core.NodeID{leader.id, odd.id}] = true
	w.work(c, 300, tick/4)
	if odd.status().Quarantined == nil {
		t.Fatal("not quarantined")
	}
	clear(w.cut)
	w.run(minute, "end of quarantine", func() bool { return odd.status().Quarantined == nil })
	w.converge(c)
}

// TestDivergenceWithLossAndRepetition loses, repeats and delays every message about states.
func TestDivergenceWithLossAndRepetition(t *testing.T) {
	for seed := range int64(20) {
		w := newWorld(t, seed, 3)
		c := newClient(w)
		w.tamper = func(m core.Message) []core.Message {
			switch m.Kind {
			case core.MsgDigest, core.MsgVerdict, core.MsgResync:
				if w.rng.Intn(3) == 0 {
					w.at(core.Instant(w.rng.Int63n(int64(2*second))), func() { w.arrive(m) })
				}
				return slices.Repeat([]core.Message{m}, w.rng.Intn(3))
			}
			return []core.Message{m}
		}
		w.work(c, 60, tick/4)
		odd := w.hosts[w.rng.Intn(3)]
		odd.journal.flip()
		w.work(c, 60, tick/4)
		w.run(minute, "quarantine", func() bool { return odd.status().Quarantined != nil })
		w.work(c, 60, tick/4)
		for _, h := range w.hosts {
			if h != odd && h.status().Quarantined != nil {
				t.Errorf("seed %d: node %d is innocent, %d was flipped", seed, h.id, odd.id)
			}
		}
		w.resync(odd)
		w.work(c, 60, tick/4)
		w.sleep(5 * second)
		for _, h := range w.hosts {
			if q := h.status().Quarantined; q != nil {
				t.Errorf("seed %d: node %d at the end: %+v", seed, h.id, q)
			}
		}
		w.converge(c)
	}
}

// TestVerdictOnAnEarlierLifeIsIgnored keeps verdicts back until the state that they are about is
// gone.
func TestVerdictOnAnEarlierLifeIsIgnored(t *testing.T) {
	for _, restart := range []bool{true, false} {
		w := newWorld(t, 8, 3)
		c := newClient(w)
		w.work(c, 50, tick/4)
		odd := w.follower()
		var old []core.Message
		w.tamper = func(m core.Message) []core.Message {
			if m.Kind == core.MsgVerdict && m.To == odd.id && len(old) < 50 {
				old = append(old, m)
				return []core.Message{}
			}
			return []core.Message{m}
		}
		odd.journal.flip()
		w.work(c, 40, tick/4)
		if len(old) == 0 || odd.status().Quarantined != nil {
			t.Fatalf("%d verdicts are kept back, %+v", len(old), odd.status().Quarantined)
		}
		if restart {
			odd.power()
			odd.start()
		} else {
			w.tamper = nil
			w.resync(odd)
		}
		w.sleep(second)
		for _, m := range old {
			if m.Term == odd.status().Term {
				w.arrive(m)
			}
		}
		w.work(c, 40, tick/4)
		if q := odd.status().Quarantined; q != nil {
			t.Errorf("restarted %v: got %+v", restart, q)
		}
		w.tamper = nil
		w.converge(c)
	}
}

// TestOneThatDivergesHarmsNobody flips one replica's state again and again, amid power cuts and
// broken links. No other is ever quarantined; in the end that one is found out, and resynced.
func TestOneThatDivergesHarmsNobody(t *testing.T) {
	for seed := range int64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newWorld(t, seed, 3+2*int(seed%2))
			c := newClient(w)
			w.awaitLeader()
			w.loss = float64(seed%4) * 0.05
			odd := w.hosts[w.rng.Intn(len(w.hosts))]
			for range 300 {
				w.mischief()
				if odd.handler != nil && w.rng.Intn(50) == 0 {
					odd.journal.flip()
				}
				c.put(w.hosts[w.rng.Intn(len(w.hosts))])
				w.sleep(core.Instant(w.rng.Int63n(int64(5 * tick))))
				w.blame(odd)
			}
			w.heal()
			w.sleep(10 * second) // for a snapshot that is on its way to arrive
			odd.journal.flip()
			w.workUntil(c, 1000, func() bool { w.blame(odd); return odd.status().Quarantined != nil })
			w.resync(odd)
			w.converge(c)
			w.blame(nil)
		})
	}
}

// blame fails the test if a host but this one is quarantined.
func (w *world) blame(odd *host) {
	w.t.Helper()
	for _, h := range w.hosts {
		if h != odd && h.handler != nil && h.status().Quarantined != nil {
			w.t.Fatalf("node %d is quarantined: %+v", h.id, h.status().Quarantined)
		}
	}
}
