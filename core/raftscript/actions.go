package raftscript

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/raft"
)

// limit returns the number of config that a transcript may set by this name.
func limit(c *raft.Config, name string) *int {
	return map[string]*int{
		"election": &c.ElectionTicks, "heartbeat": &c.HeartbeatTicks,
		"message-bytes": &c.MaxMessageBytes, "inflight": &c.MaxInflight,
		"inflight-bytes": &c.MaxInflightBytes, "uncommitted-bytes": &c.MaxUncommittedBytes,
		"apply-bytes": &c.MaxApplyBytes, "cache-bytes": &c.CacheBytes, "reads": &c.MaxReads,
		"hold-bytes": &c.MaxHoldBytes, "hold-ticks": &c.MaxHoldTicks,
	}[name]
}

func (in *interpreter) nodes(args []string) error {
	count, err := number(args, 0, 0)
	if err != nil || count == 0 {
		return usageError("how many nodes?")
	}
	var config raft.Config
	var m core.Membership
	for id := range count {
		m.Members = append(m.Members, core.Member{ID: core.NodeID(id + 1), Role: core.Voter})
	}
	for _, arg := range args[1:] {
		name, value, _ := strings.Cut(arg, "=")
		if name == "learners" {
			learners, err := ids(value)
			if err != nil {
				return err
			}
			for _, id := range learners {
				if int(id) > count || id == 0 {
					return usageError(fmt.Sprintf("there is no node %d", id))
				}
				m.Members[id-1].Role = core.Learner
			}
			continue
		}
		field := limit(&config, name)
		if field == nil {
			return usageError(fmt.Sprintf("there is no limit %q", name))
		}
		if *field, err = number([]string{value}, 0, 0); err != nil {
			return err
		}
	}
	in.cluster, err = NewCluster(config, m, func(format string, args ...any) {
		in.lines = append(in.lines, fmt.Sprintf(format, args...))
	})
	return err
}

func (in *interpreter) add(args []string) error {
	id, err := number(args, 0, 0)
	if err != nil || len(args) < 2 || in.cluster.Node(core.NodeID(id)) != nil {
		return usageError("which new node, with which membership?")
	}
	m, err := membership(args[1:])
	if err != nil {
		return err
	}
	return in.cluster.Add(in.cluster.nodes[0].config, core.NodeID(id), m)
}

func (in *interpreter) priority(args []string) error {
	n, err := in.node(args)
	if err != nil {
		return err
	}
	n.config.Priority, err = number(args, 1, 0)
	return err
}

func (in *interpreter) setQuiet(args []string) error {
	in.quiet = len(args) == 1 && args[0] == "on"
	return nil
}

func onNode(do func(*raft.Raft)) func(*interpreter, []string) error {
	return func(in *interpreter, args []string) error {
		n, err := in.node(args)
		if err != nil {
			return err
		}
		return in.cluster.Step(n, do)
	}
}

func onPeer(do func(*raft.Raft, core.NodeID)) func(*interpreter, []string) error {
	return func(in *interpreter, args []string) error {
		n, err := in.node(args)
		if err != nil {
			return err
		}
		peer, err := number(args, 1, 0)
		if err != nil {
			return err
		}
		return in.cluster.Step(n, func(r *raft.Raft) { do(r, core.NodeID(peer)) })
	}
}

// repeat does something for a node, as often as the second argument says.
func (in *interpreter) repeat(args []string, fallback int, do func(*Node) (bool, error)) error {
	n, err := in.node(args)
	if err != nil {
		return err
	}
	count, err := number(args, 1, fallback)
	if err != nil {
		return err
	}
	for range count {
		if more, err := do(n); err != nil || !more {
			return err
		}
	}
	return nil
}

func (in *interpreter) tick(args []string) error {
	return in.repeat(args, 1, func(n *Node) (bool, error) {
		return true, in.cluster.Step(n, (*raft.Raft).Tick)
	})
}

func (in *interpreter) wrote(args []string) error { return in.repeat(args, 1, in.cluster.Wrote) }

func (in *interpreter) apply(args []string) error { return in.repeat(args, 1, in.cluster.Apply) }

// eachFlight does something with the first messages of the links, as many as the second argument
// says; all that are there if it does not.
func (in *interpreter) eachFlight(args []string, do func(*link) error) error {
	links, err := in.selected(args)
	if err != nil {
		return err
	}
	for _, l := range links {
		count, err := number(args, 1, len(l.queue))
		if err != nil {
			return err
		}
		for range min(count, len(l.queue)) {
			if err := do(l); err != nil {
				return err
			}
		}
	}
	return nil
}

func (in *interpreter) deliver(args []string) error {
	if len(args) == 1 && args[0] == "all" {
		return in.cluster.DeliverAll()
	}
	return in.eachFlight(args, func(l *link) error { return in.cluster.Deliver(l.from, l.to, 0) })
}

func (in *interpreter) drop(args []string) error {
	return in.eachFlight(args, func(l *link) error {
		in.cluster.Drop(l.from, l.to, 0)
		return nil
	})
}

