package transporttest

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/tidelock-raft/tidelock/core"
)

// What the checks of bounds send and allow. A transport may hold less.
const (
	floodMessages = 4096
	floodBytes    = 64 << 10 // of data in each
	maxHeldBytes  = 128 << 20
)

// ascending reports the first message whose token is not above the one before.
func ascending(msgs []core.Message) error {
	for i := 1; i < len(msgs); i++ {
		if msgs[i].Token <= msgs[i-1].Token {
			return fmt.Errorf("message %d came after %d", msgs[i].Token, msgs[i-1].Token)
		}
	}
	return nil
}

// burst sends count numbered messages in batches.
func burst(a, b *node, first, count uint64) {
	for i := uint64(0); i < count; i += 10 {
		var batch []core.Message
		for j := i; j < min(i+10, count); j++ {
			batch = append(batch, numbered(a.id, b.id, first+j))
		}
		a.Send(b.addr, batch)
	}
}

func checkOrder(w *world) error {
	a, b, err := w.pair()
	if err != nil {
		return err
	}
	const count = 1000
	burst(a, b, 1, count)
	err = w.await("1000 messages arrive", b.inbox, func() bool { return len(b.msgs) >= count })
	return errors.Join(err, ascending(b.taken()))
}

func checkFaithful(w *world) error {
	a, b, err := w.pair()
	if err != nil {
		return err
	}
	sent := Samples(a.id, b.id)
	big := numbered(a.id, b.id, 1)
	big.Data = bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	empty := core.Message{
		Kind: core.MsgAppend, Group: 1, From: a.id, To: b.id, Term: 1, Data: []byte{},
		Entries: []core.Entry{{
			Position: core.Position{Term: 1, Index: 1}, Kind: core.EntryCommand, Data: []byte{},
		}},
	}
	sent = append(sent, big, empty, core.Message{Kind: core.MsgVote, From: a.id, To: b.id})
	a.Send(b.addr, sent)
	err = w.await("every message arrives", b.inbox, func() bool { return len(b.msgs) >= len(sent) })
	w.quiet()
	got := b.taken()
	for i := range got {
		if !contains(sent, &got[i]) {
			return errors.Join(err, fmt.Errorf("never sent: %+v", got[i]))
		}
	}
	for i := range sent {
		if !contains(got, &sent[i]) {
			return errors.Join(err, fmt.Errorf("never arrived: %+v", sent[i]))
		}
	}
	return err
}

func contains(msgs []core.Message, m *core.Message) bool {
	for i := range msgs {
		if Equal(&msgs[i], m) {
			return true
		}
	}
	return false
}

func checkDuplex(w *world) error {
	a, b, err := w.pair()
	if err != nil {
		return err
	}
	if err := w.connect(b, a); err != nil {
		return err
	}
	burst(a, b, 1, 200)
	burst(b, a, 1, 200)
	for _, n := range []*node{a, b} {
		err = errors.Join(err, w.await("200 messages arrive", n.inbox, func() bool {
			return len(n.msgs) >= 200
		}), ascending(n.taken()))
	}
	return err
}

func checkConcurrent(w *world) error {
	a, b, err := w.pair()
	if err != nil {
		return err
	}
	const senders, count = 8, 200
	var group sync.WaitGroup
	for s := range uint64(senders) {
		group.Go(func() { burst(a, b, s<<32, count) })
	}
	group.Wait()
	err = w.await("the messages of 8 goroutines arrive", b.inbox, func() bool {
		return len(b.msgs) >= senders*count
	})
	for s := range uint64(senders) {
		var of []core.Message
		for _, m := range b.taken() {
			if m.Token>>32 == s {
				of = append(of, m)
			}
		}
		if len(of) != count {
			err = errors.Join(err, fmt.Errorf("%d messages of goroutine %d, want %d", len(of), s, count))
		}
		err = errors.Join(err, ascending(of))
	}
	return err
}

// flood sends far more than may be queued, in messages of their own memory.
func flood(a *node, to *node) {
	for i := range uint64(floodMessages) {
		m := numbered(a.id, to.id, i)
		m.Data = make([]byte, floodBytes)
		a.Send(to.addr, []core.Message{m})
	}
}

