package native

import (
	"cmp"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/api/wire"
)

// Defaults of a Config.
const (
	DefaultMaxConns         = 1024
	DefaultMaxInFlight      = 1024
	DefaultMaxRequestBytes  = 1 << 20
	DefaultMaxReplyBytes    = 16 << 20
	DefaultMaxPendingBytes  = 64 << 20
	DefaultHandshakeTimeout = 5 * time.Second
	DefaultStallTimeout     = 10 * time.Second
	DefaultGrace            = 5 * time.Second
)

// Config says where a Server listens and how much it takes. The zero value of a field means its
// default.
type Config struct {
	// Listen is the address, host:port; default 127.0.0.1:0, a free port of loopback.
	Listen string
	// APIAddr tells clients the API address of a node; empty: unknown. Nil: never known. It is
	// called for every reply, from several goroutines, and does not block.
	APIAddr func(core.NodeID) string
	// MaxConns bounds the connections, those in their handshake included; default 1024.
	MaxConns int
	// MaxInFlight bounds the requests of a connection that have been read and whose replies have
	// not been written; beyond, nothing is read from it. Default 1024.
	MaxInFlight int
	// MaxRequestBytes bounds the data of a request; default 1 MiB, at most wire.MaxDataBytes.
	MaxRequestBytes int
	// MaxReplyBytes bounds the value of a reply; default 16 MiB, at most wire.MaxDataBytes.
	MaxReplyBytes int
	// MaxPendingBytes bounds the replies waiting to be written to a connection; one that needs
	// more is closed. Default 64 MiB.
	MaxPendingBytes int
	// HandshakeTimeout bounds the handshake; default 5 s.
	HandshakeTimeout time.Duration
	// StallTimeout bounds writing a batch of replies, and waiting for the rest of a request that
	// has begun to arrive; default 10 s.
	StallTimeout time.Duration
	// Grace bounds how long Close waits for requests in flight; default 5 s.
	Grace time.Duration
	// Logger is told about connections that break the protocol; default: nobody.
	Logger *slog.Logger
	// Open makes the listener; default net.Listen. The place for TLS.
	Open func(network, address string) (net.Listener, error)
}

func (c Config) withDefaults() (Config, error) {
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	if c.APIAddr == nil {
		c.APIAddr = func(core.NodeID) string { return "" }
	}
	c.MaxConns = cmp.Or(max(c.MaxConns, 0), DefaultMaxConns)
	c.MaxInFlight = cmp.Or(max(c.MaxInFlight, 0), DefaultMaxInFlight)
	c.MaxRequestBytes = cmp.Or(max(c.MaxRequestBytes, 0), DefaultMaxRequestBytes)
	c.MaxReplyBytes = cmp.Or(max(c.MaxReplyBytes, 0), DefaultMaxReplyBytes)
	c.MaxPendingBytes = cmp.Or(max(c.MaxPendingBytes, 0), DefaultMaxPendingBytes)
	c.HandshakeTimeout = cmp.Or(max(c.HandshakeTimeout, 0), DefaultHandshakeTimeout)
	c.StallTimeout = cmp.Or(max(c.StallTimeout, 0), DefaultStallTimeout)
	c.Grace = cmp.Or(max(c.Grace, 0), DefaultGrace)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Open == nil {
		c.Open = net.Listen
	}
	if n := max(c.MaxRequestBytes, c.MaxReplyBytes); n > wire.MaxDataBytes {
		return c, fmt.Errorf("native: limit of %d bytes, at most %d", n, wire.MaxDataBytes)
	}
	return c, nil
}
