// Package server assembles a node from plugins and runs it: what the node command does once its
// flags are read.
//
// Run checks the configuration, takes the data directory, opens store, machine and transport by
// name, connects them with core/node, and serves clients until its context ends.
package server

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/raft"
)

// Choice is a plugin by name, and its options.
type Choice struct {
	Name    string
	Options map[string]string
}

// Config says what node to run. Only ID is required; the zero value of any other field means its
// default.
type Config struct {
	ID      core.NodeID
	Peers   []Peer // the other members, of a new cluster or of one to join; default none
	Join    bool   // Peers are running: wait to be added to them, if there are no data yet
	Cluster string // default tidelock; nodes of differently named clusters do not hear each other
	Dir     string // of all that is kept; default data/node<id>

	Bind      string // host to listen on; default 127.0.0.1
	BasePort  int    // peers are listened for on this port plus the id; default 9000
	Listen    string // for peers: host:port, a list for several transports; default Bind, BasePort
	Advertise string // where peers find this node; default the first of Listen
	APIListen string // where to listen for clients, host:port; default Bind and 8100 plus the id

	APIConnections int // of clients, at most; default 16384, or 3/4 of the files that may be open

	Transports []Choice // default tcp; an address that names none is the first's
	Store      Choice   // default wal
	Machine    Choice   // default lua

	Seed            uint64        // of what is random; default drawn
	Tick            time.Duration // the unit of the next two; default 10ms
	Heartbeat       time.Duration // between a leader's signs of life; default 100ms
	Election        time.Duration // shortest time without one before an election; default 500ms
	Priority        int           // who had better lead; default 0, first
	ClockDrift      int           // promised bound of clocks, in millionths; default none, no leases
	SnapshotEntries int           // between snapshots; default core/engine's
	SnapshotBytes   int64         // between snapshots; default core/engine's
	TraceRPC        bool          // log every message between nodes
	Procs           int           // threads that run Go code; default the runtime's choice

	Log     *slog.Logger // default none
	Version string       // shown by status
	Clock   core.Clock   // default the system's

	listen []core.Addr // where each of Transports listens; made of Listen
}

// Defaults of a Config.
const (
	DefaultCluster   = "tidelock"
	DefaultBind      = "127.0.0.1"
	DefaultBasePort  = 9000
	DefaultAPIPort   = 8100
	DefaultTransport = "tcp"
	DefaultStore     = "wal"
	DefaultMachine   = "lua"
	DefaultTick      = 10 * time.Millisecond
	DefaultHeartbeat = 100 * time.Millisecond
	DefaultElection  = 500 * time.Millisecond

	DefaultAPIConnections = 16_384
)

// maxAPIConnections bounds what may be asked for.
const maxAPIConnections = 1 << 20

// maxClockDrift is what no clock exceeds that lease reads could rely on, in millionths.
const maxClockDrift = 100_000

// MaxClusterName bounds the name of a cluster, in bytes.
const MaxClusterName = 64

// complete fills in the defaults and checks the whole. Errors are exit.ErrUsage.
func (c Config) complete() (Config, error) {
	if c.ID == 0 {
		return c, exit.Usagef("--id is missing: say which node this is, from 1 on")
	}
	c.Cluster = cmp.Or(c.Cluster, DefaultCluster)
	c.Bind = cmp.Or(c.Bind, DefaultBind)
	c.BasePort = cmp.Or(c.BasePort, DefaultBasePort)
	c.Dir = cmp.Or(c.Dir, filepath.Join("data", fmt.Sprintf("node%d", c.ID)))
	if len(c.Transports) == 0 {
		c.Transports = []Choice{{Name: DefaultTransport}}
	}
	c.Store.Name = cmp.Or(c.Store.Name, DefaultStore)
	c.Machine.Name = cmp.Or(c.Machine.Name, DefaultMachine)
	c.Tick = cmp.Or(c.Tick, DefaultTick)
	c.Heartbeat = cmp.Or(c.Heartbeat, DefaultHeartbeat)
	c.Election = cmp.Or(c.Election, DefaultElection)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if len(c.Cluster) > MaxClusterName {
		return c, exit.Usagef("--cluster has %d bytes, at most %d", len(c.Cluster), MaxClusterName)
	}
	var err error
	if c, err = c.withAddresses(); err != nil {
		return c, err
	}
	if err = c.checkNumbers(); err == nil {
		c.APIConnections, err = connections(c.APIConnections, maxFiles())
	}
	return c, err
}

