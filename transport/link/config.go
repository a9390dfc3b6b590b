package link

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/codec"
	"github.com/tidelock-raft/tidelock/transport/secure"
)

// Config says who a node is and what bounds its network. Node, Cluster and one of Listen and
// Listener are required; any other zero field means its default.
type Config struct {
	Node    core.NodeID
	Cluster core.ClusterID
	Listen  string       // host:port; port 0 lets the system choose
	Limits  codec.Limits // the same at all nodes
	TLS     secure.Files // none: a peer is who it says
	Version uint16       // of the protocol; default Version
	Seed    uint64       // of the jitter of back-offs
	Logger  *slog.Logger // default: none

	QueueMessages int // for each peer and queue; default 16384
	QueueBytes    int // for each peer and queue; default 32 MiB
	MaxPeers      int // that are sent to; messages to more are dropped; default 1024
	MaxInbound    int // connections; more are closed at once; default 1024
	MaxPending    int // of these, ones without a finished handshake; default 128

	HandshakeTimeout time.Duration // to connect and be accepted; default 5 s
	WriteTimeout     time.Duration // for one batch (about 256 KiB) to leave; default 10 s
	IdleTimeout      time.Duration // without a sign of life; a third of it between signs; default 15 s
	ExpireAfter      time.Duration // an unused connection is closed; default 5 min
	RetryMin         time.Duration // first back-off after a failure; default 20 ms
	RetryMax         time.Duration // it doubles up to this; default 1 s

	// Listener replaces Listen; the transport closes it.
	Listener net.Listener
	// Dial replaces a plain TCP connection; TLS is put on top of it.
	Dial func(ctx context.Context, addr string) (net.Conn, error)
	// Verify, if set, is asked on both sides whether the connection may speak for this node. With
	// TLS the certificate is asked beforehand.
	Verify func(conn net.Conn, node core.NodeID) error
}

// Validate reports the first field that makes no sense.
func (c Config) Validate() error {
	switch {
	case c.Node == 0:
		return errors.New("Config.Node is zero")
	case c.Cluster == 0:
		return errors.New("Config.Cluster is zero")
	case c.Listen == "" && c.Listener == nil:
		return errors.New("Config.Listen is empty")
	case min(c.QueueMessages, c.QueueBytes, c.MaxPeers, c.MaxInbound, c.MaxPending) < 0:
		return errors.New("a bound in Config is negative")
	case min(c.HandshakeTimeout, c.WriteTimeout, c.IdleTimeout, c.ExpireAfter, c.RetryMin,
		c.RetryMax) < 0:
		return errors.New("a time in Config is negative")
	}
	return nil
}

func (c Config) orDefaults() Config {
	c.QueueMessages = cmp.Or(c.QueueMessages, 16384)
	c.QueueBytes = cmp.Or(c.QueueBytes, 32<<20)
	c.MaxPeers = cmp.Or(c.MaxPeers, 1024)
	c.MaxInbound = cmp.Or(c.MaxInbound, 1024)
	c.MaxPending = cmp.Or(c.MaxPending, 128)
	c.HandshakeTimeout = cmp.Or(c.HandshakeTimeout, 5*time.Second)
	c.WriteTimeout = cmp.Or(c.WriteTimeout, 10*time.Second)
	c.IdleTimeout = cmp.Or(c.IdleTimeout, 15*time.Second)
	c.ExpireAfter = cmp.Or(c.ExpireAfter, 5*time.Minute)
	c.RetryMin = cmp.Or(c.RetryMin, 20*time.Millisecond)
	c.RetryMax = max(cmp.Or(c.RetryMax, time.Second), c.RetryMin)
	c.Limits = c.Limits.OrDefaults()
	c.Version = cmp.Or(c.Version, Version)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Dial == nil {
		c.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		}
	}
	return c
}
