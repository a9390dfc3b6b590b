package trace_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/memory"
	"github.com/tidelock-raft/tidelock/transport/trace"
	"github.com/tidelock-raft/tidelock/transport/transporttest"
)

// A traced transport keeps every promise of the one beneath.
func TestConformance(t *testing.T) {
	network := memory.NewNetwork()
	var named, shown atomic.Int64
	show := func(trace.Direction, core.Addr, core.Message) { shown.Add(1) }
	open := func(n transporttest.Node, inbox core.Inbox) (core.Transport, core.Addr, error) {
		if n.Addr == "" {
			n.Addr = core.Addr(fmt.Sprint("node-", named.Add(1)))
		}
		transport, err := network.Join(memory.Config{
			Node: n.ID, Cluster: n.Cluster, Addr: n.Addr,
		}, trace.Inbox(inbox, show))
		if err != nil {
			return nil, "", err
		}
		return trace.Transport(transport, show), n.Addr, nil
	}
	transporttest.Suite{Open: open}.Run(t)
	if shown.Load() == 0 {
		t.Error("nothing was shown")
	}
}

// fake is a transport and an inbox with room for one message.
type fake struct{ calls []string }

func (f *fake) Send(to core.Addr, msgs []core.Message) {
	f.calls = append(f.calls, fmt.Sprint("send ", to, " ", len(msgs)))
}
func (f *fake) Close() error { return core.ErrClosed }
func (f *fake) Deliver(msgs []core.Message) int {
	f.calls = append(f.calls, fmt.Sprint("deliver ", len(msgs)))
	return 1
}
func (f *fake) Unreachable(to core.Addr) { f.calls = append(f.calls, fmt.Sprint("lost ", to)) }

func TestEveryMessageIsShownAndPassedOn(t *testing.T) {
	var f fake
	var shown []string
	show := func(d trace.Direction, addr core.Addr, m core.Message) {
		shown = append(shown, fmt.Sprintf("%s %q %d", d, addr, m.Token))
	}
	msgs := []core.Message{{Token: 1}, {Token: 2}}
	transport, inbox := trace.Transport(&f, show), trace.Inbox(&f, show)
	transport.Send("b", msgs)
	if n := inbox.Deliver(msgs); n != 1 {
		t.Errorf("Deliver returned %d, want 1", n)
	}
	inbox.Unreachable("c")
	if err := transport.Close(); err != core.ErrClosed {
		t.Errorf("Close returned %v", err)
	}
	want := []string{
		`sent "b" 1`, `sent "b" 2`, `received "" 1`, `received "" 2`, `refused "" 2`,
		`unreachable "c" 0`,
	}
	if !reflect.DeepEqual(shown, want) {
		t.Errorf("shown %q, want %q", shown, want)
	}
	if want := []string{"send b 2", "deliver 2", "lost c"}; !reflect.DeepEqual(f.calls, want) {
		t.Errorf("passed on %q, want %q", f.calls, want)
	}
}

// knowing is a fake that is a core.Diagnoser.
type knowing struct{ fake }

func (*knowing) Troubles() []core.Trouble { return []core.Trouble{{Node: 2, Error: "refused"}} }

func TestATracedDiagnoserIsOne(t *testing.T) {
	show := func(trace.Direction, core.Addr, core.Message) {}
	d, ok := trace.Transport(&knowing{}, show).(core.Diagnoser)
	if !ok || len(d.Troubles()) != 1 || d.Troubles()[0].Error != "refused" {
		t.Errorf("got %v", d)
	}
	if _, ok := trace.Transport(&fake{}, show).(core.Diagnoser); ok {
		t.Error("what knows no troubles is asked for them")
	}
}

func TestLogIsSilentAboveDebug(t *testing.T) {
	var out bytes.Buffer
	show := trace.Log(slog.New(slog.NewTextHandler(&out, nil)))
	show(trace.Sent, "b", core.Message{Kind: core.MsgVote})
	if strings.Contains(out.String(), "rpc") {
		t.Errorf("logged %s", out.String())
	}
}

func ExampleLog() {
	handler := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})
	show := trace.Log(slog.New(handler))
	show(trace.Sent, "b:9002", core.Message{Kind: core.MsgVote, Group: 1, From: 1, To: 2, Term: 3})
	show(trace.Unreachable, "b:9002", core.Message{})
	// Output:
	// level=DEBUG msg="rpc sent" addr=b:9002 message="1->2 RequestVote group=1 term=3"
	// level=DEBUG msg="rpc unreachable" addr=b:9002
}
