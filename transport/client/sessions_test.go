package client_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/session"
	"github.com/tidelock-raft/tidelock/transport/api/native"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// counter is a machine that counts how often each command is carried out.
type counter map[string]int

func (m counter) Apply(dst []core.Result, entries []core.Entry) ([]core.Result, error) {
	for i := range entries {
		command := string(entries[i].Data)
		m[command]++
		dst = append(dst, core.Result{Value: []byte(command)})
	}
	return dst, nil
}

func (counter) Query([]byte) core.Result         { return core.Result{} }
func (counter) Snapshot() (core.Snapshot, error) { return nil, errors.ErrUnsupported }
func (counter) Restore(io.Reader) error          { return errors.ErrUnsupported }
func (counter) Close() error                     { return nil }

// ledger is what several nodes have in common: a log of its own, a machine with sessions, and what
// it was asked.
type ledger struct {
	mu      sync.Mutex
	index   core.Index
	machine *session.Machine
	counts  counter
	opened  int
	headers []session.Header // of commands
}

func newLedger() *ledger {
	counts := counter{}
	return &ledger{machine: session.Wrap(counts), counts: counts}
}

// carryOut appends what is asked for to the log, and applies it.
func (l *ledger) carryOut(r core.Request) *core.Reply {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.index++
	e := core.Entry{Position: core.Position{Term: 1, Index: l.index}, Data: r.Data}
	if e.Kind = core.EntryCommand; r.Kind == core.RequestSession {
		e.Kind = core.EntrySession
		switch h, _, err := session.Decode(r.Data); {
		case err == nil && h.Op == session.OpOpen:
			l.opened++
		case err == nil:
			l.headers = append(l.headers, h)
		}
	}
	results, err := l.machine.Apply(nil, []core.Entry{e})
	if err != nil {
		return &core.Reply{Err: err}
	}
	return &core.Reply{Result: results[0], Index: l.index, Leader: 1}
}

// expire forgets all sessions.
func (l *ledger) expire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.machine = session.Wrap(l.counts)
}

func isOpening(r core.Request) bool { return r.Data[0] == byte(session.OpOpen) }

// wayward makes a cluster whose nodes share a ledger, and go astray at every third request.
func wayward(
	t *testing.T, size int, astray func(l *ledger, r core.Request) *core.Reply,
) (cluster, *ledger) {
	nodes, l, asked := newCluster(t, size), newLedger(), 0
	var mu sync.Mutex
	for _, n := range nodes {
		n.set(func(r core.Request) *core.Reply {
			mu.Lock()
			asked++
			fails := asked%3 == 0
			mu.Unlock()
			if fails {
				return astray(l, r)
			}
			return l.carryOut(r)
		})
	}
	return nodes, l
}

// TestRetryOnce: whatever becomes of an attempt, a command is carried out once and answered.
func TestRetryOnce(t *testing.T) {
	unknown := &core.Reply{Err: core.ErrUnknownOutcome}
	for name, astray := range map[string]func(l *ledger, r core.Request) *core.Reply{
		"lost on the way": func(*ledger, core.Request) *core.Reply { return nil },
		"carried out and not answered": func(l *ledger, r core.Request) *core.Reply {
			l.carryOut(r)
			return nil
		},
		"carried out, and the answer says unknown": func(l *ledger, r core.Request) *core.Reply {
			l.carryOut(r)
			return unknown
		},
		"not carried out, and the answer says unknown": func(*ledger, core.Request) *core.Reply {
			return unknown
		},
		"twice in the log": func(l *ledger, r core.Request) *core.Reply {
			l.carryOut(r)
			return l.carryOut(r)
		},
		"carried out much later": func(l *ledger, r core.Request) *core.Reply {
			time.AfterFunc(30*time.Millisecond, func() { r.Caller.Replied(r.Token, *l.carryOut(r)) })
			return nil
		},
		"refused for the leader": func(*ledger, core.Request) *core.Reply {
			return &core.Reply{Err: &core.NotLeaderError{}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			nodes, l := wayward(t, 3, astray)
			c := openWithSessions(t, client.Config{
				Endpoints: nodes.addrs(), AttemptTimeout: 10 * time.Millisecond,
			})
			var open sync.WaitGroup
			told := func(want string) func(client.Reply, error) {
				open.Add(1)
				return func(got client.Reply, err error) {
					if err != nil || string(got.Value) != want {
						t.Errorf("%s: got %q, %v", want, got.Value, err)
					}
					open.Done()
				}
			}
			for i := range 10 {
				one, other := fmt.Sprint("do ", i), fmt.Sprint("go ", i)
				c.Go(context.Background(), put(other), told(other))
				got, err := c.Do(t.Context(), put(one))
				told(one)(got, err)
			}
			open.Wait()
			l.check(t, 20)
		})
	}
}