// hopeless returns a node and two that do not take what it sends: one is closed, one stalls.
func (w *world) hopeless() (a, dead, stalled *node, err error) {
	if a, stalled, err = w.pair(); err != nil {
		return nil, nil, nil, err
	}
	if dead, err = w.open(Node{ID: 3, Cluster: cluster}); err != nil {
		return nil, nil, nil, err
	}
	if err = w.connect(a, dead); err != nil {
		return nil, nil, nil, err
	}
	stalled.hold()
	return a, dead, stalled, dead.Close()
}

func checkNeverBlocks(w *world) error {
	a, dead, stalled, err := w.hopeless()
	if err != nil {
		return err
	}
	return errors.Join(
		w.within("Send to a closed node", func() { flood(a, dead) }),
		w.within("Send to a node that stalls", func() { flood(a, stalled) }))
}

func checkBounded(w *world) error {
	a, dead, stalled, err := w.hopeless()
	if err != nil {
		return err
	}
	for _, to := range []*node{dead, stalled} {
		before := heap()
		if err := w.within("Send", func() { flood(a, to) }); err != nil {
			return err
		}
		if held := heap() - before; held > maxHeldBytes {
			return fmt.Errorf("after %d MiB to node %d, %d MiB are held, limit %d MiB",
				floodMessages*floodBytes>>20, to.id, held>>20, maxHeldBytes>>20)
		}
	}
	return nil
}

// heap returns the bytes that are alive.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func checkCallersSlice(w *world) error {
	a, b, err := w.pair()
	if err != nil {
		return err
	}
	const count = 500
	batch := make([]core.Message, 1)
	for i := range uint64(count) {
		batch[0] = numbered(a.id, b.id, 1+i)
		a.Send(b.addr, batch)
		batch[0] = numbered(a.id, b.id, 1<<50)
	}
	err = w.await("500 messages arrive", b.inbox, func() bool { return len(b.msgs) >= count })
	return errors.Join(err, ascending(b.taken()))
}

func checkReadOnly(w *world) error {
	a, b, err := w.pair()
	if err != nil {
		return err
	}
	const count = 2000
	sent := make([]core.Message, count)
	for i := range sent {
		m := numbered(a.id, b.id, uint64(i))
		m.Data = bytes.Repeat([]byte{byte(i)}, i%200)
		m.Entries = []core.Entry{{
			Position: core.Position{Term: 1, Index: 1}, Kind: core.EntryCommand, Data: m.Data,
		}}
		sent[i] = m
		a.Send(b.addr, sent[i:i+1])
	}
	err = w.await("2000 messages arrive", b.inbox, func() bool { return len(b.msgs) >= count })
	for i, m := range b.taken() { // kept since long; nothing that came later may have changed it
		if i >= count || !Equal(&m, &sent[i]) {
			return errors.Join(err, fmt.Errorf("message %d is %v by now", i, m))
		}
	}
	for i := range sent {
		if !bytes.Equal(sent[i].Data, bytes.Repeat([]byte{byte(i)}, i%200)) {
			return errors.Join(err, fmt.Errorf("data of message %d was changed at the sender", i))
		}
	}
	return err
}

func checkFullInbox(w *world) error {
	a, b, err := w.pair()
	if err != nil {
		return err
	}
	b.mu.Lock()
	b.room = 1
	b.mu.Unlock()
	burst(a, b, 1, 100)
	next := uint64(1000)
	err = w.repeat("messages arrive behind those for which there was no room", func() {
		burst(a, b, next, 10)
		next += 10
	}, b.inbox, func() bool { n := len(b.msgs); return n > 0 && b.msgs[n-1].Token >= 1000 })
	return errors.Join(err, ascending(b.taken()))
}

func checkUnreachable(w *world) error {
	a, b, err := w.pair()
	if err != nil {
		return err
	}
	if err := b.Close(); err != nil {
		return err
	}
	told := func() bool { return a.unreachable[b.addr] > 0 }
	send := func() { a.Send(b.addr, []core.Message{numbered(a.id, b.id, 1)}) }
	err = w.repeat("it is told that the connection broke", send, a.inbox, told)
	if err != nil {
		return err
	}
	c, err := w.open(Node{ID: 3, Cluster: cluster})
	if err != nil {
		return err
	}
	send = func() { c.Send(b.addr, []core.Message{numbered(c.id, b.id, 1)}) }
	told = func() bool { return c.unreachable[b.addr] > 0 }
	return w.repeat("it is told that no connection can be made", send, c.inbox, told)
}

