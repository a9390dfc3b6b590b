package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// Audit is what recovering leaves in the log, as the data of an empty entry just before the new
// members, and in the data directory, so that the node tells it whenever it starts.
type Audit struct {
	Recovered bool          `json:"recovered"`
	Time      string        `json:"time"`
	Survivors []core.NodeID `json:"survivors"`
	Lost      []core.NodeID `json:"lost"`
	Last      core.Position `json:"last"`
	Before    string        `json:"before"`
	After     string        `json:"after"`
}

// auditName is the file with the Audit in a data directory.
const auditName = "recovered.json"

// maxAudit bounds what is read of it, in bytes.
const maxAudit = 64 << 10

func (v *recovery) newAudit(now time.Time) ([]byte, error) {
	audit, err := json.Marshal(Audit{
		Recovered: true, Time: now.UTC().Format(time.RFC3339), Survivors: v.RecoverRequest.Survivors,
		Lost: v.Lost, Last: v.best.Last, Before: v.Before, After: v.After,
	})
	if err != nil {
		return nil, fmt.Errorf("encode audit: %w", err)
	}
	return audit, nil
}

// rewind takes a log that has gone on, and not been used since, for what it was before: who asks
// for a recovery again that has failed behind that finds the plan as it was. The log of a learner
// may end so, too: it is left alone if the plan is about it as it is, or if another's is newer.
func (s *Survivor) rewind() error {
	last := s.state.Last.Index
	if last < s.state.Start.Index+2 {
		return nil
	}
	page, err := s.data.Store.Entries(nil, core.DefaultGroup, last-1, last+1, scanBytes)
	if err != nil || len(page) < 2 {
		return err
	}
	audit := page[0].Data
	if a, ok := decodeAudit(audit); ok && a.Last.Index == last-2 &&
		page[0].Kind == core.EntryNoop && page[1].Kind == core.EntryMembership {
		s.audit, s.state.Last, s.Last = audit, a.Last, a.Last
		s.members, err = newestMembers(s.data.Store, s.state)
	}
	return err
}

func decodeAudit(data []byte) (a Audit, ok bool) {
	err := json.Unmarshal(data, &a)
	return a, err == nil && a.Recovered
}

// tell leaves the audit in a data directory. That of an earlier recovery is set aside.
func (v *recovery) tell(s *Survivor, audit []byte) error {
	path := filepath.Join(s.Dir, auditName)
	told, err := vfs.ReadFile(v.fs, path, maxAudit)
	if err == nil {
		was, _ := decodeAudit(told)
		is, _ := decodeAudit(audit)
		if was.Last == is.Last && was.Before == is.Before && was.After == is.After {
			return v.fs.SyncDir(s.Dir) // it tells of this one
		}
		err = v.fs.Rename(path, path+asideSuffix+v.Recovery.Confirm)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return vfs.WriteFile(v.fs, path, append(slices.Clip(audit), '\n'))
}

// recall has the log say that this node has gone on after a loss, if it has.
func (p *parts) recall() error {
	path := filepath.Join(p.Dir, auditName)
	content, err := vfs.ReadFile(vfs.OS(), path, maxAudit)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	p.Log.Warn("this node was recovered after a majority was lost",
		"audit", strings.TrimSpace(string(content)))
	return nil
}
