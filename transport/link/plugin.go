package link

import (
	"fmt"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/plugins"
	"github.com/tidelock-raft/tidelock/transport/secure"
)

// Options are what can be set by name for every transport of this kind; the rest of Config comes
// from the node.
type Options struct {
	TLSCert string `option:"tls.cert" help:"file with this node's certificate, for node-ID"`
	TLSKey  string `option:"tls.key" help:"file with its private key"`
	TLSCA   string `option:"tls.ca" help:"file with the authorities that sign for nodes"`

	QueueMessages    int           `help:"messages waiting for a peer, each queue" default:"16384"`
	QueueBytes       plugins.Bytes `help:"bytes waiting for a peer, each queue" default:"32MiB"`
	MaxInbound       int           `help:"connections accepted" default:"1024"`
	HandshakeTimeout time.Duration `help:"to connect and be accepted" default:"5s"`
	WriteTimeout     time.Duration `help:"for one batch to leave" default:"10s"`
	IdleTimeout      time.Duration `help:"without a sign of life from a peer" default:"15s"`
	RetryMin         time.Duration `help:"first pause after a failed connection" default:"20ms"`
	RetryMax         time.Duration `help:"longest pause between connections" default:"1s"`
}

func (o Options) files() secure.Files {
	return secure.Files{Cert: o.TLSCert, Key: o.TLSKey, CA: o.TLSCA}
}

// Validate reads the files of TLS, if any is named. What bounds something is positive: a zero would
// be taken for the default.
func (o Options) Validate() error {
	if n := min(int64(o.QueueMessages), int64(o.QueueBytes), int64(o.MaxInbound)); n < 1 {
		return fmt.Errorf("a bound is %d, want at least 1", n)
	}
	if d := min(o.HandshakeTimeout, o.WriteTimeout, o.IdleTimeout, o.RetryMin, o.RetryMax); d <= 0 {
		return fmt.Errorf("a time is %v, want more", d)
	}
	return o.files().Validate()
}

// Plugin makes what plugins.RegisterTransport wants of a transport's Open.
func Plugin(
	open func(Config, core.Inbox) (*Transport, error),
) func(plugins.Env, Options) (core.Transport, error) {
	return func(e plugins.Env, o Options) (core.Transport, error) {
		return open(Config{
			Node: e.Node, Cluster: e.Cluster, Listen: string(e.Listen), Seed: e.Seed, Logger: e.Log,
			TLS:           o.files(),
			QueueMessages: o.QueueMessages, QueueBytes: int(o.QueueBytes), MaxInbound: o.MaxInbound,
			HandshakeTimeout: o.HandshakeTimeout, WriteTimeout: o.WriteTimeout,
			IdleTimeout: o.IdleTimeout, RetryMin: o.RetryMin, RetryMax: o.RetryMax,
		}, e.Inbox)
	}
}
