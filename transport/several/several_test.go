package several_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/grpc"
	"github.com/tidelock-raft/tidelock/transport/link"
	"github.com/tidelock-raft/tidelock/transport/memory"
	"github.com/tidelock-raft/tidelock/transport/several"
	"github.com/tidelock-raft/tidelock/transport/tcp"
	"github.com/tidelock-raft/tidelock/transport/transporttest"
)

// nothing is a log that keeps nothing.
func nothing() *slog.Logger { return slog.New(slog.DiscardHandler) }

// TestConformance runs the suite over each of two transports that run together: by name, and
// without, which is the first.
func TestConformance(t *testing.T) {
	for _, prefix := range []string{"", "grpc://"} {
		t.Run("address "+prefix, func(t *testing.T) {
			transporttest.Suite{Open: both(prefix)}.Run(t)
		})
	}
}

// both opens tcp and grpc for a node that is found at an address with this prefix.
func both(prefix string) transporttest.Open {
	return func(n transporttest.Node, inbox core.Inbox) (core.Transport, core.Addr, error) {
		_, again := n.Addr.Split()
		var found core.Addr
		part := func(
			name string, open func(link.Config, core.Inbox) (*link.Transport, error),
		) several.Part {
			meant := strings.TrimSuffix(prefix, "://") == name || prefix == "" && name == "tcp"
			return several.Part{Name: name, Open: func(inbox core.Inbox) (core.Transport, error) {
				c := link.Config{Node: n.ID, Cluster: n.Cluster, Listen: "127.0.0.1:0"}
				if meant && again != "" {
					c.Listen = string(again)
				}
				opened, err := open(c, inbox)
				if err == nil && meant {
					found = core.Addr(prefix) + opened.Addr()
				}
				return opened, err
			}}
		}
		parts := []several.Part{part("tcp", tcp.Open), part("grpc", grpc.Open)}
		t, err := several.Open(parts, inbox, nothing())
		if err != nil {
			return nil, "", err
		}
		return t, found, nil
	}
}

// part is a transport that notes what it is asked to do.
type part struct {
	inbox    core.Inbox
	sent     []string
	troubles []core.Trouble
	closed   int
	fails    error // of Close
}

func (p *part) Send(to core.Addr, msgs []core.Message) {
	p.sent = append(p.sent, fmt.Sprintf("%d at %s", msgs[0].To, to))
}
func (p *part) Troubles() []core.Trouble { return p.troubles }

func (p *part) Close() error {
	if p.closed++; p.closed > 1 {
		return core.ErrClosed
	}
	return p.fails
}

func (p *part) open(inbox core.Inbox) (core.Transport, error) {
	p.inbox = inbox
	return p, nil
}

// box notes what arrives.
type box struct {
	got  int
	lost []core.Addr
}

func (b *box) Deliver(msgs []core.Message) int { b.got += len(msgs); return len(msgs) - 1 }

func (b *box) Unreachable(to core.Addr) { b.lost = append(b.lost, to) }

// pair opens two parts, named a and b.
func pair(t *testing.T, log *slog.Logger) (*several.Transport, *part, *part, *box) {
	t.Helper()
	a, b, in := new(part), new(part), new(box)
	open, err := several.Open([]several.Part{{Name: "a", Open: a.open}, {Name: "b", Open: b.open}},
		in, log)
	if err != nil {
		t.Fatal(err)
	}
	return open, a, b, in
}

func TestAddressNamesTheTransport(t *testing.T) {
	for to, want := range map[core.Addr]struct{ a, b, lost string }{
		"h:1": {a: "[2 at h:1]"}, "a://h:1": {a: "[2 at h:1]"}, "b://h:1": {b: "[2 at h:1]"},
		"": {a: "[2 at ]"}, "://h:1": {a: "[2 at ://h:1]"}, "b://c://h": {b: "[2 at c://h]"},
		"c://h:1": {lost: "[c://h:1]"}, "A://h:1": {lost: "[A://h:1]"},
	} {
		both, a, b, in := pair(t, nothing())
		both.Send(to, []core.Message{{To: 2}})
		both.Send(to, nil)
		none := func(text string) string { return strings.ReplaceAll(text, "[]", "") }
		got := struct{ a, b, lost string }{
			none(fmt.Sprint(a.sent)), none(fmt.Sprint(b.sent)), none(fmt.Sprint(in.lost)),
		}
		if got != want {
			t.Errorf("%q: got %+v, want %+v", to, got, want)
		}
	}
}

// TestUnreachableHasEveryNameOfThePlace, because what was sent to may have any of them.
func TestUnreachableHasEveryNameOfThePlace(t *testing.T) {
	_, a, b, in := pair(t, nothing())
	a.inbox.Unreachable("h:1")
	b.inbox.Unreachable("h:2")
	if want := []core.Addr{"a://h:1", "h:1", "b://h:2"}; !slices.Equal(in.lost, want) {
		t.Errorf("got %v, want %v", in.lost, want)
	}
	if n := b.inbox.Deliver(make([]core.Message, 3)); n != 2 || in.got != 3 {
		t.Errorf("of 3 messages %d arrived, and %d found room", in.got, n)
	}
}

