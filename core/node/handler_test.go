package node

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

const (
	second = core.Instant(1e9)
	minute = 60 * second
)

// client notes what becomes of its requests. Tokens of commands count up; a query's token has
// queryBit set.
type client struct {
	w       *world
	next    uint64
	acked   map[uint64]bool
	refused map[uint64]bool
	unknown map[uint64]bool
	pending int
	counts  map[uint64]int    // query token -> answer
	floor   map[uint64]uint64 // query token -> commands acknowledged before it was asked
}

const queryBit = 1 << 63

func newClient(w *world) *client {
	return &client{w: w, acked: map[uint64]bool{}, refused: map[uint64]bool{},
		unknown: map[uint64]bool{}, counts: map[uint64]int{}, floor: map[uint64]uint64{}}
}

func (c *client) Replied(token uint64, r core.Reply) {
	c.pending--
	switch {
	case token&queryBit != 0:
		if n, err := strconv.Atoi(string(r.Result.Value)); r.Err == nil && err == nil {
			c.counts[token] = n
			if n < int(c.floor[token]) {
				c.w.t.Errorf("query saw %d commands, %d were acknowledged", n, c.floor[token])
			}
		}
	case r.Err == nil:
		c.acked[token] = true
	case r.Err == core.ErrUnknownOutcome:
		c.unknown[token] = true
	default:
		c.refused[token] = true
	}
}

// put sends the next command to a host.
func (c *client) put(h *host) uint64 {
	c.next++
	c.send(h, core.Request{Kind: core.RequestCommand, Data: fmt.Append(nil, c.next), Token: c.next})
	return c.next
}

func (c *client) count(h *host, level core.ReadLevel) uint64 {
	c.next++
	token := c.next | queryBit
	if level == core.Linearizable {
		c.floor[token] = uint64(len(c.acked))
	}
	c.send(h, core.Request{Kind: core.RequestQuery, Level: level, Token: token})
	return token
}

func (c *client) send(h *host, q core.Request) {
	if h.handler == nil {
		return
	}
	c.pending++
	q.Group, q.Caller = core.DefaultGroup, c
	h.events.Requests = append(h.events.Requests, q)
	h.wake()
}

func (w *world) leader() *host {
	var leader *host
	var term core.Term
	for _, h := range w.hosts {
		if h.handler == nil {
			continue
		}
		if s := h.handler.Status().Groups[0]; s.Role == "leader" && s.Term > term {
			leader, term = h, s.Term
		}
	}
	return leader
}

func (w *world) awaitLeader() *host {
	w.t.Helper()
	w.run(minute, "leader", func() bool { return w.leader() != nil })
	return w.leader()
}

// converge waits until every host is up to date and equal, and checks what was acknowledged.
func (w *world) converge(c *client) {
	w.t.Helper()
	w.heal()
	var last uint64
	w.run(10*minute, "progress after healing", func() bool {
		if last == 0 || c.refused[last] || c.unknown[last] {
			if leader := w.leader(); leader != nil {
				last = c.put(leader)
			}
		}
		return c.acked[last]
	})
	w.run(10*minute, "equal states", func() bool {
		for _, h := range w.hosts {
			if !slices.Equal(h.journal.commands, w.hosts[0].journal.commands) {
				return false
			}
		}
		return slices.Contains(w.hosts[0].journal.commands, fmt.Sprint(last))
	})
	times := map[string]int{}
	for _, command := range w.hosts[0].journal.commands {
		times[command]++
	}
	for token := range c.next + 1 {
		n := times[fmt.Sprint(token)]
		if c.acked[token] && n != 1 || c.refused[token] && n != 0 || n > 1 {
			w.t.Errorf("command %d: acknowledged %v, refused %v, applied %d times",
				token, c.acked[token], c.refused[token], n)
		}
	}
}

// heal repairs everything but the states of machines.
func (w *world) heal() {
	w.loss = 0
	clear(w.cut)
	for _, h := range w.hosts {
		if h.handler == nil {
			h.start()
		}
	}
}

// TestNothingAcknowledgedIsLost cuts power, links and messages at random under load, then heals and
// wants progress, equal machines, every acknowledged command once, and no refused one.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	for seed := range int64(100) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newWorld(t, seed, 3+2*int(seed%2))
			c := newClient(w)
			w.awaitLeader()
			w.loss = float64(seed%4) * 0.05
			for range 400 {
				w.mischief()
				h := w.hosts[w.rng.Intn(len(w.hosts))]
				if w.rng.Intn(4) == 0 {
					c.count(h, core.Linearizable)
				} else {
					c.put(h)
				}
				w.sleep(core.Instant(w.rng.Int63n(int64(5 * tick))))
			}
			w.converge(c)
			if len(c.acked) < 20 {
				t.Errorf("only %d commands were acknowledged: the test shows nothing", len(c.acked))
			}
		})
	}
}

// mischief does something bad to the cluster, or repairs something, every now and then.
func (w *world) mischief() {
	h := w.hosts[w.rng.Intn(len(w.hosts))]
	other := w.hosts[w.rng.Intn(len(w.hosts))]
	switch w.rng.Intn(60) {
	case 0:
		if h.handler != nil {
			h.power()
		}
	case 1, 2:
		if h.handler == nil {
			h.start()
		}
	case 3:
		w.cut[[2]core.NodeID{h.id, other.id}] = true
	case 4, 5:
		clear(w.cut)
	case 6: // all at once
		for _, h := range w.hosts {
			if h.handler != nil {
				h.power()
			}
		}
		for _, h := range w.hosts {
			h.start()
		}
	}
}

