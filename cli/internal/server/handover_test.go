package server

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidelock-raft/tidelock/core"
)

// leaver is a service that answers a transfer, or does not.
type leaver struct {
	reply *core.Reply
	asked []core.Request
}

func (l *leaver) Submit(requests []core.Request) {
	l.asked = append(l.asked, requests...)
	if l.reply != nil {
		requests[0].Caller.Replied(requests[0].Token, *l.reply)
	}
}

func (l *leaver) Status() core.NodeStatus { return core.NodeStatus{} }

func TestStoppingNodeHandsOver(t *testing.T) {
	for name, c := range map[string]struct {
		reply *core.Reply
		takes time.Duration
		says  bool
	}{
		"handed over":  {&core.Reply{Leader: 2}, 0, true},
		"not a leader": {&core.Reply{Err: &core.NotLeaderError{}}, 0, false},
		"nobody takes over": {&core.Reply{Result: core.Result{
			Failure: &core.Failure{Code: "no_takeover"}}}, 0, false},
		"no answer": {nil, 2 * time.Second, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			service := &leaver{reply: c.reply}
			p := &parts{Config: Config{
				Election: time.Second, Log: slog.New(slog.NewTextHandler(&log, nil)),
			}}
			start := time.Now()
			p.handOver(service)
			if took := time.Since(start); took != c.takes {
				t.Errorf("%s: took %v, want %v", name, took, c.takes)
			}
			if says := strings.Contains(log.String(), "handed over"); says != c.says {
				t.Errorf("%s: says so: %v", name, says)
			}
			if q := service.asked[0]; q.Kind != core.RequestTransfer || !q.Local {
				t.Errorf("asked %+v", q)
			}
		})
	}
}
