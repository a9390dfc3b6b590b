package link

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/plugins"
)

// picky is a session that takes nothing.
type picky struct{}

func (picky) Add(*core.Message) error { return errors.New("no") }
func (picky) Size() int               { return 0 }
func (picky) Flush() error            { return nil }
func (picky) Watch() error            { return nil }
func (picky) Close() error            { return nil }

func TestRefusedMessagesAreNotHeld(t *testing.T) {
	transport := &Transport{config: Config{Node: 1, QueueMessages: 10, QueueBytes: 1 << 20,
		Logger: slog.New(slog.DiscardHandler)}}
	p := newPeer(transport, Target{Node: 2})
	p.queue.put([]core.Message{{From: 1, Data: []byte("x")}, {From: 3, Data: []byte("x")}})
	if err := p.sendBatch(picky{}); err != nil || len(p.taken) != 2 {
		t.Fatalf("took %d messages, %v", len(p.taken), err)
	}
	for _, m := range p.taken {
		if m.Data != nil {
			t.Errorf("%v is held", m)
		}
	}
}

func init() {
	open := func(Config, core.Inbox) (*Transport, error) { return nil, errors.New("opened") }
	plugins.RegisterTransport("optional", Plugin(open))
}

func TestOptionsBoundSomething(t *testing.T) {
	for name, bad := range map[string][]string{
		"queue-messages": {"0", "-1"}, "queue-bytes": {"0"}, "max-inbound": {"0", "-5"},
		"handshake-timeout": {"0s"}, "write-timeout": {"-1s"}, "idle-timeout": {"0s"},
		"retry-min": {"0s"}, "retry-max": {"-1ms"},
	} {
		for _, value := range bad {
			_, err := plugins.OpenTransport("optional", plugins.Env{}, map[string]string{name: value})
			if !errors.Is(err, plugins.ErrOption) {
				t.Errorf("%s: got %v, want %v", fmt.Sprint(name, "=", value), err, plugins.ErrOption)
			}
		}
	}
}
