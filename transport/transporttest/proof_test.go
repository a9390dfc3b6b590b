package transporttest_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/memory"
	"github.com/tidelock-raft/tidelock/transport/tcp"
	"github.com/tidelock-raft/tidelock/transport/transporttest"
)

// broken is a transport with one defect: what it replaces of a sound one.
type broken struct {
	core.Transport
	id    core.NodeID
	send  func(next core.Transport, to core.Addr, msgs []core.Message)
	close func(next core.Transport) error
}

func (b *broken) Send(to core.Addr, msgs []core.Message) {
	if b.send != nil {
		b.send(b.Transport, to, msgs)
		return
	}
	b.Transport.Send(to, msgs)
}

func (b *broken) Close() error {
	if b.close != nil {
		return b.close(b.Transport)
	}
	return b.Transport.Close()
}

// filter is an inbox with a defect.
type filter struct {
	core.Inbox
	deliver     func(next core.Inbox, msgs []core.Message) int
	unreachable func(next core.Inbox, to core.Addr)
}

func (f *filter) Deliver(msgs []core.Message) int {
	if f.deliver != nil {
		return f.deliver(f.Inbox, msgs)
	}
	return f.Inbox.Deliver(msgs)
}

func (f *filter) Unreachable(to core.Addr) {
	if f.unreachable != nil {
		f.unreachable(f.Inbox, to)
		return
	}
	f.Inbox.Unreachable(to)
}

// copied returns the messages with Data of their own, changed by f.
func copied(msgs []core.Message, f func(*core.Message)) []core.Message {
	out := append([]core.Message(nil), msgs...)
	for i := range out {
		f(&out[i])
	}
	return out
}

// A defect may change the node's configuration and inbox before it joins, and the transport behind.
type defect = func(c *memory.Config, in *filter, b *broken)

// defects maps a check to a defect that it must see.
var defects = map[string]defect{
	"Order": func(_ *memory.Config, _ *filter, b *broken) { // turns batches around
		b.send = func(next core.Transport, to core.Addr, msgs []core.Message) {
			for i := range msgs {
				next.Send(to, msgs[len(msgs)-1-i:len(msgs)-i])
			}
		}
	},
	"Faithful": func(_ *memory.Config, _ *filter, b *broken) { // forgets one field
		b.send = func(next core.Transport, to core.Addr, msgs []core.Message) {
			next.Send(to, copied(msgs, func(m *core.Message) { m.Hint.Term = 0 }))
		}
	},
	"Duplex": func(_ *memory.Config, _ *filter, b *broken) { // speaks in one direction only
		if b.id == 2 {
			b.send = func(core.Transport, core.Addr, []core.Message) {}
		}
	},
	"Concurrent": func(_ *memory.Config, _ *filter, b *broken) { // loses what comes at the same time
		var busy atomic.Bool
		b.send = func(next core.Transport, to core.Addr, msgs []core.Message) {
			if busy.CompareAndSwap(false, true) {
				next.Send(to, msgs)
				<-time.After(100 * time.Microsecond)
				busy.Store(false)
			}
		}
	},
	"NeverBlocks": func(c *memory.Config, _ *filter, b *broken) { // waits for room
		room := make(chan struct{}, 2000)
		b.send = func(next core.Transport, to core.Addr, msgs []core.Message) {
			room <- struct{}{}
			next.Send(to, msgs)
		}
	},
	"Bounded": func(c *memory.Config, _ *filter, _ *broken) { c.QueueBytes = 1 << 40 },
	"CallersSlice": func(_ *memory.Config, _ *filter, b *broken) { // sends every other slice later
		var late []core.Message
		b.send = func(next core.Transport, to core.Addr, msgs []core.Message) {
			if msgs[0].Token%2 == 1 {
				late = msgs
				return
			}
			next.Send(to, late)
			next.Send(to, msgs)
			late = nil
		}
	},
	"ReadOnlyForEver": func(_ *memory.Config, in *filter, _ *broken) { // reuses what it delivered
		shared := make([]byte, 0, 256)
		in.deliver = func(next core.Inbox, msgs []core.Message) int {
			return next.Deliver(copied(msgs, func(m *core.Message) {
				shared = append(shared[:0], m.Data...)
				m.Data = shared
			}))
		}
	},
	"FullInbox": func(_ *memory.Config, in *filter, _ *broken) { // delivers the last ones first
		in.deliver = func(next core.Inbox, msgs []core.Message) int {
			n := next.Deliver(msgs)
			return n + next.Deliver(msgs[:len(msgs)-n])
		}
	},
	"Unreachable": func(_ *memory.Config, in *filter, _ *broken) { // keeps it to itself
		in.unreachable = func(core.Inbox, core.Addr) {}
	},
	"Reconnect": func(_ *memory.Config, in *filter, b *broken) { // gives up for ever
		var gone atomic.Bool
		in.unreachable = func(next core.Inbox, to core.Addr) {
			gone.Store(true)
			next.Unreachable(to)
		}
		b.send = func(next core.Transport, to core.Addr, msgs []core.Message) {
			if !gone.Load() {
				next.Send(to, msgs)
			}
		}
	},
	"ForeignCluster": func(c *memory.Config, _ *filter, _ *broken) { c.Cluster = 1 },
	"WrongNode": func(_ *memory.Config, _ *filter, b *broken) { // looks at the address only
		b.send = func(next core.Transport, to core.Addr, msgs []core.Message) {
			next.Send(to, copied(msgs, func(m *core.Message) { m.To = 2 }))
		}
	},
	"Impostor": func(_ *memory.Config, _ *filter, b *broken) { // believes what is written in From
		b.send = func(next core.Transport, to core.Addr, msgs []core.Message) {
			next.Send(to, copied(msgs, func(m *core.Message) { m.From = b.id }))
		}
	},
	"CloseIsFinal": func(_ *memory.Config, in *filter, b *broken) { // a goroutine lives on
		b.close = func(next core.Transport) error {
			err := next.Close()
			go func() { // ends by itself, after more than a second
				for range 1000 {
					<-time.After(time.Millisecond)
					in.Inbox.Unreachable("late")
				}
			}()
			return err
		}
	},
	"CloseTwice": func(_ *memory.Config, _ *filter, b *broken) {
		b.close = func(next core.Transport) error {
			_ = next.Close()
			return nil
		}
	},
	"SendAfterClose": func(_ *memory.Config, _ *filter, b *broken) { // closes only in name
		b.close = func(core.Transport) error { return nil }
	},
}

