// Package wal is the group of commands that look into the write-ahead log of a stopped node.
package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/cli/internal/server"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
	"github.com/tidelock-raft/tidelock/persist/wal"
)

// Options are what the commands are asked for.
type Options struct {
	program.Streams
	Dir  string // of the log
	JSON bool
}

// New makes the group.
func New(s program.Streams) *cli.Command {
	const where = "DIR is a node's data directory, or the log's own within it. The node must not " +
		"run;\nof a running one, look at a copy. Nothing is changed. Damage ends it with code 4, and " +
		"says\nwhich file and where.\n\n"
	return &cli.Command{
		Name: "wal", Usage: "look into the write-ahead log of a stopped node",
		Description: "Looks into the write-ahead log of a stopped node.\n\n" +
			"  tidelock wal verify data/node1\n" +
			"  tidelock wal dump data/node1 --output json",
		Subcommands: []*cli.Command{
			command(s, "dump", "print all segments, batches and records", where+
				"  tidelock wal dump data/node1\n"+
				"  tidelock wal dump data/node1 --output json    (a line for each record)", dump),
			command(s, "verify", "check every record", where+
				"  tidelock wal verify data/node1", verify),
		},
	}
}

func command(
	s program.Streams, name, usage, description string, run func(Options) error,
) *cli.Command {
	return &cli.Command{
		Name: name, Usage: usage, ArgsUsage: "DIR", Description: description,
		Flags: []cli.Flag{program.OutputFlag()},
		Action: func(c *cli.Context) (err error) {
			json, err := program.WantsJSON(c)
			switch {
			case err != nil:
				return err
			case c.NArg() != 1:
				return exit.Usagef("wal %s: %d arguments given, want DIR", name, c.NArg())
			}
			dir, err := find(c.Args().First())
			if err != nil {
				return err
			}
			for _, held := range []string{filepath.Dir(dir), dir} {
				if _, err := os.Stat(filepath.Join(held, "lock")); errors.Is(err, fs.ErrNotExist) {
					continue // nobody has ever used it
				}
				lock, err := server.LockStopped(held)
				if err != nil {
					return err
				}
				defer lock.Close()
			}
			return run(Options{s, dir, json})
		},
	}
}

// find returns where the log is: DIR/wal, or DIR itself.
func find(dir string) (string, error) {
	for _, candidate := range []string{filepath.Join(dir, "wal"), dir} {
		if found, _ := filepath.Glob(filepath.Join(candidate, "*.wal")); len(found) > 0 {
			return candidate, nil
		}
	}
	return "", exit.Usagef("%s: there is no write-ahead log in it", dir)
}

// summary is what verify found, for programs.
type summary struct {
	Segments   int            `json:"segments"`
	Batches    int            `json:"batches"`
	Records    int            `json:"records"`
	Bytes      int64          `json:"bytes"`
	Groups     []core.GroupID `json:"groups"`
	Closed     bool           `json:"closed"` // the node has stopped in order
	Unfinished string         `json:"unfinished,omitempty"`
}

func verify(o Options) error {
	r, err := wal.Verify(vfs.OS(), o.Dir)
	if err != nil {
		return err
	}
	s := summary{r.Segments, r.Frames, r.Records, r.Bytes, r.Groups, r.Closed, ""}
	if r.Unfinished != nil {
		s.Unfinished = r.Unfinished.Error()
	}
	if o.JSON {
		return remote.PrintJSON(o.Out, s)
	}
	fmt.Fprintf(o.Out, "OK segments=%d batches=%d records=%d bytes=%d groups=%v closed=%v\n",
		s.Segments, s.Batches, s.Records, s.Bytes, s.Groups, s.Closed)
	if s.Unfinished != "" {
		fmt.Fprintf(o.Out, "the last batch was not finished when the node ended: %s\n", s.Unfinished)
	}
	return nil
}

func dump(o Options) error {
	if !o.JSON {
		return wal.Dump(o.Out, vfs.OS(), o.Dir)
	}
	r, err := wal.Walk(vfs.OS(), o.Dir, func(i wal.Item) error {
		return remote.PrintJSON(o.Out, lineOf(i))
	})
	if err == nil && r.Unfinished != nil {
		err = remote.PrintJSON(o.Out, map[string]string{"unfinished": r.Unfinished.Error()})
	}
	return err
}

// line is a record for programs. What its kind does not have is left out.
type line struct {
	Segment string       `json:"segment"`
	Offset  int64        `json:"offset"`
	Batch   uint64       `json:"batch"`
	Record  string       `json:"record"`
	Group   core.GroupID `json:"group"`
	Entry   *entry       `json:"entry,omitempty"`
	Hard    *hard        `json:"hard,omitempty"`
	Start   *position    `json:"start,omitempty"`
	Last    *position    `json:"last,omitempty"`
	Meta    *meta        `json:"snapshot,omitempty"`
}

type position struct {
	Index core.Index `json:"index"`
	Term  core.Term  `json:"term"`
}

type entry struct {
	position
	Kind string `json:"kind"`
	Time int64  `json:"time"` // Unix ns
	Data []byte `json:"data"` // base64
}

type hard struct {
	Term   core.Term   `json:"term"`
	Vote   core.NodeID `json:"vote"`
	Commit core.Index  `json:"commit"`
}

type meta struct {
	position
	Time     int64  `json:"time"`
	Bytes    int64  `json:"bytes"`
	Checksum string `json:"checksum"`
	Members  string `json:"members"`
}

func lineOf(i wal.Item) line {
	l := line{Segment: i.Segment, Offset: i.Offset, Batch: i.Frame, Record: i.Kind, Group: i.Group}
	at := func(p *core.Position) *position {
		if p == nil {
			return nil
		}
		return &position{p.Index, p.Term}
	}
	l.Start, l.Last = at(i.Start), at(i.Last)
	if e := i.Entry; e != nil {
		l.Entry = &entry{*at(&e.Position), e.Kind.String(), e.Time, e.Data}
	}
	if h := i.Hard; h != nil {
		l.Hard = &hard{h.Term, h.Vote, h.Commit}
	}
	if m := i.Snapshot; m != nil {
		l.Meta = &meta{*at(&m.Position), m.Time, m.Size, fmt.Sprintf("%016x", m.Checksum),
			m.Membership.String()}
	}
	return l
}
