package sqlitestore_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"example.org/sqlitestore"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/persisttest"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

func TestConformance(t *testing.T) {
	persisttest.Run(t, persisttest.Subject{Open: func(_ vfs.FS, dir string) (core.Store, error) {
		return sqlitestore.Open(dir)
	}})
}

func TestDamageIsTold(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "log.sqlite")
	s, err := sqlitestore.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sqlitestore.Open(dir); err == nil {
		t.Error("it can be opened twice")
	}
	entry := core.Entry{Position: core.Position{Term: 1, Index: 1}, Kind: core.EntryCommand,
		Data: []byte("needle")}
	begin := &core.SnapshotMeta{Membership: core.Membership{
		Members: []core.Member{{ID: 1, Role: core.Voter}}}}
	err = s.Write([]core.Update{{Group: 1, Install: begin, Entries: []core.Entry{entry}}})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, 100, bytes.Index(sound, []byte("needle"))} {
		damaged := bytes.Clone(sound)
		damaged[at] ^= 8
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := sqlitestore.Open(dir); !errors.Is(err, core.ErrCorrupt) {
			t.Errorf("byte %d is damaged: got %v", at, err)
		}
	}
}
