package client

import (
	"cmp"
	"context"
	"errors"
	"net"
	"time"

	"github.com/tidelock-raft/tidelock/core"
)

// Defaults and limits of a Config.
const (
	DefaultTimeout        = 5 * time.Second
	DefaultAttemptTimeout = time.Second
	DefaultDialTimeout    = time.Second
	DefaultMaxPending     = 16384
	MaxEndpoints          = 64 // configured and learned from hints, of which the oldest give way
)

// Config says whom a Client talks to and how long it tries. The zero value of a field means its
// default.
type Config struct {
	// Endpoints are API addresses, host:port, of some nodes; one is enough to find the leader.
	Endpoints []string
	// Cluster, if set, refuses endpoints that belong to another cluster.
	Cluster core.ClusterID
	// Timeout bounds a request whose context has no deadline; default 5 s.
	Timeout time.Duration
	// AttemptTimeout is how long a query or a command in a session waits at one endpoint before
	// another is asked; default 1 s. Other commands wait until their deadline, because asking twice
	// could carry them out twice.
	AttemptTimeout time.Duration
	// NoSession sends commands without a session: one less entry for the log, and a command that is
	// not answered is not asked for again. In a session up to 32 bytes of what a server takes as a
	// request's data are the session's.
	NoSession bool
	// DialTimeout bounds making a connection, handshake included; default 1 s.
	DialTimeout time.Duration
	// MaxPending bounds the requests of Go that are not answered yet; default 16384.
	MaxPending int
	// Seed spreads clients over endpoints and their retries over time; default: drawn at random.
	Seed uint64
	// Dial makes a connection; default: TCP. The place for TLS.
	Dial func(ctx context.Context, address string) (net.Conn, error)
}

// Request is what a Client asks of the cluster.
type Request struct {
	Group  core.GroupID     // zero: core.DefaultGroup
	Kind   core.RequestKind // zero: core.RequestCommand
	Level  core.ReadLevel   // for queries; zero: core.Linearizable
	Data   []byte           // in the machine's encoding; not changed until the outcome is told
	Target string           // ask this endpoint and no other; empty: whoever can answer
	// AtLeast has a query wait for a node that has applied the entry there: with the Index of a reply
	// to a command, for one that shows what it did, at any level.
	AtLeast  core.Index
	MaxStale time.Duration // of a query at level core.Bounded
	Local    bool          // the node asked answers by itself or refuses, without forwarding
}

// Reply is the answer to a Request. It is also filled, but for Value, beside a *core.Failure.
type Reply struct {
	Value    []byte      // the machine's answer, in its own encoding; the caller's to keep
	Index    core.Index  // of the command's entry, or the applied index that the query saw
	Leader   core.NodeID // as known to the node that answered; zero: unknown
	Endpoint string      // who answered
	Node     core.NodeID // who answered
}

func (c Config) withDefaults() (Config, error) {
	if len(c.Endpoints) == 0 {
		return c, errors.New("client: no endpoint given")
	}
	if len(c.Endpoints) > MaxEndpoints {
		return c, errors.New("client: too many endpoints")
	}
	c.Timeout = cmp.Or(max(c.Timeout, 0), DefaultTimeout)
	c.AttemptTimeout = cmp.Or(max(c.AttemptTimeout, 0), DefaultAttemptTimeout)
	c.DialTimeout = cmp.Or(max(c.DialTimeout, 0), DefaultDialTimeout)
	c.MaxPending = cmp.Or(max(c.MaxPending, 0), DefaultMaxPending)
	if c.Dial == nil {
		c.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, "tcp", address)
		}
	}
	return c, nil
}
