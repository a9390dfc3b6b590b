package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/api/wire"
)

// The pause between rounds of attempts doubles from the first to the last, and is then cut by up to
// a half at random.
const (
	firstPause = 4 * time.Millisecond
	lastPause  = 128 * time.Millisecond
)

// task is a request on its way through attempts. Attempts come in rounds: in one, every endpoint
// may be asked without a pause.
type task struct {
	request  Request
	op       wire.Op
	deadline time.Time
	begun    time.Time // the first attempt; zero: time has gone by
	asked    time.Time // the newest attempt

	tries   int   // in this round
	rounds  int   // that are over
	expired int   // attempts that came to nothing for lack of time
	crowded bool  // the last attempt met a busy node: the round is over
	cause   error // of the last attempt that says why it failed

	silent bool // some attempt was sent and not answered
	opens  bool // a session

	// Of a command in a session:
	ledger *ledger         // nil: it has no number yet
	number uint64          // in the session
	data   []byte          // with the session's header
	again  bool            // the first session that it was in had expired
	doubt  *UnknownOutcome // it may have been carried out; nil: certainly not
}

func (t *task) wire() wire.Request {
	data := t.request.Data
	if t.ledger != nil {
		data = t.data
	}
	return wire.Request{
		Op: t.op, Group: t.request.Group, Level: t.request.Level,
		Local: t.request.Local, Data: data,
		AtLeast: t.request.AtLeast, MaxStale: int64(max(t.request.MaxStale, 0)),
	}
}

// once reports whether the request must not be repeated when nobody knows what became of it.
func (t *task) once() bool {
	return t.op == wire.OpCommand || t.op == wire.OpChange || t.op == wire.OpTransfer
}

// fail takes note of an attempt that failed.
func (t *task) fail(cause error) {
	t.tries++
	t.crowded = errors.Is(cause, core.ErrBusy)
	timeIsUp := errors.Is(cause, errExpired)
	if timeIsUp {
		t.expired++
	}
	if t.cause == nil || !timeIsUp && !errors.Is(cause, context.Canceled) &&
		!errors.Is(cause, context.DeadlineExceeded) {
		t.cause = cause // else, what was wrong before says more
	}
}

// pursue makes attempts until one settles the matter or time is up.
func (c *Client) pursue(ctx context.Context, t *task) (Reply, error) {
	if err := ctx.Err(); err != nil { // nothing is sent for who has gone
		return c.conclude(t, Reply{}, fmt.Errorf("%w: %w", ErrUnavailable, err))
	}
	for {
		if t.cause != nil {
			if err := c.pause(ctx, t); err != nil {
				return c.conclude(t, Reply{}, err)
			}
		}
		if t.op == wire.OpSession && t.ledger == nil && !t.opens {
			if err := c.enroll(ctx, t); err != nil {
				return c.conclude(t, Reply{}, err)
			}
		}
		reply, final, err := c.attempt(ctx, t)
		if final {
			return c.conclude(t, reply, err)
		}
		t.fail(err)
	}
}

// pause waits before the next attempt, if a round is over; an error settles the matter.
func (c *Client) pause(ctx context.Context, t *task) error {
	var wait time.Duration
	c.mu.Lock()
	if t.crowded || t.request.Target != "" || t.tries >= len(c.book.rotation) {
		wait = min(firstPause<<min(t.rounds, 16), lastPause)
		wait -= time.Duration(c.random.Int64N(int64(wait)/2 + 1))
		t.rounds, t.tries = t.rounds+1, 0
	}
	c.mu.Unlock()
	switch left := time.Until(t.deadline); {
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w: %w", ErrUnavailable, ctx.Err(), t.cause)
	case wait > 0 && errors.Is(t.cause, core.ErrNoGroup):
		return t.cause // everyone says so
	case left <= wait:
		return fmt.Errorf("%w: %w", ErrUnavailable, t.cause)
	case wait == 0:
		return nil
	}
	return c.rest(ctx, wait, t)
}

// rest waits, unless the client is closed or ctx ends.
func (c *Client) rest(ctx context.Context, d time.Duration, t *task) error {
	switch err := wait(ctx, d, c.life.Done()); err {
	case nil:
		return core.ErrClosed
	case errExpired:
		return nil
	default:
		return fmt.Errorf("%w: %w: %w", ErrUnavailable, err, t.cause)
	}
}

// until is when the next attempt, which begins now, is given up. The time for it doubles with each
// that took too long, so that a query that is slow everywhere is answered in the end.
func (c *Client) until(t *task) time.Time {
	now := t.begun
	if t.begun = (time.Time{}); now.IsZero() {
		now = time.Now()
	}
	t.asked = now
	if t.op != wire.OpQuery && t.op != wire.OpSession || t.request.Target != "" {
		return t.deadline
	}
	if end := now.Add(c.config.AttemptTimeout << min(t.expired, 16)); end.Before(t.deadline) {
		return end
	}
	return t.deadline
}