func TestSameSeedSameHistory(t *testing.T) {
	history := func() string {
		w := newWorld(t, 7, 3)
		c := newClient(w)
		w.awaitLeader()
		w.loss = 0.1
		for range 100 {
			w.mischief()
			c.put(w.hosts[w.rng.Intn(len(w.hosts))])
			w.sleep(tick)
		}
		w.converge(c)
		return fmt.Sprint(w.now, w.count, w.hosts[0].journal.commands)
	}
	if first, second := history(), history(); first != second {
		t.Errorf("two runs of one seed differ:\n%s\n%s", first, second)
	}
}

func TestLateNodeCatchesUpBySnapshot(t *testing.T) {
	w := newWorld(t, 3, 3)
	c := newClient(w)
	leader := w.awaitLeader()
	late := w.hosts[int(leader.id)%3]
	late.power()
	for range 500 {
		leader := w.awaitLeader()
		c.put(leader)
		w.sleep(tick / 4)
	}
	if first := leader.handler.Status().Groups[0].FirstIndex; first < 100 {
		t.Fatalf("the log still begins at %d: nothing was compacted", first)
	}
	start := w.now
	w.converge(c)
	if s := late.handler.Status().Groups[0].SnapshotIndex; s == 0 {
		t.Error("the late node has no snapshot")
	}
	// The snapshot is some 30 chunks, which overtake each other.
	if took := w.now - start; took > resendAfter {
		t.Errorf("catching up took %d ms", took/1e6)
	}
}

func TestFollowerForwardsCommandsAndFailures(t *testing.T) {
	w := newWorld(t, 5, 3)
	c := newClient(w)
	leader := w.awaitLeader()
	follower := w.hosts[int(leader.id)%3]
	w.run(second, "a follower that knows the leader", func() bool {
		return follower.handler.Status().Groups[0].Leader == leader.id
	})
	token := c.put(follower)
	w.run(second, "forwarded command", func() bool { return c.acked[token] })

	var failure *core.Failure
	caller := callerFunc(func(r core.Reply) { failure = r.Result.Failure })
	follower.events.Requests = append(follower.events.Requests, core.Request{
		Group: core.DefaultGroup, Kind: core.RequestCommand, Data: []byte("refuse"), Caller: caller,
	})
	follower.wake()
	w.run(second, "forwarded failure", func() bool { return failure != nil })
	if failure.Code != "refused" {
		t.Errorf("got code %q, want refused", failure.Code)
	}
}

type callerFunc func(core.Reply)

func (f callerFunc) Replied(_ uint64, r core.Reply) { f(r) }

func TestLocalRequestsStayLocal(t *testing.T) {
	w := newWorld(t, 6, 3)
	leader := w.awaitLeader()
	follower := w.hosts[int(leader.id)%3]
	w.run(second, "a follower that knows the leader", func() bool {
		return follower.handler.Status().Groups[0].Leader == leader.id
	})
	for _, q := range []core.Request{
		{Kind: core.RequestCommand, Data: []byte("x")},
		{Kind: core.RequestQuery, Level: core.Linearizable},
	} {
		var got error
		q.Group, q.Local = core.DefaultGroup, true
		q.Caller = callerFunc(func(r core.Reply) { got = r.Err })
		follower.events.Requests = append(follower.events.Requests, q)
		follower.wake()
		w.run(second, "answer", func() bool { return got != nil })
		if e, ok := got.(*core.NotLeaderError); !ok || e.Leader != leader.id {
			t.Errorf("got %v, want not leader, %d is", got, leader.id)
		}
	}
}

// TestSlowTransferEndsInCatchingUp feeds a node that was away a snapshot for longer than it takes
// to compact: it has to catch up all the same, from the log after that snapshot.
func TestSlowTransferEndsInCatchingUp(t *testing.T) {
	w := newWorld(t, 8, 3)
	c := newClient(w)
	leader := w.awaitLeader()
	late := w.hosts[int(leader.id)%3]
	late.power()
	write := func() {
		c.put(leader)
		w.sleep(2 * tick)
	}
	for range 200 {
		write()
	}
	var bytes, bodies int64
	var next core.Instant
	w.tamper = func(m core.Message) []core.Message {
		if m.Kind != core.MsgSnapshotChunk {
			return []core.Message{m}
		}
		if m.Offset == 0 && w.now > next {
			bodies++
		}
		if w.now < next {
			return nil
		}
		next = w.now + second/5
		bytes += int64(len(m.Data))
		return []core.Message{m}
	}
	late.start()
	status := func(h *host) core.GroupStatus { return h.handler.Status().Groups[0] }
	before := status(leader).SnapshotIndex
	for end := w.now + minute; status(late).AppliedIndex+50 < status(leader).CommitIndex; write() {
		if w.now > end {
			t.Fatalf("after a minute node %d is at %d of %d; %d bytes were sent of %d snapshots", late.id,
				status(late).AppliedIndex, status(leader).CommitIndex, bytes, bodies)
		}
	}
	if bodies != 1 || status(leader).SnapshotIndex == before {
		t.Errorf("%d snapshots were sent, the leader's went from %d to %d: the test shows nothing",
			bodies, before, status(leader).SnapshotIndex)
	}
	first := status(leader).FirstIndex
	for range 200 {
		write()
	}
	if now := status(leader).FirstIndex; now < first+100 {
		t.Errorf("the log still begins at %d, it did at %d", now, first)
	}
}