func TestTroublesAreThoseOfTheTransportInUse(t *testing.T) {
	var log bytes.Buffer
	both, a, b, _ := pair(t, slog.New(slog.NewTextHandler(&log, nil)))
	a.troubles = []core.Trouble{{Node: 2, Error: "old"}, {Node: 3, Error: "real"}, {Node: 9}}
	b.troubles = []core.Trouble{{Node: 3, Error: "unused"}}
	for range 2 {
		both.Send("b://h:2", []core.Message{{To: 2}})
		both.Send("h:3", []core.Message{{To: 3}})
		both.Send("c://h:4", []core.Message{{To: 4}})
	}
	want := []core.Trouble{{Node: 3, Error: "real"}, {Node: 9}, {Node: 4, Error: "transport c does " +
		"not run on this node, and the address is c://h:4; there are: a, b"}}
	if got := both.Troubles(); !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if n := strings.Count(log.String(), "peer lost"); n != 1 {
		t.Errorf("logged %d times, want once: %s", n, log.String())
	}
	both.Send("a://h:4", []core.Message{{To: 4}})
	if got := both.Troubles(); len(got) != 2 {
		t.Errorf("got %+v, want none of node 4", got)
	}
}

// TestWhatIsRememberedIsBounded: addresses of so many nodes do not stay.
func TestWhatIsRememberedIsBounded(t *testing.T) {
	both, _, _, _ := pair(t, nothing())
	for id := range core.NodeID(5000) {
		both.Send("c://h:1", []core.Message{{To: id}})
	}
	if n := len(both.Troubles()); n > 1024 {
		t.Errorf("%d addresses are remembered", n)
	}
}

func TestCloseClosesAll(t *testing.T) {
	both, a, b, in := pair(t, nothing())
	a.fails = io.ErrUnexpectedEOF
	if err := both.Close(); !errors.Is(err, io.ErrUnexpectedEOF) || a.closed+b.closed != 2 {
		t.Errorf("got %v; %d of 2 were closed", err, a.closed+b.closed)
	}
	if err := both.Close(); err != core.ErrClosed {
		t.Errorf("got %v, want %v", err, core.ErrClosed)
	}
	if both.Send("c://h:1", []core.Message{{To: 2}}); len(in.lost) > 0 {
		t.Errorf("after Close it told of %v", in.lost)
	}
}

// gate is an inbox that is slow to be told.
type gate struct {
	core.Inbox
	entered, leave chan struct{}
}

func (g *gate) Unreachable(core.Addr) {
	close(g.entered)
	<-g.leave
}

// TestCloseWaitsForASendThatTells, as after it no method of an inbox runs.
func TestCloseWaitsForASendThatTells(t *testing.T) {
	in := &gate{entered: make(chan struct{}), leave: make(chan struct{})}
	one, err := several.Open([]several.Part{{Name: "a", Open: new(part).open}}, in, nothing())
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan error)
	go one.Send("c://h:1", []core.Message{{To: 2}})
	<-in.entered
	go func() { closed <- one.Close() }()
	select {
	case <-closed:
		t.Fatal("it was closed while an inbox was being told")
	case <-time.After(50 * time.Millisecond): // time for a mistake to show
	}
	close(in.leave)
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

func TestOpenIsForAllOrNone(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	taken := listener.Addr().String()
	defer listener.Close()
	busy := func(in core.Inbox) (core.Transport, error) {
		t, err := tcp.Open(link.Config{Node: 1, Cluster: 1, Listen: taken}, in)
		return t, err
	}
	for want, parts := range map[string][]several.Part{
		"several: no transport is given":           {},
		"several: transport a is given twice":      {{Name: "a"}, {Name: "a"}},
		"tcp: listen on " + taken + ": listen tcp": {{Name: "a"}, {Name: "b", Open: busy}},
	} {
		first := new(part)
		if len(parts) > 0 {
			parts[0].Open = first.open
		}
		_, err := several.Open(parts, new(box), nothing())
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
		if len(parts) > 0 && first.closed != 1 {
			t.Errorf("%s: the first was closed %d times", want, first.closed)
		}
	}
}

// Example has a node that is found over two networks.
func Example() {
	join := func(node core.NodeID, network *memory.Network) func(core.Inbox) (core.Transport, error) {
		return func(inbox core.Inbox) (core.Transport, error) {
			c := memory.Config{Node: node, Cluster: 1, Addr: core.Addr(fmt.Sprint("node", node))}
			return network.Join(c, inbox)
		}
	}
	copper, glass := memory.NewNetwork(), memory.NewNetwork()
	heard := make(post)
	from, err := several.Open([]several.Part{
		{Name: "copper", Open: join(1, copper)}, {Name: "glass", Open: join(1, glass)},
	}, make(post), nothing())
	if err != nil {
		panic(err)
	}
	defer from.Close()
	to, err := join(2, glass)(heard)
	if err != nil {
		panic(err)
	}
	defer to.Close()
	from.Send("glass://node2", []core.Message{{Kind: core.MsgVote, From: 1, To: 2, Term: 7}})
	fmt.Println("term", <-heard)
	// Output: term 7
}

// post hands the terms of what arrives over.
type post chan core.Term

func (p post) Deliver(msgs []core.Message) int {
	for i := range msgs {
		p <- msgs[i].Term
	}
	return len(msgs)
}
func (p post) Unreachable(core.Addr) {}