// furtherDefects are more of them.
var furtherDefects = map[string][]defect{
	"Order": {
		func(_ *memory.Config, _ *filter, b *broken) { // loses one in a hundred
			b.send = func(next core.Transport, to core.Addr, msgs []core.Message) {
				for i := range msgs {
					if msgs[i].Token%100 != 50 {
						next.Send(to, msgs[i:i+1])
					}
				}
			}
		},
		func(_ *memory.Config, in *filter, _ *broken) { // repeats some
			in.deliver = func(next core.Inbox, msgs []core.Message) int {
				if msgs[0].Token%100 < 50 {
					next.Deliver(msgs)
				}
				return next.Deliver(msgs)
			}
		},
	},
	"SlowPeer": {func(_ *memory.Config, _ *filter, b *broken) { // one bound for all addresses
		total := 0
		b.send = func(next core.Transport, to core.Addr, msgs []core.Message) {
			if total += len(msgs); total < 3000 {
				next.Send(to, msgs)
			}
		}
	}},
	"Big": {
		func(_ *memory.Config, _ *filter, b *broken) { // cuts off what is too long
			b.send = func(next core.Transport, to core.Addr, msgs []core.Message) {
				next.Send(to, copied(msgs, func(m *core.Message) { m.Data = m.Data[:min(len(m.Data), 2<<20)] }))
			}
		},
		func(_ *memory.Config, _ *filter, b *broken) { // chokes on it
			var choked atomic.Bool
			b.send = func(next core.Transport, to core.Addr, msgs []core.Message) {
				for i := range msgs {
					choked.CompareAndSwap(false, len(msgs[i].Data) > 8<<20)
					if !choked.Load() {
						next.Send(to, msgs[i:i+1])
					}
				}
			}
		},
	},
	"ManyPeers": {func(_ *memory.Config, _ *filter, b *broken) { // has room for eight
		known := map[core.Addr]bool{}
		b.send = func(next core.Transport, to core.Addr, msgs []core.Message) {
			if len(known) < 8 {
				known[to] = true
			}
			if known[to] {
				next.Send(to, msgs)
			}
		}
	}},
	"Reborn": {func() defect { // nobody listens to a node that was there before
		seen := map[core.NodeID]bool{}
		return func(_ *memory.Config, _ *filter, b *broken) {
			if seen[b.id] {
				b.send = func(core.Transport, core.Addr, []core.Message) {}
			}
			seen[b.id] = true
		}
	}()},
}