// check checks that so many different commands were carried out, once each, and that no client
// gave up a command that it waits for.
func (l *ledger) check(t *testing.T, want int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.counts) != want {
		t.Errorf("%d commands were carried out, want %d", len(l.counts), want)
	}
	for command, n := range l.counts {
		if n != 1 {
			t.Errorf("%q was carried out %d times", command, n)
		}
	}
	for _, h := range l.headers {
		if h.Done >= h.Sequence {
			t.Errorf("%+v: the client says that it is done with a command that it asks for", h)
		}
	}
}

// TestAmbiguousIsUnknown: a doubt that no answer of the session dispels is told, when time is up.
func TestAmbiguousIsUnknown(t *testing.T) {
	mute := func(l *ledger, r core.Request, _ int) *core.Reply {
		if isOpening(r) {
			return l.carryOut(r)
		}
		return nil
	}
	for name, answer := range map[string]func(l *ledger, r core.Request, nth int) *core.Reply{
		"never an answer": mute,
		"only refusals behind a doubt": func(l *ledger, r core.Request, nth int) *core.Reply {
			if nth > 1 {
				return &core.Reply{Err: &core.NotLeaderError{}}
			}
			return mute(l, r, nth)
		},
		"only busy nodes behind a doubt": func(l *ledger, r core.Request, nth int) *core.Reply {
			if nth > 1 {
				return &core.Reply{Err: core.ErrBusy}
			}
			return mute(l, r, nth)
		},
		"the session expires behind a doubt": func(l *ledger, r core.Request, nth int) *core.Reply {
			if nth > 1 {
				l.expire()
				return l.carryOut(r)
			}
			return mute(l, r, nth)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 2, func(t *testing.T, nodes cluster, n network) {
				loseHope(t, nodes, n, answer)
			})
		})
	}
}

// loseHope sends a command that is not answered in time, and one that is.
func loseHope(
	t *testing.T, nodes cluster, n network, answer func(*ledger, core.Request, int) *core.Reply,
) {
	l, nth := newLedger(), 0
	for _, n := range nodes {
		n.set(func(r core.Request) *core.Reply {
			l.mu.Lock()
			if !isOpening(r) {
				nth++
			}
			now := nth
			l.mu.Unlock()
			return answer(l, r, now)
		})
	}
	c := openWithSessions(t, client.Config{
		Endpoints: nodes.addrs(), Dial: n.dial, AttemptTimeout: 10 * time.Millisecond,
		Timeout: time.Second,
	})
	_, err := c.Do(t.Context(), put("x"))
	var unknown *client.UnknownOutcome
	if !errors.As(err, &unknown) || errors.Is(err, client.ErrUnavailable) {
		t.Errorf("got %v, want an unknown outcome", err)
	}
	l.mu.Lock()
	if nth < 2 {
		t.Errorf("%d attempts, want several", nth)
	}
	l.mu.Unlock()
	for _, n := range nodes {
		n.set(l.carryOut)
	}
	if _, err := c.Do(t.Context(), put("y")); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestWithoutASessionNothingIsUnknown: the command has not left the client.
func TestWithoutASessionNothingIsUnknown(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(core.Request) *core.Reply
		silent bool
	}{
		"busy": {refuse(core.ErrBusy), false}, "silent": {never, true},
		"unknown": {refuse(core.ErrUnknownOutcome), true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 2, func(t *testing.T, nodes cluster, n network) {
				for _, n := range nodes {
					n.set(c.answer)
				}
				cl := openWithSessions(t, client.Config{Endpoints: nodes.addrs(), Dial: n.dial})
				_, err := cl.Do(t.Context(), put("x"))
				if !errors.Is(err, client.ErrUnavailable) || errors.Is(err, core.ErrUnknownOutcome) ||
					errors.Is(err, client.ErrNoAnswer) != c.silent {
					t.Errorf("got %v, want ErrUnavailable", err)
				}
			})
		})
	}
}

