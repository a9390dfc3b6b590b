// Package linktest checks what package link promises, whatever the protocol on top of it is: the
// conformance suite with TLS and without, who is refused, and what strangers and silent networks
// cost. A transport's test is one call of Run.
package linktest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/link"
	"github.com/tidelock-raft/tidelock/transport/secure"
	"github.com/tidelock-raft/tidelock/transport/secure/securetest"
	"github.com/tidelock-raft/tidelock/transport/transporttest"
)

// Open is a transport's.
type Open func(link.Config, core.Inbox) (*link.Transport, error)

// patience is how long to wait for what must happen.
const patience = 30 * time.Second

// Run runs everything as subtests.
func Run(t *testing.T, open Open) {
	t.Run("Conformance", func(t *testing.T) {
		transporttest.Suite{Open: suited(open, link.Config{}, nil)}.Run(t)
	})
	t.Run("ConformanceTLS", func(t *testing.T) {
		transporttest.Suite{Open: suited(open, link.Config{}, authority(t))}.Run(t)
	})
	t.Run("HalfOpen", func(t *testing.T) {
		quick := link.Config{IdleTimeout: 3 * time.Second, WriteTimeout: 3 * time.Second}
		suite := transporttest.Suite{Open: suited(open, quick, nil), Patience: patience}
		for _, c := range transporttest.RelayChecks() {
			if err := suite.Verify(c); err != nil {
				t.Error(err)
			}
		}
	})
	for name, check := range map[string]func(*testing.T, Open){
		"VersionMismatchIsToldOnBothSides":   versionMismatch,
		"StrangersAreRefusedBeforeTheySpeak": strangers,
		"ImpostorsAreRefused":                impostors,
		"ServerOfAnotherNodeIsRefused":       wrongServer,
		"NewCertificatesAreUsed":             reload,
		"SilentStrangersAreBounded":          silentStrangers,
		"DeafPeerIsGivenUp":                  deafPeer,
		"FrozenSenderIsGivenUp":              frozenSender,
		"QuietConnectionLives":               quietConnection,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, open)
		})
	}
}

// suited makes a suite's Open of a transport's. With an authority, each node has a certificate.
func suited(open Open, c link.Config, a *securetest.Authority) transporttest.Open {
	return func(n transporttest.Node, inbox core.Inbox) (core.Transport, core.Addr, error) {
		c := c
		c.Node, c.Cluster, c.Listen = n.ID, n.Cluster, "127.0.0.1:0"
		if n.Addr != "" {
			c.Listen = string(n.Addr)
		}
		var err error
		if a != nil {
			if c.TLS, err = a.Node(n.ID); err != nil {
				return nil, "", err
			}
		}
		transport, err := open(c, inbox)
		// A port that was free a moment ago may be some other program's for a while.
		for deadline := time.Now().Add(patience); errors.Is(err, syscall.EADDRINUSE) &&
			time.Now().Before(deadline); transport, err = open(c, inbox) {
			<-time.After(20 * time.Millisecond)
		}
		if err != nil {
			return nil, "", err
		}
		return transport, transport.Addr(), nil
	}
}

func authority(t *testing.T) *securetest.Authority {
	t.Helper()
	a, err := securetest.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// node is an open transport with its inbox and its log.
type node struct {
	*link.Transport
	mu          sync.Mutex
	msgs        []core.Message
	unreachable int
	log         bytes.Buffer
}

// start opens a node of cluster 7 that ends with the test.
func start(t *testing.T, open Open, c link.Config) *node {
	t.Helper()
	n := new(node)
	c.Cluster, c.Listen, c.Logger = 7, "127.0.0.1:0", slog.New(slog.NewTextHandler(n, nil))
	var err error
	if n.Transport, err = open(c, n); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Transport.Close() })
	return n
}

// Deliver implements core.Inbox.
func (n *node) Deliver(msgs []core.Message) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.msgs = append(n.msgs, msgs...)
	return len(msgs)
}

// Unreachable implements core.Inbox.
func (n *node) Unreachable(core.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.unreachable++
}

// Write takes the log.
func (n *node) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.log.Write(p)
}

// count returns how much has happened.
func (n *node) count() (delivered, unreachable int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.msgs), n.unreachable
}

// silent reports that nothing has been delivered.
func (n *node) silent(t *testing.T) {
	t.Helper()
	if got, _ := n.count(); got > 0 {
		t.Errorf("%d messages were delivered", got)
	}
}

// say sends a message to another node, again and again until cond holds.
func (n *node) say(t *testing.T, to link.Target, what string, cond func() bool) {
	t.Helper()
	m := core.Message{
		Kind: core.MsgAppend, Group: 1, From: n.Config().Node, To: to.Node, Term: 1,
	}
	await(t, what, func() bool {
		n.Send(to.Addr, []core.Message{m})
		return cond()
	})
}

// target is where a node is.
func (n *node) target() link.Target { return link.Target{Addr: n.Addr(), Node: n.Config().Node} }

// logged waits until the node's log has all the texts.
func (n *node) logged(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		await(t, fmt.Sprintf("%q is logged", text), func() bool {
			n.mu.Lock()
			defer n.mu.Unlock()
			return bytes.Contains(n.log.Bytes(), []byte(text))
		})
	}
	if t.Failed() {
		n.mu.Lock()
		defer n.mu.Unlock()
		t.Logf("node %d logged:\n%s", n.Config().Node, n.log.String())
	}
}

func await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !cond(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("waited %v in vain until %s", patience, what)
			return
		}
	}
}

// ended waits until the other side closes a connection, and returns what it said before.
func ended(t *testing.T, conn net.Conn) []byte {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(conn)
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		t.Error("the connection lives on")
	}
	return said
}

func dial(t *testing.T, to core.Addr) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", string(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func must(t *testing.T) func(secure.Files, error) secure.Files {
	return func(f secure.Files, err error) secure.Files {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
}
