package transporttest

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
)

// RelayChecks returns what only a transport over TCP can be asked, whose addresses are host:port.
// It should notice a silent network within a second or two, or Suite.Patience has to be longer.
func RelayChecks() []Check {
	return []Check{
		{"HalfOpen", "Unreachable tells that messages to this address were or will be lost, even if " +
			"no connection is seen to break.", checkHalfOpen},
	}
}

func checkHalfOpen(w *world) error {
	a, b, err := w.pair()
	if err != nil {
		return err
	}
	relay, err := NewRelay(b.addr)
	if err != nil {
		return err
	}
	defer relay.Close()
	far := &node{Transport: b.Transport, inbox: b.inbox, id: b.id, addr: relay.Addr()}
	for range 2 { // the second time over a connection that was made anew
		if err := w.connect(a, far); err != nil {
			return err
		}
		relay.Freeze()
		err := w.repeat("it is told that the network is silent", func() { burst(a, far, 1, 1) },
			a.inbox, func() bool {
				told := a.unreachable[far.addr] > 0
				clear(a.unreachable)
				return told
			})
		if err != nil {
			return err
		}
		relay.Thaw()
	}
	return w.connect(a, far)
}

// checkSlowPeer fills the way to a node that stalls, and looks at that to another.
func checkSlowPeer(w *world) error {
	a, b, err := w.pair()
	if err != nil {
		return err
	}
	slow, err := w.open(Node{ID: 3, Cluster: cluster})
	if err != nil {
		return err
	}
	if err := w.connect(a, slow); err != nil {
		return err
	}
	slow.hold()
	flood(a, slow)
	const count = 200
	burst(a, b, 1, count)
	err = w.await("200 messages arrive beside a slow node", b.inbox, func() bool {
		return len(b.msgs) >= count
	})
	return errors.Join(err, ascending(b.taken()))
}

// What checkBig sends: a message near what every transport has to carry, and one that none has to.
const (
	bigBytes  = 3 << 20
	hugeBytes = 64 << 20
)

func checkBig(w *world) error {
	a, b, err := w.pair()
	if err != nil {
		return err
	}
	big := numbered(a.id, b.id, 1)
	big.Data = bytes.Repeat([]byte("big "), bigBytes/4)
	for i := range core.Index(2000) {
		big.Entries = append(big.Entries, core.Entry{
			Position: core.Position{Term: 1, Index: i + 1}, Kind: core.EntryCommand,
			Data: bytes.Repeat([]byte{byte(i)}, int(i)%1000),
		})
	}
	huge := numbered(a.id, b.id, 2)
	huge.Data = make([]byte, hugeBytes)
	a.Send(b.addr, []core.Message{big, huge})
	next := uint64(3)
	err = w.repeat("messages arrive behind one that is too big", func() {
		burst(a, b, next, 1)
		next++
	}, b.inbox, func() bool { n := len(b.msgs); return n > 0 && b.msgs[n-1].Token > 2 })
	got := b.taken()
	if !contains(got, &big) {
		err = errors.Join(err, fmt.Errorf("a message of %d bytes did not arrive as sent", bigBytes))
	}
	for i := range got {
		if m := &got[i]; m.Token == huge.Token && !Equal(m, &huge) {
			err = errors.Join(err, fmt.Errorf("of %d bytes %d arrived", hugeBytes, len(m.Data)))
		}
	}
	return errors.Join(err, ascending(got))
}

func checkManyPeers(w *world) error {
	const peers, count = 20, 50
	a, err := w.open(Node{ID: 1, Cluster: cluster})
	if err != nil {
		return err
	}
	var others []*node
	for i := range core.NodeID(peers) {
		n, err := w.open(Node{ID: 2 + i, Cluster: cluster})
		if err != nil {
			return err
		}
		if err := errors.Join(w.connect(a, n), w.connect(n, a)); err != nil {
			return fmt.Errorf("node %d: %w", n.id, err)
		}
		others = append(others, n)
	}
	for _, n := range others {
		burst(a, n, 1, count)
		burst(n, a, 1, count)
	}
	for _, n := range others {
		err = errors.Join(err, w.await("50 messages arrive at each of 20 nodes", n.inbox, func() bool {
			return len(n.msgs) >= count
		}), ascending(n.taken()))
	}
	return errors.Join(err, w.await("50 messages of each of 20 nodes arrive", a.inbox, func() bool {
		return len(a.msgs) >= peers*count
	}))
}

// checkReborn restarts the node that sends.
func checkReborn(w *world) error {
	a, b, err := w.pair()
	if err != nil {
		return err
	}
	for range 2 {
		burst(a, b, 1, 100)
		if err := a.Close(); err != nil {
			return err
		}
		if a, err = w.open(Node{ID: a.id, Cluster: cluster, Addr: a.addr}); err != nil {
			return err
		}
		if err := w.connect(a, b); err != nil {
			return fmt.Errorf("after the sender came back: %w", err)
		}
		burst(a, b, 1000, 100)
		err = w.await("100 messages of the new start arrive", b.inbox, func() bool {
			return len(b.msgs) >= 100
		})
		for _, m := range b.taken() {
			if m.Token < 1000 {
				err = errors.Join(err, fmt.Errorf("message %d of the old start came late", m.Token))
			}
		}
		if err != nil {
			return err
		}
		b.mu.Lock()
		b.msgs = nil
		b.mu.Unlock()
	}
	return nil
}