func checkReconnect(w *world) error {
	a, b, err := w.pair()
	if err != nil {
		return err
	}
	for range 2 {
		if err := b.Close(); err != nil {
			return err
		}
		err := w.repeat("the break is told", func() {
			a.Send(b.addr, []core.Message{numbered(a.id, b.id, 1)})
		}, a.inbox, func() bool {
			told := a.unreachable[b.addr] > 0
			clear(a.unreachable)
			return told
		})
		if err != nil {
			return err
		}
		if b, err = w.open(Node{ID: b.id, Cluster: cluster, Addr: b.addr}); err != nil {
			return err
		}
		if err := w.connect(a, b); err != nil {
			return fmt.Errorf("after the peer came back: %w", err)
		}
	}
	return nil
}

func checkForeignCluster(w *world) error {
	_, b, err := w.pair()
	if err != nil {
		return err
	}
	foreign, err := w.open(Node{ID: 1, Cluster: cluster + 1})
	if err != nil {
		return err
	}
	return w.unheard(foreign, b, numbered(1, 2, 1))
}

// unheard checks that a message does not reach b, and that b still hears others.
func (w *world) unheard(from, b *node, m core.Message) error {
	for range 5 {
		from.Send(b.addr, []core.Message{m})
		w.quiet()
	}
	if got := b.taken(); len(got) > 0 {
		return fmt.Errorf("node %d was given %v", b.id, got[0])
	}
	friend, err := w.open(Node{ID: 9, Cluster: cluster})
	if err != nil {
		return err
	}
	return w.connect(friend, b)
}

func checkWrongNode(w *world) error {
	a, b, err := w.pair()
	if err != nil {
		return err
	}
	return w.unheard(a, b, numbered(a.id, b.id+5, 1))
}

func checkImpostor(w *world) error {
	a, b, err := w.pair()
	if err != nil {
		return err
	}
	return w.unheard(a, b, numbered(a.id+5, b.id, 1))
}

func checkCloseIsFinal(w *world) error {
	for range 5 {
		a, b, err := w.pair()
		if err != nil {
			return err
		}
		stop := make(chan struct{})
		var group sync.WaitGroup
		group.Go(func() { // ended by stop
			for i := uint64(0); ; i++ {
				select {
				case <-stop:
					return
				default:
					burst(a, b, i, 10)
				}
			}
		})
		_ = w.await("messages arrive", b.inbox, func() bool { return len(b.msgs) > 100 })
		err = w.closeAndListen(b)
		close(stop)
		group.Wait()
		if err = errors.Join(err, w.closeAndListen(a)); err != nil { // it has unreachables to tell
			return err
		}
	}
	return nil
}

// closeAndListen closes a node and checks that its inbox is left alone afterwards.
func (w *world) closeAndListen(n *node) error {
	if err := w.within("Close", func() { _ = n.Close() }); err != nil {
		return err
	}
	n.mu.Lock()
	n.final = true
	running := n.running
	n.mu.Unlock()
	w.quiet()
	n.mu.Lock()
	defer n.mu.Unlock()
	if running > 0 || n.late > 0 {
		return fmt.Errorf("%d calls ran when Close returned, and %d began later", running, n.late)
	}
	return nil
}

func checkCloseTwice(w *world) error {
	a, _, err := w.pair()
	if err != nil {
		return err
	}
	if err := a.Close(); err != nil {
		return fmt.Errorf("first Close: %w", err)
	}
	if err := a.Close(); !errors.Is(err, core.ErrClosed) {
		return fmt.Errorf("second Close returned %v, want %v", err, core.ErrClosed)
	}
	return nil
}

func checkSendAfterClose(w *world) error {
	a, b, err := w.pair()
	if err != nil {
		return err
	}
	if err := a.Close(); err != nil {
		return err
	}
	if err := w.within("Send", func() { burst(a, b, 1, 100) }); err != nil {
		return err
	}
	w.quiet()
	if got := b.taken(); len(got) > 0 {
		return fmt.Errorf("node %d was given %v", b.id, got[0])
	}
	return nil
}
