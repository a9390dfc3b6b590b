package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/backup"
	"github.com/tidelock-raft/tidelock/persist/vfs"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// maxAttempts is how often a backup is begun that the node gives up.
const maxAttempts = 3

// Save are the options of save.
type Save struct {
	remote.Options
	File  string
	Force bool
}

// saved is what came of it, for programs.
type saved struct {
	File     string     `json:"file"`
	Node     string     `json:"node"`
	Index    core.Index `json:"index"`
	Term     core.Term  `json:"term"`
	Bytes    int64      `json:"bytes"`           // of the state
	Checksum string     `json:"checksum_crc_64"` // of the state, hexadecimal
}

func (o Save) run(ctx context.Context) error {
	if _, err := os.Stat(o.File); !o.Force && !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = exit.Usagef("%s is there already; --force replaces it", o.File)
		}
		return err
	}
	s, err := o.Open()
	if err != nil {
		return o.Report(err, 0)
	}
	defer s.Close()
	meta, err := o.save(ctx, s)
	if err != nil {
		return o.Report(err, 0)
	}
	at := meta.Snapshot
	out := saved{o.File, exit.Node(meta.Node), at.Index, at.Term, at.Size,
		fmt.Sprintf("%016x", at.Checksum)}
	if o.JSON {
		return remote.PrintJSON(o.Out, out)
	}
	_, err = fmt.Fprintf(o.Out, "OK file=%s node=%d index=%d term=%d bytes=%d checksum=%s\n",
		out.File, meta.Node, out.Index, out.Term, out.Bytes, out.Checksum)
	return err
}

// save fetches, syncs, reads back and renames. What is not whole does not stay.
func (o Save) save(ctx context.Context, s *remote.Session) (backup.Meta, error) {
	temporary := o.File + ".tmp"
	file, err := os.OpenFile(temporary, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return backup.Meta{}, err
	}
	err = fetch(ctx, s, file)
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	var meta backup.Meta
	if err == nil {
		meta, err = backup.Verify(temporary)
	}
	if err == nil {
		err = os.Rename(temporary, o.File)
	}
	if err != nil {
		return meta, errors.Join(err, os.RemoveAll(temporary))
	}
	return meta, vfs.OS().SyncDir(filepath.Dir(o.File))
}

// fetch begins anew, with an empty file, if the node gives up.
func fetch(ctx context.Context, s *remote.Session, file *os.File) (err error) {
	for range maxAttempts {
		if err = file.Truncate(0); err == nil {
			_, err = file.Seek(0, io.SeekStart)
		}
		if err == nil {
			_, err = s.Backup(ctx, file)
		}
		if !errors.Is(err, client.ErrBackup) {
			break
		}
	}
	return err
}