// opener returns nodes on a network of their own, with a defect if it is not nil.
func opener(defect defect) transporttest.Open {
	network := memory.NewNetwork()
	named := 0
	return func(n transporttest.Node, inbox core.Inbox) (core.Transport, core.Addr, error) {
		if n.Addr == "" {
			named++
			n.Addr = core.Addr(fmt.Sprint("node-", named))
		}
		c := memory.Config{Node: n.ID, Cluster: n.Cluster, Addr: n.Addr}
		in, b := &filter{Inbox: inbox}, &broken{id: n.ID}
		if defect != nil {
			defect(&c, in, b)
		}
		var err error
		b.Transport, err = network.Join(c, in)
		return b, n.Addr, err
	}
}

func TestEveryCheckSeesItsDefect(t *testing.T) {
	for _, c := range transporttest.Checks() {
		t.Run(c.Name, func(t *testing.T) {
			if c.Name != "Bounded" { // which measures what the whole process holds
				t.Parallel()
			}
			sound := transporttest.Suite{Open: opener(nil)}
			if err := sound.Verify(c); err != nil {
				t.Errorf("a sound transport does not pass: %v", err)
			}
			bad := furtherDefects[c.Name]
			if first := defects[c.Name]; first != nil {
				bad = append([]defect{first}, bad...)
			}
			if len(bad) == 0 {
				t.Error("nothing proves this check")
			}
			for i, d := range bad {
				suite := transporttest.Suite{
					Open: opener(d), Patience: 2 * time.Second, Quiet: 20 * time.Millisecond,
				}
				switch err := suite.Verify(c); {
				case err == nil:
					t.Errorf("broken transport %d passes", i)
				case !strings.Contains(err.Error(), c.Rule):
					t.Errorf("got %v, want it to name the rule %q", err, c.Rule)
				default:
					t.Log(err)
				}
			}
		})
	}
}

// A transport over TCP that waits for ever does not see that the network is silent.
func TestHalfOpenSeesItsDefect(t *testing.T) {
	for _, idle := range []time.Duration{time.Second, time.Hour} {
		suite := transporttest.Suite{
			Open: func(n transporttest.Node, in core.Inbox) (core.Transport, core.Addr, error) {
				transport, err := tcp.Open(tcp.Config{
					Node: n.ID, Cluster: n.Cluster, Listen: "127.0.0.1:0", IdleTimeout: idle,
					WriteTimeout: idle,
				}, in)
				if err != nil {
					return nil, "", err
				}
				return transport, transport.Addr(), nil
			},
		}
		if idle == time.Hour {
			suite.Patience = 2 * time.Second
		}
		for _, c := range transporttest.RelayChecks() {
			if err := suite.Verify(c); (err != nil) != (idle == time.Hour) {
				t.Errorf("idle time-out %v: got %v", idle, err)
			}
		}
	}
}

// TestWhatComesLateIsNoDefect: what a connection of before still held may come behind what is sent
// over the next, and be taken for its last.
func TestWhatComesLateIsNoDefect(t *testing.T) {
	late := func(_ *memory.Config, in *filter, _ *broken) {
		in.deliver = func(next core.Inbox, msgs []core.Message) int {
			if msgs[0].Token < 1<<40 { // it is not sent to connect
				return next.Deliver(msgs)
			}
			old := copied(msgs[:1], func(m *core.Message) { m.Token = 1 })
			return next.Deliver(append(slices.Clone(msgs), old...)) - len(old)
		}
	}
	suite := transporttest.Suite{Open: opener(late), Patience: 5 * time.Second}
	if err := suite.Verify(transporttest.Checks()[0]); err != nil {
		t.Error(err)
	}
}
