package snapshot

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/session"
	"github.com/tidelock-raft/tidelock/persist/backup"
	"github.com/tidelock-raft/tidelock/plugins"
	"github.com/tidelock-raft/tidelock/scripting"
	"github.com/tidelock-raft/tidelock/scripting/sandbox"
)

// Inspect are the options of inspect.
type Inspect struct {
	program.Streams
	File    string
	Machine string
	JSON    bool
}

// member is a member of the cluster that was saved.
type member struct {
	ID   core.NodeID `json:"id"`
	Addr core.Addr   `json:"addr"`
}

// script is the one that runs, of a machine that has one.
type script struct {
	Name     string `json:"name"`
	Version  int    `json:"version"`
	Hash     string `json:"sha256"`
	Index    uint64 `json:"index"`    // of the entry that installed it
	Language int    `json:"language"` // version of the interpreter that the state is bound to
}

// content is what is in a file, for programs.
type content struct {
	File        string                 `json:"file"`
	FileBytes   int64                  `json:"file_bytes"`
	Cluster     core.ClusterID         `json:"cluster,string"`
	Node        string                 `json:"node"`
	Group       core.GroupID           `json:"group"`
	Taken       string                 `json:"taken"`
	Index       core.Index             `json:"index"`
	Term        core.Term              `json:"term"`
	Time        string                 `json:"time"` // of the entry at Index
	Version     string                 `json:"version"`
	Machine     string                 `json:"machine"`
	Members     []member               `json:"members"`
	Roles       string                 `json:"roles"`
	Bytes       int64                  `json:"bytes"`
	Checksum    string                 `json:"checksum_crc_64"`
	Digest      uint64                 `json:"digest,string"`
	Sessions    int                    `json:"sessions"`
	Script      *script                `json:"script,omitempty"`
	Collections []scripting.Collection `json:"collections,omitempty"`
}

func (o Inspect) run() error {
	meta, err := backup.Verify(o.File)
	if err != nil {
		return err
	}
	info, err := os.Stat(o.File)
	if err != nil {
		return err
	}
	at := meta.Snapshot
	c := content{
		File: o.File, FileBytes: info.Size(), Cluster: meta.Cluster, Node: exit.Node(meta.Node),
		Group: meta.Group, Taken: clock(meta.Taken), Index: at.Index, Term: at.Term,
		Time: clock(at.Time), Version: meta.Version, Machine: meta.Machine,
		Roles: at.Membership.String(), Bytes: at.Size, Checksum: fmt.Sprintf("%016x", at.Checksum),
	}
	for _, m := range at.Membership.Members {
		c.Members = append(c.Members, member{m.ID, m.Addr})
	}
	if err := o.look(&c); err != nil {
		return err
	}
	if o.JSON {
		return remote.PrintJSON(o.Out, c)
	}
	return c.print(o.Out)
}

func clock(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }

// look has a machine take the state, to see what is in it.
func (o Inspect) look(c *content) (err error) {
	inner, err := plugins.OpenMachine(o.Machine, plugins.Env{}, nil)
	if err != nil {
		return err
	}
	machine := session.Wrap(inner)
	defer func() { err = errors.Join(err, machine.Close()) }()
	file, err := os.Open(o.File)
	if err != nil {
		return err
	}
	defer file.Close()
	body, err := backup.NewReader(file, o.File)
	if err == nil {
		err = machine.Restore(body)
	}
	if err == nil {
		_, err = io.Copy(io.Discard, body)
	}
	if errors.Is(err, scripting.ErrLanguage) {
		return exit.Mark(err, exit.ErrRefused)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", o.File, err)
	}
	c.Digest, c.Sessions = machine.Digest(), machine.Len()
	lua, ok := inner.(*scripting.Machine)
	if !ok {
		return nil
	}
	c.Collections = lua.Collections()
	if runs, ok := lua.Running(); ok {
		c.Script = &script{
			runs.Name, runs.Version, fmt.Sprintf("%x", runs.Hash), uint64(runs.Index), sandbox.Version,
		}
	}
	return nil
}

func (c *content) print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(table, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	var members []string
	for _, m := range c.Members {
		members = append(members, fmt.Sprintf("%d=%s", m.ID, m.Addr))
	}
	row("file", "%s, %d bytes, all checksums fit", c.File, c.FileBytes)
	row("taken", "%s from %s of cluster %d, group %d, version %s", c.Taken, c.Node, c.Cluster,
		c.Group, c.Version)
	row("index", "%d, term %d, of %s", c.Index, c.Term, c.Time)
	row("members", "%s (%s)", strings.Join(members, ", "), c.Roles)
	row("machine", "%s", c.Machine)
	if s := c.Script; s != nil {
		row("script", "%s version %d, installed at index %d, language %d, sha256 %s", s.Name, s.Version,
			s.Index, s.Language, s.Hash)
	}
	row("state", "%d bytes, crc-64 %s, digest %d", c.Bytes, c.Checksum, c.Digest)
	row("sessions", "%d", c.Sessions)
	for _, one := range c.Collections {
		row("collection", "%s: %d items, %d bytes", one.Name, one.Items, one.Bytes)
	}
	return table.Flush()
}
