package remote

import (
	"context"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// Client is what the commands need of a *client.Client.
type Client interface {
	Do(ctx context.Context, r client.Request) (client.Reply, error)
	Status(ctx context.Context, endpoint string) (core.NodeStatus, error)
	Backup(ctx context.Context, endpoint string, w io.Writer) error
	Close() error
}

// Env is what a command is made with.
type Env struct {
	program.Streams
	Connect func(client.Config) (Client, error)
}

// Dial is the Connect of Env outside of tests.
func Dial(c client.Config) (Client, error) { return client.New(c) }

// Options are what the flags that all commands share come to.
type Options struct {
	Env
	Endpoints []Endpoint
	Target    string // the address of the one node to ask; empty: whoever can answer
	Timeout   time.Duration
	JSON      bool
	Level     core.ReadLevel // of queries
	AtLeast   core.Index     // of queries
	Applied   bool           // say which index a query saw
	MaxStale  time.Duration  // of queries
	NoSession bool           // for commands
}

// defaultEndpoints are those of three nodes on this machine, started with nothing but an id.
const defaultEndpoints = "127.0.0.1:8101,127.0.0.1:8102,127.0.0.1:8103"

// Flags are the flags of every command.
func Flags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{
			Name: "endpoints", Value: defaultEndpoints, EnvVars: []string{"RAFT_ENDPOINTS"},
			Usage: "API addresses of nodes, `LIST` of host:port or id=host:port",
		},
		&cli.Uint64Flag{
			Name: "target", EnvVars: []string{"RAFT_TARGET"}, DefaultText: "any node",
			Usage: "ask the node with this `ID` and no other, which does not pass the request on",
		},
		&cli.DurationFlag{
			Name: "timeout", Value: client.DefaultTimeout, EnvVars: []string{"RAFT_TIMEOUT"},
			Usage: "give up after this `TIME`",
		},
		program.OutputFlag(),
	}
}

// QueryFlags are the flags of commands that read.
func QueryFlags() []cli.Flag {
	return append(Flags(), &cli.StringFlag{
		Name: "read", Value: "linearizable", EnvVars: []string{"RAFT_READ"},
		Usage: "`LEVEL`: linearizable sees every write acknowledged before; lease does too, as long " +
			"as clocks keep to --clock-drift; bounded is at most --max-stale old; stale is whatever " +
			"the node holds",
	}, &cli.DurationFlag{
		Name: "max-stale", Value: time.Second, EnvVars: []string{"RAFT_MAX_STALE"},
		Usage: "`TIME` since the node last heard from the leader, with --read bounded",
	}, &cli.Uint64Flag{
		Name: "at-least", EnvVars: []string{"RAFT_AT_LEAST"},
		Usage: "wait until the node has applied this `INDEX`, as printed by a write",
	}, &cli.BoolFlag{
		Name: "applied", EnvVars: []string{"RAFT_APPLIED"},
		Usage: "say up to which index what was read had been applied, as a write does",
	})
}

// CommandFlags are the flags of commands that change something.
func CommandFlags() []cli.Flag { return append(Flags(), SessionFlag()) }

// SessionFlag is the flag of what changes something.
func SessionFlag() cli.Flag {
	return &cli.BoolFlag{
		Name: "no-session", EnvVars: []string{"RAFT_NO_SESSION"},
		Usage: "do not open a session: one entry less in the log, and a command that is not answered " +
			"is not repeated, but of unknown outcome",
	}
}

// levels are what --read may say.
var levels = map[string]core.ReadLevel{
	"": core.Linearizable, "linearizable": core.Linearizable, "lease": core.Lease,
	"bounded": core.Bounded, "stale": core.Stale,
}

// Any is a number of arguments that is not bounded.
const Any = -1

// Parse reads the flags, and checks that there are at least least and at most most arguments.
func Parse(env Env, c *cli.Context, least, most int) (Options, error) {
	o, err := ParseLocal(env, c, least, most)
	if err != nil {
		return o, err
	}
	if o.Endpoints, err = ParseEndpoints(c.String("endpoints")); err != nil {
		return o, err
	}
	if id := core.NodeID(c.Uint64("target")); id != 0 {
		if err = o.Insist(c, id); err != nil {
			return o, err
		}
	}
	o.Timeout, o.NoSession, o.Applied = c.Duration("timeout"), c.Bool("no-session"), c.Bool("applied")
	if o.Timeout <= 0 {
		return o, exit.Usagef("--timeout is %v, want more than nothing", o.Timeout)
	}
	level, ok := levels[c.String("read")]
	if !ok {
		return o, exit.Usagef("--read is %q, want linearizable, lease, bounded or stale",
			c.String("read"))
	}
	o.Level, o.AtLeast = level, core.Index(c.Uint64("at-least"))
	if o.MaxStale = c.Duration("max-stale"); o.MaxStale < 0 {
		return o, exit.Usagef("--max-stale is %v, want no less than nothing", o.MaxStale)
	}
	return o, nil
}

// ParseLocal is Parse of a command that asks no node: what flags or the environment say of nodes is
// not looked at.
func ParseLocal(env Env, c *cli.Context, least, most int) (o Options, err error) {
	o.Env = env
	switch n := c.NArg(); {
	case n < least:
		return o, exit.Usagef("%s: %d arguments given, want %s", c.Command.Name, n, c.Command.ArgsUsage)
	case most != Any && n > most && most == 0:
		return o, exit.Usagef("%s: %d arguments given, want none", c.Command.Name, n)
	case most != Any && n > most:
		return o, exit.Usagef("%s: %d arguments given, want %s", c.Command.Name, n, c.Command.ArgsUsage)
	}
	o.JSON, err = program.WantsJSON(c)
	return o, err
}

// Bare makes a command that takes no arguments, and no flags but those of all.
func Bare(
	env Env, name, usage, text string, run func(context.Context, Options) error,
) *cli.Command {
	return &cli.Command{
		Name: name, Usage: usage, Description: text, Flags: Flags(),
		Action: func(c *cli.Context) error {
			o, err := Parse(env, c, 0, 0)
			if err != nil {
				return err
			}
			return run(c.Context, o)
		},
	}
}

// Insist makes a node the one to ask.
func (o *Options) Insist(c *cli.Context, id core.NodeID) (err error) {
	o.Target, err = addressOf(id, o.Endpoints, c.IsSet("endpoints"))
	return err
}

// OpenClient makes a client for the options.
func (o Options) OpenClient() (Client, error) {
	c := client.Config{Timeout: o.Timeout, NoSession: o.NoSession}
	for _, e := range o.Endpoints {
		c.Endpoints = append(c.Endpoints, e.Address)
	}
	return o.Connect(c)
}
