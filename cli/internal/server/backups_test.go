package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/backup"
)

// frozen is a state that writes what it is, and counts its releases.
type frozen struct {
	content  []byte
	err      error
	released atomic.Int32
}

func (f *frozen) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(f.content)
	return int64(n), errors.Join(err, f.err)
}

func (f *frozen) Release() { f.released.Add(1) }

var frozenMeta = core.SnapshotMeta{
	Position:   core.Position{Term: 2, Index: 9},
	Membership: core.Membership{Members: []core.Member{{ID: 1, Role: core.Voter}}},
}

// backupsOf makes a service with a state to be saved.
func backupsOf(f *frozen) *backups {
	return newBackups(inner{}, func(core.GroupID) (core.SnapshotMeta, core.Snapshot, error) {
		return frozenMeta, f, nil
	})
}

// piece asks for one and waits for the answer.
func (b *backups) piece(t *testing.T, stream, number uint64) core.Reply {
	t.Helper()
	data, err := json.Marshal(core.BackupRequest{Stream: stream, Piece: number})
	if err != nil {
		t.Fatal(err)
	}
	answer := make(replies, 1)
	b.Submit([]core.Request{{
		Group: core.DefaultGroup, Kind: core.RequestBackup, Data: data, Caller: answer,
	}})
	return <-answer
}

// TestBackupIsToldInPieces asks for each piece, for some of them again, and reads the whole.
func TestBackupIsToldInPieces(t *testing.T) {
	f := &frozen{content: bytes.Repeat([]byte("tidelock"), 100_000)}
	b := backupsOf(f)
	var file []byte
	for n := uint64(0); ; n++ {
		r := b.piece(t, 5, n)
		if r.Err != nil || r.Result.Failure != nil || len(r.Result.Value) > core.MaxBackupPiece {
			t.Fatalf("piece %d: got %+v", n, r)
		}
		if again := b.piece(t, 5, n); !bytes.Equal(again.Result.Value, r.Result.Value) {
			t.Fatalf("piece %d is another the second time", n)
		}
		if len(r.Result.Value) == 0 {
			break
		}
		file = append(file, r.Result.Value...)
	}
	if r := b.piece(t, 5, 1); r.Result.Failure == nil {
		t.Errorf("an old piece: got %+v", r)
	}
	if err := b.Close(); err != nil || f.released.Load() != 1 {
		t.Errorf("closed: %v; released %d times", err, f.released.Load())
	}
	in, err := backup.NewReader(bytes.NewReader(file), "file")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(in)
	if m := in.Meta(); err != nil || !bytes.Equal(body, f.content) || m.Node != 1 ||
		m.Snapshot.Position != frozenMeta.Position {
		t.Errorf("got %d bytes, %+v, %v", len(body), m, err)
	}
}

// TestBackupsAreBounded holds in number and in time: one that nobody goes on with is forgotten.
func TestBackupsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &frozen{content: make([]byte, 3*core.MaxBackupPiece)}
		b := backupsOf(f)
		defer b.Close()
		for id := range uint64(maxBackups) {
			if r := b.piece(t, id, 0); r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		if r := b.piece(t, 9, 0); !errors.Is(r.Err, core.ErrBusy) {
			t.Errorf("one too many: got %+v", r)
		}
		<-time.After(backupPatience + time.Second)
		synctest.Wait()
		if got := f.released.Load(); got != maxBackups {
			t.Errorf("released %d times, want %d", got, maxBackups)
		}
		if r := b.piece(t, 1, 1); r.Result.Failure == nil || r.Result.Failure.Code != codeBackup {
			t.Errorf("a forgotten one: got %+v", r)
		}
		if r := b.piece(t, 9, 0); r.Err != nil {
			t.Errorf("there is room again: got %+v", r)
		}
	})
}

// TestBackupsThatAreWholeMakeRoom at once, and their ends can be asked for again.
func TestBackupsThatAreWholeMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := backupsOf(&frozen{content: []byte("body")})
		defer b.Close()
		for id := range uint64(2 * maxWhole) {
			for n := range uint64(2) {
				if r := b.piece(t, id, n); r.Err != nil || r.Result.Failure != nil ||
					(len(r.Result.Value) == 0) != (n == 1) {
					t.Fatalf("piece %d of backup %d: got %+v", n, id, r)
				}
			}
			synctest.Wait()
		}
		for id := range uint64(2 * maxWhole) {
			r := b.piece(t, id, 1)
			if (r.Result.Failure == nil) != (id >= maxWhole) || r.Err != nil {
				t.Errorf("the end of backup %d again: got %+v", id, r)
			}
		}
	})
}

func TestBackupTellsWhatGoesWrong(t *testing.T) {
	broken := errors.New("broken")
	f := &frozen{content: []byte("body"), err: broken}
	b := backupsOf(f)
	if r := b.piece(t, 1, 0); r.Result.Failure == nil || r.Result.Failure.Message != "broken" {
		t.Errorf("got %+v", r)
	}
	if r := b.piece(t, 2, 3); r.Result.Failure == nil {
		t.Errorf("begun in the middle: got %+v", r)
	}
	answer := make(replies, 2)
	b.Submit([]core.Request{
		{Kind: core.RequestBackup, Data: []byte("{"), Caller: answer},
		{Kind: core.RequestQuery, Caller: answer},
	})
	if r := <-answer; r.Result.Failure == nil {
		t.Errorf("no request: got %+v", r)
	}
	if r := <-answer; r.Index != 7 {
		t.Errorf("a query beside it: got %+v", r)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if r := b.piece(t, 3, 0); !errors.Is(r.Err, core.ErrClosed) {
		t.Errorf("closed: got %+v", r)
	}
	for _, want := range []error{core.ErrQuarantined, core.ErrNoGroup} {
		b := newBackups(inner{}, func(core.GroupID) (core.SnapshotMeta, core.Snapshot, error) {
			return core.SnapshotMeta{}, nil, want
		})
		if r := b.piece(t, 1, 0); !errors.Is(r.Err, want) {
			t.Errorf("got %+v, want %v", r, want)
		}
		b.Close()
	}
}
