package why

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/e2e"
	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/cli/internal/server"
	"github.com/tidelock-raft/tidelock/cli/internal/survey"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/node"
	"github.com/tidelock-raft/tidelock/plugins"
	_ "github.com/tidelock-raft/tidelock/plugins/standard"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// illness is what ails one node. The zero value is none.
type illness struct {
	full  atomic.Bool
	delay atomic.Int64                             // of each write, in nanoseconds
	drops atomic.Pointer[func(*core.Message) bool] // what it does not send
	skew  atomic.Uint64                            // of its state
}

// wardRegistry finds the illness of a node by its store's directory.
var wardRegistry sync.Map

func ward(e plugins.Env) *illness {
	found, _ := wardRegistry.LoadOrStore(e.Dir, new(illness))
	return found.(*illness)
}

func init() {
	plugins.RegisterStore("frail", func(e plugins.Env, _ struct{}) (core.Store, error) {
		store, err := plugins.OpenStore("wal", e, nil)
		return &frailStore{store, ward(e)}, err
	})
	plugins.RegisterTransport("frail", func(e plugins.Env, _ struct{}) (core.Transport, error) {
		transport, err := plugins.OpenTransport("tcp", e, nil)
		if err != nil {
			return nil, err
		}
		return &frailTransport{transport.(core.Diagnoser), ward(e)}, nil
	})
	plugins.RegisterMachine("frail", func(e plugins.Env, _ struct{}) (core.StateMachine, error) {
		return &counter{ill: ward(e)}, nil
	})
}

type frailStore struct {
	core.Store
	ill *illness
}

func (s *frailStore) Write(batch []core.Update) error {
	if s.ill.full.Load() {
		return core.ErrFull
	}
	if delay := s.ill.delay.Load(); delay > 0 {
		<-time.After(time.Duration(delay))
	}
	return s.Store.Write(batch)
}

type frailTransport struct {
	core.Diagnoser
	ill *illness
}

func (f *frailTransport) Send(to core.Addr, messages []core.Message) {
	if drops := f.ill.drops.Load(); drops != nil {
		messages = slices.DeleteFunc(slices.Clone(messages), func(m core.Message) bool {
			return (*drops)(&m)
		})
	}
	if len(messages) > 0 {
		f.Diagnoser.Send(to, messages)
	}
}

// counter counts commands; its digest can be made wrong.
type counter struct {
	n   uint64
	ill *illness
}

func (c *counter) Apply(dst []core.Result, entries []core.Entry) ([]core.Result, error) {
	c.n += uint64(len(entries))
	return append(dst, make([]core.Result, len(entries))...), nil
}

func (c *counter) Query([]byte) core.Result { return core.Result{} }
func (c *counter) Digest() uint64           { return c.n + 1 + c.ill.skew.Load() }
func (c *counter) Close() error             { return nil }

func (c *counter) Snapshot() (core.Snapshot, error) { return frozen(c.n), nil }

func (c *counter) Restore(r io.Reader) error { return binary.Read(r, binary.LittleEndian, &c.n) }

type frozen uint64

func (f frozen) Release() {}
func (f frozen) WriteTo(w io.Writer) (int64, error) {
	return 8, binary.Write(w, binary.LittleEndian, uint64(f))
}

// stage is three nodes in this process.
type stage struct {
	t     *testing.T
	nodes []*actor // node N at N-1
}

type actor struct {
	config server.Config
	ill    *illness
	stop   context.CancelFunc
	ended  chan error
}

// raise starts three nodes, each with what change makes of its configuration.
func raise(t *testing.T, change func(*server.Config)) *stage {
	s := &stage{t: t}
	ports := e2e.FreePorts(t, 6)
	at := func(i int) string { return fmt.Sprintf("127.0.0.1:%d", ports[i]) }
	dir := t.TempDir()
	frail := server.Choice{Name: "frail"}
	for i := range 3 {
		c := server.Config{
			ID: core.NodeID(i + 1), Dir: filepath.Join(dir, fmt.Sprint("node", i+1)),
			Listen: at(i), APIListen: at(i + 3), Store: frail, Machine: frail,
			Transports: []server.Choice{frail}, Seed: uint64(i + 1), Version: "1",
		}
		for j := range 3 {
			if j != i {
				c.Peers = append(c.Peers, server.Peer{ID: core.NodeID(j + 1), Addr: at(j), API: at(j + 3)})
			}
		}
		if change != nil {
			change(&c)
		}
		a := &actor{config: c, ill: ward(plugins.Env{Dir: filepath.Join(c.Dir, c.Store.Name)})}
		s.nodes = append(s.nodes, a)
		a.start(t)
	}
	return s
}

