package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/tidelock-raft/tidelock/cli/internal/server"
	"github.com/tidelock-raft/tidelock/cli/internal/trial"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// cluster is some nodes that are processes, and a client that all share.
type cluster struct {
	*client.Client
	options
	nodes []*process
}

// process is a node that runs, with the memory that it began with.
type process struct {
	*exec.Cmd
	id   int
	api  string
	args []string
	log  string
	bare float64
}

// API is where clients find the node.
func (p *process) API() string { return p.api }

// subnet draws what the addresses of the nodes of a cluster begin with.
func subnet() string { return fmt.Sprintf("127.%d.%d.", 1+rand.IntN(254), rand.IntN(256)) }

// newCluster starts n nodes and waits until all follow one of them.
func newCluster(ctx context.Context, o options, n int, flags ...string) (*cluster, error) {
	c, net := &cluster{options: o}, subnet()
	var endpoints, peers []string
	for id := 1; id <= n; id++ {
		peers = append(peers, fmt.Sprintf("%d=%s%d:%d", id, net, id, server.DefaultBasePort+id))
		endpoints = append(endpoints, fmt.Sprintf("%s%d:%d", net, id, server.DefaultAPIPort+id))
	}
	var err error
	if c.Client, err = client.New(client.Config{Endpoints: endpoints, Timeout: patience}); err != nil {
		return nil, err
	}
	for i := range n {
		data := filepath.Join(o.dir, fmt.Sprintf("%s%d", net, i+1))
		others := append(append([]string(nil), peers[:i]...), peers[i+1:]...)
		c.nodes = append(c.nodes, &process{id: i + 1, api: endpoints[i], log: data + ".log",
			args: append([]string{
				"--id", fmt.Sprint(i + 1), "--bind", fmt.Sprintf("%s%d", net, i+1), "--data", data,
				"--peers", strings.Join(others, ","),
			}, flags...)})
		if err = c.start(c.nodes[i]); err != nil {
			return nil, errors.Join(err, c.close())
		}
	}
	if err = trial.Await(ctx, "a leader that all follow, and a script", func() bool {
		_, s := trial.Led(c, c.nodes)
		return s.AppliedIndex > 0 && s.AppliedIndex == s.LastIndex && c.level(s.AppliedIndex) &&
			get(c.Client, client.Request{}) == nil
	}); err != nil {
		return nil, errors.Join(err, c.close())
	}
	for _, p := range c.nodes {
		p.bare = resident(p.Process.Pid)
	}
	return c, nil
}

func (c *cluster) start(p *process) (err error) {
	p.Cmd, err = trial.Start(p.log, c.raftNode, p.args...)
	return err
}

// kill ends a node as a power cut would.
func (p *process) kill() error {
	if p.Cmd == nil || p.Process == nil {
		return nil
	}
	err := p.Process.Kill()
	_ = p.Wait() // it was killed
	return err
}

func (c *cluster) close() (err error) {
	for _, p := range c.nodes {
		err = errors.Join(err, p.kill())
	}
	return errors.Join(err, c.Client.Close())
}

// leader is who leads; somebody has to.
func (c *cluster) leader() (*process, error) {
	leader, _ := trial.Led(c, c.nodes)
	if leader == nil {
		return nil, errors.New("nobody leads")
	}
	return leader, nil
}

// level reports whether all nodes have applied an index.
func (c *cluster) level(at core.Index) bool {
	for _, p := range c.nodes {
		if s, ok := trial.Status(c, p); !ok || s.AppliedIndex < at {
			return false
		}
	}
	return true
}

func (c *cluster) processes() (ids []int) {
	for _, p := range c.nodes {
		ids = append(ids, p.Process.Pid)
	}
	return ids
}

// measure has clients ask for some time, and looks at what it costs the nodes.
func (c *cluster) measure(ctx context.Context, clients int, d time.Duration, one ask) (
	figures, error,
) {
	leader, err := c.leader()
	if err != nil {
		return figures{}, err
	}
	before, err := c.Status(ctx, leader.api)
	if err != nil {
		return figures{}, err
	}
	w := startWatch(c.processes()...)
	f, err := closed(ctx, clients, d, one)
	if err != nil {
		return f, err
	}
	s := w.read()
	after, err := c.Status(context.WithoutCancel(ctx), leader.api) // the load may have ended early
	if err != nil {
		return f, err
	}
	f.busy, f.own, f.cpu = s.busy, s.own, s.servers.Seconds()*1e6/(f.rate*s.wall.Seconds())
	f.disk = float64(after.Work.WriteNS-before.Work.WriteNS) / float64(s.wall)
	return f, nil
}

// put writes a random key of so many, with a value of so many bytes, as most clients do: in a
// session, and on the one connection that all share.
func (c *cluster) put(keys, size int) ask {
	value := strings.Repeat("v", size)
	return func(_ int, random *rand.Rand) error {
		return write(c.Client, random.IntN(keys), value)
	}
}

// keyFormat makes keys of 16 bytes.
const keyFormat = "%016d"

func write(c *client.Client, key int, value string) error {
	data, err := scripting.EncodeCall("put", fmt.Sprintf(keyFormat, key), value)
	if err != nil {
		return err
	}
	_, err = c.Do(context.Background(), client.Request{Data: data})
	return err
}

// get reads a key, as the request says for the rest.
func get(c *client.Client, r client.Request) (err error) {
	r.Kind = core.RequestQuery
	if r.Data, err = scripting.EncodeCall("get", "x"); err == nil {
		_, err = c.Do(context.Background(), r)
	}
	return err
}
