package link_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/link"
)

// told is an inbox that says when an address cannot be reached, or a message has come.
type told struct{ lost, came chan struct{} }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (i told) Deliver(msgs []core.Message) int { signal(i.came); return len(msgs) }
func (i told) Unreachable(core.Addr)           { signal(i.lost) }

// TestTroublesAreThoseThatLast names a stranger until a peer has its address.
func TestTroublesAreThoseThatLast(t *testing.T) {
	inbox := told{make(chan struct{}, 1), make(chan struct{}, 1)}
	stranger, err := openLines(link.Config{Node: 2, Cluster: 8, Listen: "127.0.0.1:0"}, inbox)
	if err != nil {
		t.Fatal(err)
	}
	at := stranger.Addr()
	a, err := openLines(link.Config{Node: 1, Cluster: 7, Listen: "127.0.0.1:0"}, inbox)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if got := a.Troubles(); len(got) > 0 {
		t.Errorf("got %v", got)
	}
	message := []core.Message{{Kind: core.MsgTimeoutNow, Group: 1, From: 1, To: 2, Term: 3}}
	wait := func(what string, c chan struct{}, want string) {
		t.Helper()
		for deadline := time.After(20 * time.Second); ; {
			a.Send(at, message)
			select {
			case <-c:
				text := ""
				if got := a.Troubles(); len(got) == 1 && got[0].Node == 2 {
					text = got[0].Error
				}
				if (want == "") == (text == "") && strings.Contains(text, want) {
					return
				}
			case <-time.After(10 * time.Millisecond):
			case <-deadline:
				t.Fatalf("%s: troubles are %v, want %q", what, a.Troubles(), want)
			}
		}
	}
	wait("a stranger", inbox.lost, "another cluster")
	if err := stranger.Close(); err != nil {
		t.Fatal(err)
	}
	wait("nobody", inbox.lost, "refused")
	b, err := openLines(link.Config{Node: 2, Cluster: 7, Listen: string(at)}, inbox)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	wait("a peer", inbox.came, "")
}
