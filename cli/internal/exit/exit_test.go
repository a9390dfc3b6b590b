package exit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/plugins"
	"github.com/tidelock-raft/tidelock/transport/client"
)

func TestErrorsMapToCodesAndBodies(t *testing.T) {
	nobody := fmt.Errorf("%w: %w", client.ErrUnavailable, &client.NotLeader{Endpoint: "a:1"})
	for _, c := range []struct {
		err  error
		code Code
		body string
	}{
		{Usagef("--id is %d", 0), Usage, `{"error":"usage","message":"--id is 0"}`},
		{&plugins.OptionError{Name: "a", Reason: "is odd"}, Usage,
			`{"error":"usage","message":"option a: is odd"}`},
		{Mark(io.EOF, ErrRefused), Refused, `{"error":"refused","message":"EOF"}`},
		{&core.CorruptError{Path: "f", Offset: 3, Err: io.EOF}, Corrupt,
			`{"error":"corrupt","message":"f: offset 3: corrupt: EOF"}`},
		{Mark(io.EOF, ErrUnhealthy), Unhealthy, `{"error":"unhealthy","message":"EOF"}`},
		{&client.UnknownOutcome{Endpoint: "a:1", Err: io.EOF}, Unavailable,
			`{"error":"timeout","outcome":"unknown","message":"a:1: outcome unknown: EOF"}`},
		{nobody, Unavailable, `{"error":"unavailable","message":"client: no endpoint could answer ` +
			`in time: a:1: not the leader, and the leader is not known"}`},
		{&client.NotLeader{Leader: 2, Endpoint: "a:1"}, NotLeader,
			`{"error":"not_leader","leader":"node2"}`},
		{&client.NotLeader{Endpoint: "a:1"}, NotLeader, `{"error":"not_leader","message":` +
			`"a:1: not the leader, and the leader is not known"}`},
		{core.ErrQuarantined, Unhealthy,
			`{"error":"quarantined","message":"core: quarantined, the state has diverged"}`},
		{context.DeadlineExceeded, Unavailable,
			`{"error":"timeout","message":"context deadline exceeded"}`},
		{core.ErrTooLarge, Failed, `{"error":"too_large","message":"core: too large"}`},
		{&core.Failure{Code: "conflict", Message: "a < b"}, Failed,
			`{"error":"conflict","message":"a < b"}`},
		{io.EOF, Failed, `{"error":"error","message":"EOF"}`},
	} {
		wrapped := fmt.Errorf("%w", c.err)
		if got := Of(wrapped); got != c.code {
			t.Errorf("%v: got code %d, want %d", c.err, got, c.code)
		}
		var b strings.Builder
		if err := BodyOf(wrapped).Print(&b); err != nil || b.String() != c.body+"\n" {
			t.Errorf("%v\ngot  %swant %s", c.err, b.String(), c.body)
		}
	}
	if Of(nil) != OK {
		t.Error("no error has a code")
	}
}

func TestMarkKeepsTextAndCause(t *testing.T) {
	err := Reported(Mark(io.EOF, ErrRefused))
	if !IsReported(err) || !errors.Is(err, io.EOF) || Of(err) != Refused || err.Error() != "EOF" {
		t.Errorf("got %v, code %d", err, Of(err))
	}
	if IsReported(io.EOF) || Mark(nil, ErrUsage) != nil {
		t.Error("marked what was not")
	}
}
