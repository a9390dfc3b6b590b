package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/session"
	"github.com/tidelock-raft/tidelock/transport/api/wire"
)

const (
	// maxSessions bounds the sessions of a group. There is more than one only while a command that
	// is not answered keeps session.MaxWindow later ones from being forgotten.
	maxSessions = 64
	// maxRolls bounds the groups whose sessions are remembered.
	maxRolls = 4096
	// maxHeader bounds the bytes of a session.Header.
	maxHeader = 32
)

var errRenewed = errors.New("the session had expired")

// sessions are those that a cluster keeps for a client.
type sessions struct {
	mu     sync.Mutex
	groups map[core.GroupID]*roll
}

// roll is the sessions of one group.
type roll struct {
	ledgers []*ledger
	opening chan struct{} // closed when the opening under way has ended; nil: there is none
}

// ledger gives the commands of a session their numbers. It belongs to sessions.mu.
//
// Invariants: done ≤ last ≤ done+MaxWindow; command done+1 is not settled; settled has the bits of
// exactly those settled commands whose numbers are above done.
type ledger struct {
	id, last, done uint64
	settled        [session.MaxWindow / 64]uint64
}

func place(number uint64) (word int, bit uint64) {
	number %= session.MaxWindow
	return int(number / 64), 1 << (number % 64)
}

// settle notes that nobody waits for a command any more.
func (l *ledger) settle(number uint64) {
	word, bit := place(number)
	l.settled[word] |= bit
	for l.done < l.last {
		word, bit = place(l.done + 1)
		if l.settled[word]&bit == 0 {
			return
		}
		l.settled[word] &^= bit
		l.done++
	}
}

// number gives a command its number, and reports whether there is a session that has one.
func (s *sessions) number(t *task) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.groups[t.request.Group]
	if r == nil {
		return false
	}
	l := r.free()
	if l == nil {
		return false
	}
	l.last++
	t.ledger, t.number = l, l.last
	t.data = make([]byte, 0, maxHeader+len(t.request.Data))
	t.data, _ = session.Header{
		Op: session.OpCommand, Session: l.id, Sequence: l.last, Done: l.done,
	}.AppendBinary(t.data)
	t.data = append(t.data, t.request.Data...)
	return true
}

// free returns a session that has a number for one more command, or nil.
func (r *roll) free() *ledger {
	for _, l := range r.ledgers {
		if l.last-l.done < session.MaxWindow {
			return l
		}
	}
	return nil
}

// settle notes that nobody waits for a command any more.
func (s *sessions) settle(t *task) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.ledger.settle(t.number)
	t.ledger = nil
}

// open returns the roll in which the caller is to open a session; what to wait for, if that is
// under way already; or neither, if it was done since the caller saw that there was none. An error
// says that there are too many sessions.
func (s *sessions) open(g core.GroupID) (own *roll, under <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.groups[g]
	if r == nil {
		if len(s.groups) >= maxRolls {
			clear(s.groups) // their sessions are left to expire
		}
		r = &roll{}
		s.groups[g] = r
	}
	switch {
	case r.free() != nil:
		return nil, nil, nil
	case r.opening != nil:
		return nil, r.opening, nil
	case len(r.ledgers) >= maxSessions:
		return nil, nil, core.ErrBusy
	}
	r.opening = make(chan struct{})
	return r, nil, nil
}

// opened ends an opening; id is zero if nothing came of it.
func (s *sessions) opened(r *roll, id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id != 0 {
		r.ledgers = append(r.ledgers, &ledger{id: id})
	}
	close(r.opening)
	r.opening = nil
}

// drop forgets the session of a command, which has expired.
func (s *sessions) drop(t *task) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.groups[t.request.Group]; r != nil {
		r.ledgers = slices.DeleteFunc(r.ledgers, func(l *ledger) bool { return l == t.ledger })
	}
	t.ledger = nil
}

// enroll gives a command its number in a session, and opens one if there is none that has one.
func (c *Client) enroll(ctx context.Context, t *task) error {
	for !c.sessions.number(t) {
		t.begun = time.Time{}
		own, under, err := c.sessions.open(t.request.Group)
		switch {
		case err != nil:
			return err
		case under != nil:
			if err := wait(ctx, time.Until(t.deadline), under); err != nil {
				return fmt.Errorf("%w: wait for a session: %w", ErrUnavailable, err)
			}
			continue
		case own == nil:
			continue
		}
		id, err := c.openSession(ctx, t)
		c.sessions.opened(own, id)
		if err != nil {
			return fmt.Errorf("open a session: %w", err)
		}
	}
	return nil
}

// openSession opens a session where a command is to go. It does so as often as it takes: what may
// be opened in vain is left to expire.
func (c *Client) openSession(ctx context.Context, t *task) (uint64, error) {
	data, _ := session.Header{Op: session.OpOpen}.AppendBinary(nil)
	opening := task{
		request: Request{
			Group: t.request.Group, Target: t.request.Target, Local: t.request.Local, Data: data,
		},
		op: wire.OpSession, deadline: t.deadline, opens: true,
	}
	reply, err := c.pursue(ctx, &opening)
	if err != nil {
		return 0, err
	}
	return session.DecodeID(reply.Value)
}

// failed handles the answer that a command failed, or that its session is no more. Then it goes
// into another, once, unless an attempt before may have been carried out in the first.
func (c *Client) failed(t *task, reply Reply, r *wire.Reply) (Reply, bool, error) {
	failure := &core.Failure{Code: r.Code, Message: r.Message}
	if t.ledger == nil || r.Code != session.CodeExpired {
		return reply, true, failure
	}
	c.sessions.drop(t)
	switch {
	case t.doubt != nil:
		return Reply{}, true, t.doubt
	case t.again:
		return reply, true, failure
	}
	t.again = true
	return Reply{}, false, errRenewed
}

// conclude ends a task. While there is a doubt, what was said of later attempts does not settle it,
// but for the machine's answer, which is to all of them.
func (c *Client) conclude(t *task, r Reply, err error) (Reply, error) {
	if t.ledger != nil {
		c.sessions.settle(t)
	}
	switch {
	case err == nil || isFailure(err) || errors.Is(err, core.ErrUnknownOutcome):
		return r, err
	case t.doubt != nil:
		return Reply{}, t.doubt
	case t.silent && errors.Is(err, ErrUnavailable):
		err = fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	return r, err
}

func isFailure(err error) bool {
	var failure *core.Failure // apart from who asks: it goes to the heap
	return errors.As(err, &failure)
}
