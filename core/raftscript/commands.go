package raftscript

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/raft"
)

// interpreter carries out commands, one per line. Where a command takes a link, it is written 1->2,
// and * stands for any node.
type interpreter struct {
	cluster *Cluster
	lines   []string
	quiet   bool
}

// commands says what there is. The text after the name is its usage.
var commands = map[string]struct {
	usage string
	run   func(*interpreter, []string) error
}{
	"nodes":       {"COUNT [learners=ID,…] [LIMIT=NUMBER …]: start a cluster", (*interpreter).nodes},
	"add":         {"ID voters=ID,…: start a node with that membership", (*interpreter).add},
	"priority":    {"ID NUMBER: from its next start on", (*interpreter).priority},
	"quiet":       {"on|off: print nothing", (*interpreter).setQuiet},
	"campaign":    {"ID", onNode(func(r *raft.Raft) { r.Campaign() })},
	"tick":        {"ID [COUNT]", (*interpreter).tick},
	"deliver":     {"all | LINK [COUNT]", (*interpreter).deliver},
	"drop":        {"LINK [COUNT]: lose messages", (*interpreter).drop},
	"dup":         {"LINK: send the first message once more, after the others", (*interpreter).double},
	"reorder":     {"LINK: turn the order round", (*interpreter).reorder},
	"hold":        {"LINK: put all messages aside", (*interpreter).hold},
	"release":     {"put what is aside back on its way", (*interpreter).release},
	"cut":         {"LINK", (*interpreter).cut},
	"heal":        {"all links work again", (*interpreter).heal},
	"auto":        {"ID [write] [apply]: what happens without being told", (*interpreter).setAuto},
	"wrote":       {"ID [COUNT]: writes become durable", (*interpreter).wrote},
	"applied":     {"ID [COUNT]: the machine catches up", (*interpreter).apply},
	"crash":       {"ID [COUNT]: after so many writes became durable", (*interpreter).crash},
	"restart":     {"ID", (*interpreter).restart},
	"wipe":        {"ID: a node that is down loses its disk", (*interpreter).wipe},
	"propose":     {"ID DATA …", (*interpreter).propose},
	"fill":        {"ID COUNT BYTES: propose one by one", (*interpreter).fill},
	"change":      {"ID [enter] voters=ID,… [outgoing=ID,…] [learners=ID,…]", (*interpreter).change},
	"handover":    {"ID [TO]: the leader hands over", (*interpreter).handOver},
	"read":        {"ID TOKEN", (*interpreter).read},
	"snapshot":    {"ID [KEEP]: and keep so many entries before it", (*interpreter).snapshot},
	"snapfailed":  {"ID PEER", onPeer((*raft.Raft).SnapshotFailed)},
	"unreachable": {"ID PEER", onPeer((*raft.Raft).Unreachable)},
	"transfer":    {"LINK: the leader asks a node to take over", (*interpreter).transfer},
	"status":      {"[ID]", (*interpreter).status},
	"log":         {"ID", (*interpreter).log},
}

func (in *interpreter) run(line string) error {
	fields := strings.Fields(line)
	command, ok := commands[fields[0]]
	if !ok {
		return fmt.Errorf("no such command; there are %v", slices.Sorted(maps.Keys(commands)))
	}
	if in.cluster == nil && fields[0] != "nodes" {
		return fmt.Errorf("nodes has to come first")
	}
	args := fields[1:]
	before := len(in.lines)
	err := command.run(in, args)
	if _, wrong := err.(usageError); wrong {
		return fmt.Errorf("%w; usage: %s %s", err, fields[0], command.usage)
	}
	if in.quiet {
		in.lines = in.lines[:before]
	}
	return err
}

// usageError is a command that could not be understood.
type usageError string

func (e usageError) Error() string { return string(e) }

func number(args []string, i, fallback int) (int, error) {
	if i >= len(args) {
		return fallback, nil
	}
	n, err := strconv.Atoi(args[i])
	if err != nil || n < 0 {
		return 0, usageError(fmt.Sprintf("%q is not a number", args[i]))
	}
	return n, nil
}

func (in *interpreter) node(args []string) (*Node, error) {
	id, err := number(args, 0, 0)
	if err != nil {
		return nil, err
	}
	n := in.cluster.Node(core.NodeID(id))
	if n == nil {
		return nil, usageError(fmt.Sprintf("there is no node %d", id))
	}
	return n, nil
}

// select returns the links that a pattern such as 1->* means.
func (in *interpreter) selected(args []string) ([]*link, error) {
	if len(args) == 0 {
		return nil, usageError("a link is missing")
	}
	from, to, ok := strings.Cut(args[0], "->")
	if !ok {
		return nil, usageError(fmt.Sprintf("%q is not a link", args[0]))
	}
	var links []*link
	for _, l := range in.cluster.links {
		if (from == "*" || from == fmt.Sprint(l.from)) && (to == "*" || to == fmt.Sprint(l.to)) {
			links = append(links, l)
		}
	}
	if len(links) == 0 {
		return nil, usageError(fmt.Sprintf("there is no link %s", args[0]))
	}
	return links, nil
}

func ids(list string) ([]core.NodeID, error) {
	var all []core.NodeID
	for _, s := range strings.Split(list, ",") {
		id, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			return nil, usageError(fmt.Sprintf("%q is not a list of nodes", list))
		}
		all = append(all, core.NodeID(id))
	}
	return all, nil
}

// membership reads arguments such as voters=1,2,3 learners=4.
func membership(args []string) (core.Membership, error) {
	roles := map[core.NodeID]core.Role{}
	for _, arg := range args {
		name, list, _ := strings.Cut(arg, "=")
		role := map[string]core.Role{
			"voters": core.Voter, "outgoing": core.Outgoing, "learners": core.Learner,
			"joining": core.Learner | core.Joining,
		}[name]
		if role == 0 {
			return core.Membership{}, usageError(fmt.Sprintf("%q is not a role", name))
		}
		members, err := ids(list)
		if err != nil {
			return core.Membership{}, err
		}
		for _, id := range members {
			roles[id] |= role
		}
	}
	var m core.Membership
	for _, id := range slices.Sorted(maps.Keys(roles)) {
		m.Members = append(m.Members, core.Member{ID: id, Role: roles[id]})
	}
	return m, m.Check()
}
