package memory

import (
	"bytes"
	"fmt"
	"hash/crc64"
	"slices"
	"sync"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/internal/change"
)

var ecma = crc64.MakeTable(crc64.ECMA)

// Snapshots keeps the bodies of snapshots in memory. The zero value is an empty one.
type Snapshots struct {
	guard  sync.RWMutex
	bodies []body
}

type body struct {
	group   core.GroupID
	at      core.Position
	content []byte
}

// Create implements core.Snapshots.
func (s *Snapshots) Create(g core.GroupID, at core.Position) (core.SnapshotWriter, error) {
	return &writer{to: s, group: g, at: at}, nil
}

// Open implements core.Snapshots.
func (s *Snapshots) Open(g core.GroupID, at core.Position) (core.SnapshotReader, error) {
	s.guard.RLock()
	defer s.guard.RUnlock()
	for _, b := range s.bodies {
		if b.group == g && b.at == at {
			return reader{bytes.NewReader(b.content), crc64.Checksum(b.content, ecma)}, nil
		}
	}
	return nil, fmt.Errorf("%w: group %d, %v", core.ErrNoSnapshot, g, at)
}

// List implements core.Snapshots.
func (s *Snapshots) List(g core.GroupID) ([]core.Position, error) {
	s.guard.RLock()
	defer s.guard.RUnlock()
	var list []core.Position
	for _, b := range s.bodies {
		if b.group == g {
			list = append(list, b.at)
		}
	}
	slices.SortFunc(list, change.Compare)
	return list, nil
}

// Retain implements core.Snapshots.
func (s *Snapshots) Retain(g core.GroupID, keep ...core.Position) error {
	s.remove(func(b body) bool { return b.group == g && !slices.Contains(keep, b.at) })
	return nil
}

func (s *Snapshots) remove(unwanted func(body) bool) {
	s.guard.Lock()
	defer s.guard.Unlock()
	s.bodies = slices.DeleteFunc(s.bodies, unwanted)
}

type writer struct {
	bytes.Buffer
	to    *Snapshots
	group core.GroupID
	at    core.Position
}

// Commit implements core.SnapshotWriter.
func (w *writer) Commit() (int64, uint64, error) {
	w.to.remove(func(b body) bool { return b.group == w.group && b.at == w.at })
	w.to.guard.Lock()
	defer w.to.guard.Unlock()
	w.to.bodies = append(w.to.bodies, body{w.group, w.at, w.Bytes()})
	return int64(w.Len()), crc64.Checksum(w.Bytes(), ecma), nil
}

// Abort implements core.SnapshotWriter.
func (w *writer) Abort() { w.Reset() }

type reader struct {
	*bytes.Reader
	checksum uint64
}

// Checksum implements core.SnapshotReader.
func (r reader) Checksum() uint64 { return r.checksum }

// Close implements core.SnapshotReader.
func (r reader) Close() error { return nil }