func (in *interpreter) hold(args []string) error {
	return in.eachFlight(args, func(l *link) error {
		in.cluster.held = append(in.cluster.held, l.queue[0])
		in.cluster.Drop(l.from, l.to, 0)
		return nil
	})
}

func (in *interpreter) release([]string) error {
	for _, f := range in.cluster.held {
		l := in.cluster.link(f.message.From, f.message.To)
		l.queue = append(l.queue, f)
	}
	in.cluster.held = nil
	return nil
}

// eachLink does something with each of the links.
func (in *interpreter) eachLink(args []string, do func(*link)) error {
	links, err := in.selected(args)
	for _, l := range links {
		do(l)
	}
	return err
}

func (in *interpreter) double(args []string) error {
	return in.eachLink(args, func(l *link) {
		if len(l.queue) > 0 {
			in.cluster.Double(l.from, l.to, 0)
		}
	})
}

func (in *interpreter) reorder(args []string) error {
	return in.eachLink(args, func(l *link) { slices.Reverse(l.queue) })
}

func (in *interpreter) cut(args []string) error {
	return in.eachLink(args, func(l *link) { in.cluster.Cut(l.from, l.to, true) })
}

func (in *interpreter) heal([]string) error {
	return in.eachLink([]string{"*->*"}, func(l *link) { in.cluster.Cut(l.from, l.to, false) })
}

func (in *interpreter) transfer(args []string) error {
	return in.eachLink(args, func(l *link) { in.cluster.TakeOver(l.from, l.to) })
}

func (in *interpreter) setAuto(args []string) error {
	n, err := in.node(args)
	if err != nil {
		return err
	}
	n.Auto(slices.Contains(args, "write"), slices.Contains(args, "apply"))
	if n.Raft == nil {
		return nil
	}
	if err := n.carryOutAuto(); err != nil {
		return err
	}
	return n.settle()
}

func (in *interpreter) crash(args []string) error {
	n, err := in.node(args)
	if err != nil {
		return err
	}
	lucky, err := number(args, 1, 0)
	if err != nil {
		return err
	}
	return in.cluster.Crash(n, min(lucky, n.Writes()))
}

func (in *interpreter) restart(args []string) error {
	n, err := in.node(args)
	if err != nil {
		return err
	}
	return in.cluster.Restart(n)
}

func (in *interpreter) wipe(args []string) error {
	n, err := in.node(args)
	if err != nil || n.Raft != nil {
		return usageError("which node that is down?")
	}
	n.disk = NewDisk(n.disk.snapshot.Membership)
	return nil
}

func (in *interpreter) propose(args []string) error {
	n, err := in.node(args)
	if err != nil {
		return err
	}
	var data [][]byte
	for _, arg := range args[1:] {
		data = append(data, []byte(arg))
	}
	return in.cluster.Propose(n, core.EntryCommand, data...)
}

func (in *interpreter) fill(args []string) error {
	size, err := number(args, 2, 1)
	if err != nil {
		return err
	}
	return in.repeat(args, 1, func(n *Node) (bool, error) {
		return true, in.cluster.Propose(n, core.EntryCommand, bytes.Repeat([]byte("x"), size))
	})
}

// change proposes a membership as it stands there or, with enter, what comes before it.
func (in *interpreter) change(args []string) error {
	n, err := in.node(args)
	if err != nil || n.Raft == nil || len(args) < 2 {
		return cmp.Or(err, error(usageError("which node that is up, and which membership?")))
	}
	enter := args[1] == "enter"
	if enter {
		args = args[1:]
	}
	m, err := membership(args[1:])
	if err != nil {
		return err
	}
	before := n.Raft.Status().Membership
	if m = before.Succeeded(m.Members); enter {
		m = before.Enter(m.Members)
	}
	data, err := m.AppendBinary(nil)
	if err != nil {
		return err
	}
	return in.cluster.Propose(n, core.EntryMembership, data)
}

func (in *interpreter) handOver(args []string) error {
	n, err := in.node(args)
	if err != nil {
		return err
	}
	to, err := number(args, 1, 0)
	if err != nil {
		return err
	}
	return in.cluster.HandOver(n, core.NodeID(to))
}

func (in *interpreter) read(args []string) error {
	n, err := in.node(args)
	if err != nil {
		return err
	}
	token, err := number(args, 1, 0)
	if err != nil {
		return err
	}
	return in.cluster.Read(n, uint64(token))
}

func (in *interpreter) snapshot(args []string) error {
	n, err := in.node(args)
	if err != nil {
		return err
	}
	keep, err := number(args, 1, 0)
	if err != nil {
		return err
	}
	return in.cluster.Snapshot(n, core.Index(keep))
}

func (in *interpreter) status(args []string) error {
	for _, n := range in.cluster.nodes {
		if len(args) == 0 || args[0] == fmt.Sprint(n.ID) {
			n.status()
		}
	}
	return nil
}

func (in *interpreter) log(args []string) error {
	n, err := in.node(args)
	if err == nil {
		n.log()
	}
	return err
}