func (c Config) checkNumbers() error {
	switch {
	case c.Tick < time.Millisecond:
		return exit.Usagef("--tick is %v, want at least 1ms", c.Tick)
	case c.Heartbeat < c.Tick:
		return exit.Usagef("--heartbeat is %v, want at least one --tick, %v", c.Heartbeat, c.Tick)
	case c.Election < 2*c.Heartbeat:
		return exit.Usagef("--election is %v, want at least two --heartbeat, %v", c.Election,
			2*c.Heartbeat)
	case c.SnapshotEntries < 0:
		return exit.Usagef("--snapshot-entries is %d, want no less than 0", c.SnapshotEntries)
	case c.SnapshotBytes < 0:
		return exit.Usagef("--snapshot-bytes is %d, want no less than 0", c.SnapshotBytes)
	case c.ClockDrift < 0 || c.ClockDrift > maxClockDrift:
		return exit.Usagef("--clock-drift is %d, want 0 to %d millionths", c.ClockDrift, maxClockDrift)
	case c.Priority < 0 || c.Priority > raft.MaxPriority:
		return exit.Usagef("--priority is %d, want 0 to %d", c.Priority, raft.MaxPriority)
	case c.Procs < 0:
		return exit.Usagef("--procs is %d, want no less than 0", c.Procs)
	}
	return nil
}

// connections is how many clients may be connected, of whom none may take a file from the log.
func connections(wanted, files int) (int, error) {
	room := files - files/4
	switch {
	case wanted < 0 || wanted > maxAPIConnections:
		return 0, exit.Usagef("--api-connections is %d, want 1 to %d", wanted, maxAPIConnections)
	case wanted == 0:
		return min(DefaultAPIConnections, room), nil
	case wanted > room:
		return 0, exit.Usagef("--api-connections is %d, want no more than %d: the system lets this "+
			"process have %d files open (ulimit -n), and a quarter is for the log", wanted, room, files)
	}
	return wanted, nil
}

// withAddresses fills in and checks everything that is or has an address.
func (c Config) withAddresses() (Config, error) {
	if c.BasePort < 1 || c.BasePort > 65535 {
		return c, exit.Usagef("--base-port is %d, want 1 to 65535", c.BasePort)
	}
	host := c.Bind
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = DefaultBind // where peers are looked for that nothing else is said of
	}
	var err error
	usual := func(flag, given, host string, base int) string {
		if given != "" || err != nil {
			return given
		}
		var address string
		address, err = usualAddress(flag, host, base, c.ID)
		return address
	}
	if c.listen, err = c.listening(); err == nil {
		first := usual("listen", string(c.listen[0]), c.Bind, c.BasePort)
		c.listen[0] = core.Addr(first)
	}
	c.APIListen = usual("api-listen", c.APIListen, c.Bind, DefaultAPIPort)
	if err != nil {
		return c, err
	}
	if err := checkAddress(c.APIListen); err != nil {
		return c, exit.Usagef("--api-listen: %q %w", c.APIListen, err)
	}
	if err := c.checkListening(); err != nil {
		return c, err
	}
	c.Advertise = cmp.Or(c.Advertise, string(c.listen[0]))
	if _, _, err := c.carrier("advertise", c.Advertise); err != nil {
		return c, err
	}
	if c.Peers, err = completePeers(c.ID, c.Peers, host, c.BasePort); err != nil {
		return c, err
	}
	for _, p := range c.Peers {
		if _, _, err := c.carrier("peers", p.Addr); err != nil {
			return c, err
		}
	}
	if c.Join && len(c.Peers) == 0 {
		return c, exit.Usagef("--join names no node")
	}
	if hostOf(c.Advertise) == "" && len(c.Peers) > 0 {
		return c, exit.Usagef("--listen: peers cannot reach %s by that name; say by --advertise "+
			"where they find this node", c.listen[0])
	}
	return c, nil
}

// usualAddress is a host with the port that a node has by its id.
func usualAddress(flag, host string, base int, id core.NodeID) (string, error) {
	if id > core.NodeID(65535-base) {
		return "", exit.Usagef("--%s: node %d has no usual port, for %d+%d is beyond 65535; say "+
			"host:port", flag, id, base, id)
	}
	return net.JoinHostPort(host, strconv.Itoa(base+int(id))), nil
}

// checkAddress says what is wrong with a host:port.
func checkAddress(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return errors.New("is not host:port")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return errors.New("has no port from 0 to 65535")
	}
	return nil
}

// hostOf is the host of an address, and empty where that is every host of this machine.
func hostOf(address string) string {
	_, place := core.Addr(address).Split()
	host, _, err := net.SplitHostPort(string(place))
	if ip := net.ParseIP(host); err != nil || ip != nil && ip.IsUnspecified() {
		return ""
	}
	return host
}

// ClusterID turns the name of a cluster into its number: FNV-1a of 64 bits, and 1 for 0.
func ClusterID(name string) core.ClusterID {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(name)) // never fails, says package hash
	return max(core.ClusterID(hash.Sum64()), 1)
}

// membership is what a new cluster begins with: this node and its peers, all voters. A node that is
// to join learns from the log what it is; until then it has no vote.
func (c Config) membership() core.Membership {
	members := []core.Member{{ID: c.ID, Role: core.Voter, Addr: core.Addr(c.Advertise)}}
	if c.Join {
		members[0].Role = core.Learner
	}
	for _, p := range c.Peers {
		members = append(members, core.Member{ID: p.ID, Role: core.Voter, Addr: core.Addr(p.Addr)})
	}
	slices.SortFunc(members, func(a, b core.Member) int { return cmp.Compare(a.ID, b.ID) })
	return core.Membership{Members: members}
}