func TestExpiredSessionIsReplaced(t *testing.T) {
	nodes, l := newCluster(t, 1), newLedger()
	nodes[0].set(l.carryOut)
	c := openWithSessions(t, client.Config{Endpoints: nodes.addrs()})
	for i := range 3 {
		if _, err := c.Do(t.Context(), put(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
		l.expire()
	}
	l.check(t, 3)
	if l.opened != 3 {
		t.Errorf("%d sessions were opened, want 3", l.opened)
	}
	// A machine may fail so for reasons of its own: that is an answer, and no reason to go on.
	nodes[0].set(func(r core.Request) *core.Reply {
		if isOpening(r) {
			return l.carryOut(r)
		}
		return &core.Reply{Result: core.Result{Failure: &core.Failure{Code: session.CodeExpired}}}
	})
	var failure *core.Failure
	if _, err := c.Do(t.Context(), put("x")); !errors.As(err, &failure) {
		t.Errorf("got %v, want a failure", err)
	}
}

// TestManyOpenCommandsTakeManySessions holds back the reply to the first of many commands.
func TestManyOpenCommandsTakeManySessions(t *testing.T) {
	nodes, l := newCluster(t, 1), newLedger()
	held := make(chan core.Request, 1)
	nodes[0].set(func(r core.Request) *core.Reply {
		if string(r.Data[len(r.Data)-2:]) == "!0" {
			held <- r
			return nil
		}
		return l.carryOut(r)
	})
	c := openWithSessions(t, client.Config{
		Endpoints: nodes.addrs(), AttemptTimeout: time.Minute, Timeout: time.Minute,
	})
	var open sync.WaitGroup
	ask := func(i int) {
		open.Add(1)
		c.Go(context.Background(), put(fmt.Sprint("!", i)), func(_ client.Reply, err error) {
			if err != nil {
				t.Errorf("%d: %v", i, err)
			}
			open.Done()
		})
	}
	ask(0)
	first := <-held
	const many = session.MaxWindow + 100
	for i := range many {
		if _, err := c.Do(t.Context(), put(fmt.Sprint("!", i+1))); err != nil {
			t.Fatal(err)
		}
	}
	l.mu.Lock()
	if l.opened != 2 {
		t.Errorf("%d sessions were opened, want 2", l.opened)
	}
	l.mu.Unlock()
	first.Caller.Replied(first.Token, *l.carryOut(first))
	open.Wait()
	if _, err := c.Do(t.Context(), put("last")); err != nil {
		t.Fatal(err)
	}
	l.check(t, many+2)
	if h := l.headers[len(l.headers)-1]; h.Done != session.MaxWindow {
		t.Errorf("the last command is %+v, want the first %d done", h, session.MaxWindow)
	}
}

func TestOneSessionForAllAndNoneForOthers(t *testing.T) {
	nodes, l := newCluster(t, 1), newLedger()
	queries := 0
	nodes[0].set(func(r core.Request) *core.Reply {
		if r.Kind == core.RequestQuery {
			queries++
			return &core.Reply{}
		}
		return l.carryOut(r)
	})
	c := openWithSessions(t, client.Config{Endpoints: nodes.addrs()})
	if _, err := c.Do(t.Context(), get("x")); err != nil || queries != 1 || l.opened != 0 {
		t.Fatalf("a query: %v, %d queries, %d sessions", err, queries, l.opened)
	}
	var workers sync.WaitGroup
	for i := range 50 {
		workers.Go(func() {
			if _, err := c.Do(t.Context(), put(fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
		})
	}
	workers.Wait()
	l.check(t, 50)
	if l.opened != 1 {
		t.Errorf("%d sessions were opened, want 1", l.opened)
	}
}

// TestSessionsSurviveSeveredConnections cuts connections at random places: nothing remains unknown.
func TestSessionsSurviveSeveredConnections(t *testing.T) {
	n, l := &node{id: 1}, newLedger()
	n.set(l.carryOut)
	n.start(t, native.Config{})
	var cuts atomic.Int64
	c := openWithSessions(t, client.Config{Endpoints: []string{n.addr()}, Dial: cutting(&cuts)})
	var workers sync.WaitGroup
	const each = 250
	for w := range 8 {
		workers.Go(func() {
			for i := range each {
				data := binary.BigEndian.AppendUint64(nil, uint64(w*each+i))
				if _, err := c.Do(t.Context(), client.Request{Data: data}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	workers.Wait()
	l.check(t, 8*each)
	if cuts.Load() < 5 {
		t.Errorf("%d connections: the test does not test", cuts.Load())
	}
}