func (a *actor) start(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	a.stop, a.ended = cancel, ended
	go func() { ended <- server.Run(ctx, a.config) }() // ended by cancel
	t.Cleanup(func() {
		a.ill.delay.Store(0)
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Log(err)
			}
		case <-time.After(e2e.Patience):
			t.Error("a node does not stop")
		}
	})
}

// halt stops a node and waits until it has.
func (s *stage) halt(id core.NodeID) *actor {
	a := s.nodes[id-1]
	a.stop()
	if err := <-a.ended; err != nil {
		s.t.Error(err)
	}
	a.ended <- nil // for the cleanup
	return a
}

func (s *stage) endpoints() string {
	var list []string
	for _, a := range s.nodes {
		list = append(list, fmt.Sprintf("%d=%s", a.config.ID, a.config.APIListen))
	}
	return strings.Join(list, ",")
}

// why runs the command.
func (s *stage) why(words ...string) (report, exit.Code) {
	s.t.Helper()
	var out strings.Builder
	env := remote.Env{Streams: program.Streams{Out: &out, Err: &out}, Connect: remote.Dial}
	root := &cli.Command{Name: "prog", Subcommands: []*cli.Command{New(env)}}
	code := program.Run(s.t.Context(), env.Streams, root, append([]string{"prog", "why", "--output",
		"json", "--timeout", "2s", "--endpoints", s.endpoints()}, words...))
	var r report
	if err := json.Unmarshal([]byte(out.String()), &r); err != nil {
		s.t.Fatalf("%v: %s", err, out.String())
	}
	return r, code
}

// found waits for a finding of a cause that is about these nodes, and whose next steps contain a
// text.
func (s *stage) found(cause, next string, about ...core.NodeID) survey.Finding {
	s.t.Helper()
	var last report
	var hit survey.Finding
	defer func() {
		if s.t.Failed() {
			s.t.Logf("wanted %s of %v with %q; last seen: %+v", cause, about, next, last)
		}
	}()
	e2e.Eventually(s.t, cause, func() bool {
		var code exit.Code
		last, code = s.why()
		for _, f := range last.Findings {
			if f.Cause == cause && slices.Equal(f.Nodes, about) &&
				strings.Contains(strings.Join(f.Next, "\n"), next) && len(f.Evidence) > 0 {
				hit = f
				return (f.Severity == survey.Error) == (code == exit.Unhealthy) || !last.Healthy
			}
		}
		return false
	})
	return hit
}

// leader waits until a node leads that the others follow, and nothing is wrong.
func (s *stage) leader() (leader core.NodeID) {
	s.t.Helper()
	e2e.Eventually(s.t, "a leader", func() bool {
		for _, a := range s.nodes {
			status, err := s.dial().Status(s.t.Context(), a.config.APIListen)
			if err == nil && len(status.Groups) > 0 && status.Groups[0].Role == "leader" {
				leader = status.Node
				return true
			}
		}
		return false
	})
	return leader
}

func (s *stage) dial() *client.Client {
	s.t.Helper()
	config := client.Config{Timeout: e2e.Patience}
	for _, a := range s.nodes {
		config.Endpoints = append(config.Endpoints, a.config.APIListen)
	}
	c, err := client.New(config)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

// write writes n times, many at a time.
func (s *stage) write(n int) {
	s.t.Helper()
	c := s.dial()
	var group sync.WaitGroup
	tokens := make(chan struct{}, n)
	for range n {
		tokens <- struct{}{}
	}
	close(tokens)
	for range min(n, 64) {
		group.Go(func() { // ends with the tokens
			for range tokens {
				if _, err := c.Do(s.t.Context(), client.Request{Data: []byte{1}}); err != nil {
					s.t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
}

// drop has a node lose what it sends.
func (s *stage) drop(id core.NodeID, drops func(*core.Message) bool) {
	s.nodes[id-1].ill.drops.Store(&drops)
}

// ahead is a clock whose time of day is wrong.
type ahead struct {
	core.Clock
	by time.Duration
}

func (a ahead) Wall() int64 { return a.Clock.Wall() + int64(a.by) }

func wrongClock(by time.Duration) core.Clock { return ahead{node.NewClock(), by} }