// attempt asks one endpoint, and reports whether that settles the matter.
func (c *Client) attempt(ctx context.Context, t *task) (Reply, bool, error) {
	e, conn, err := c.pick(t)
	if err != nil {
		return Reply{}, true, err
	}
	if conn == nil {
		if conn, err = c.connect(ctx, t.deadline, e); err != nil {
			c.turn(t, e, "")
			return Reply{}, errors.Is(err, core.ErrClosed), err
		}
		t.begun = time.Time{}
	}
	x := c.exchange(t.wire())
	defer c.release(x)
	if err = c.converse(ctx, conn, x, c.until(t)); err != nil {
		return Reply{}, errors.Is(err, core.ErrTooLarge), err
	}
	return c.judge(t, e, x, x.reply)
}

// converse has the exchange settled; an error says that it was not begun.
func (c *Client) converse(
	ctx context.Context, conn *conn, x *exchange, deadline time.Time,
) error {
	if err := conn.start(x, deadline); err != nil {
		return err
	}
	select {
	case <-x.done:
	case <-ctx.Done():
		conn.cancel(x, ctx.Err())
		<-x.done
	}
	return nil
}

// judge says what an exchange came to, and whether that settles the matter.
func (c *Client) judge(
	t *task, e *endpoint, x *exchange, r *wire.Reply,
) (Reply, bool, error) {
	if x.err != nil {
		if !errors.Is(x.err, context.Canceled) {
			c.turn(t, e, "")
		}
		late := errors.Is(x.err, errExpired) || errors.Is(x.err, context.DeadlineExceeded)
		if late && t.request.Target == "" && time.Since(t.asked) >= c.config.AttemptTimeout {
			c.avoid(e)
		}
		if !x.sent() {
			return Reply{}, false, x.err
		}
		return Reply{}, t.once(), t.lost(e, x.err)
	}
	reply := Reply{
		Index: r.Index, Leader: r.Leader, Endpoint: e.address, Node: x.conn.welcome.Node,
	}
	switch r.Outcome {
	case wire.OutcomeOK, wire.OutcomeFailure:
		c.learn(t, e, reply.Node, r)
		if r.Outcome == wire.OutcomeFailure {
			return c.failed(t, reply, r)
		}
		reply.Value = r.Value
		return reply, true, nil
	case wire.OutcomeReplyTooLarge:
		return Reply{}, true, t.unheard(e, fmt.Errorf("%w: %s", ErrReplyTooLarge, r.Message))
	case wire.OutcomeTooLarge:
		return Reply{}, true, explain(core.ErrTooLarge, r.Message)
	case wire.OutcomeInvalid:
		return Reply{}, true, explain(ErrInvalid, r.Message)
	}
	final, err := c.refused(t, e, r)
	return Reply{}, final, err
}

// lost is the error for a request that was sent and not answered. For a command it leaves a doubt,
// which later attempts can only dispel by an answer from its session.
func (t *task) lost(e *endpoint, err error) error {
	unknown := &UnknownOutcome{Endpoint: e.address, Err: err}
	t.silent = true
	switch {
	case t.once():
		return unknown
	case t.ledger != nil:
		t.doubt = unknown
	}
	return err
}

// unheard is the error for a request that was carried out and whose value is lost.
func (t *task) unheard(e *endpoint, err error) error {
	if t.once() || t.ledger != nil {
		return &UnknownOutcome{Endpoint: e.address, Err: err}
	}
	return err
}

// refused handles a reply that says that another attempt may do better, elsewhere or later.
func (c *Client) refused(t *task, e *endpoint, r *wire.Reply) (bool, error) {
	switch r.Outcome {
	case wire.OutcomeNotLeader:
		c.turn(t, e, r.API)
		err := &NotLeader{Leader: r.Leader, API: r.API, Endpoint: e.address}
		return t.request.Target != "", err
	case wire.OutcomeQuarantined:
		c.turn(t, e, "")
		err := fmt.Errorf("%s: %w", e.address, explain(core.ErrQuarantined, r.Message))
		return t.request.Target != "", err
	case wire.OutcomeBusy:
		if t.request.AtLeast > 0 {
			c.turn(t, e, "") // another node may be further
		}
		return false, fmt.Errorf("%s: %w", e.address, core.ErrBusy)
	case wire.OutcomeClosed, wire.OutcomeNoGroup:
		c.turn(t, e, "")
		return false, fmt.Errorf("%s: %w", e.address, explain(r.Outcome.Err(), r.Message))
	}
	c.turn(t, e, "")
	return t.once(), t.lost(e, fmt.Errorf("%v: %s", r.Outcome, r.Message))
}

// explain adds what the server says to an error, if it says more.
func explain(err error, message string) error {
	if message == "" || message == err.Error() {
		return err
	}
	return fmt.Errorf("%w: %s", err, message)
}

// statusOf asks one endpoint to describe its node.
func (c *Client) statusOf(ctx context.Context, address string) (status core.NodeStatus, err error) {
	t := task{request: Request{Target: address}, op: wire.OpStatus}
	t.deadline, _ = ctx.Deadline()
	reply, _, err := c.attempt(ctx, &t)
	if err != nil {
		return status, err
	}
	if err = json.Unmarshal(reply.Value, &status); err != nil {
		return status, fmt.Errorf("%s: decode status: %w", address, err)
	}
	return status, nil
}
