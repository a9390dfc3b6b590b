package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/memory"
	"github.com/tidelock-raft/tidelock/persist/snapfile"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// answers is a caller with one outcome, and a service of a node that knows of five committed
// entries.
type answers struct {
	core.Service
	got chan core.Reply
}

func (a answers) Replied(_ uint64, r core.Reply) { a.got <- r }

func (answers) Status() core.NodeStatus {
	return core.NodeStatus{Groups: []core.GroupStatus{{Group: core.DefaultGroup, CommitIndex: 5}}}
}

// logsForTest has six entries of a megabit each, the first two of which are compacted away, and a
// snapshot of two pieces.
func logsForTest(t *testing.T) (*logs, answers, []byte) {
	t.Helper()
	fsys := vfs.NewMemory(1)
	snapshots, err := snapfile.Open(fsys, "snapshots")
	if err != nil {
		t.Fatal(err)
	}
	body := bytes.Repeat([]byte("snapshot"), core.MaxBackupPiece/8+1)
	at := core.Position{Term: 1, Index: 2}
	w, err := snapshots.Create(core.DefaultGroup, at)
	if err == nil {
		_, err = w.Write(body)
	}
	if err != nil {
		t.Fatal(err)
	}
	meta := core.SnapshotMeta{Position: at, Membership: core.Membership{
		Members: []core.Member{{ID: 1, Role: core.Voter, Addr: "a:1"}},
	}}
	if meta.Size, meta.Checksum, err = w.Commit(); err != nil {
		t.Fatal(err)
	}
	first := core.SnapshotMeta{Membership: meta.Membership}
	update := core.Update{Group: core.DefaultGroup, Install: &first, Snapshot: &meta, Compact: 2,
		Hard: core.HardState{Term: 1, Vote: 1, Commit: 3}}
	for i := range core.Index(6) {
		update.Entries = append(update.Entries, core.Entry{
			Position: core.Position{Term: 1, Index: i + 1}, Kind: core.EntryCommand,
			Data: make([]byte, 128<<10),
		})
	}
	store := memory.New()
	if err := store.Write([]core.Update{update}); err != nil {
		t.Fatal(err)
	}
	a := answers{got: make(chan core.Reply, 1)}
	return &logs{Service: a, store: store, snapshots: snapshots}, a, body
}

func TestPagesOfALog(t *testing.T) {
	l, a, body := logsForTest(t)
	defer l.Close()
	ask := func(data string) core.Reply {
		l.Submit([]core.Request{{
			Kind: core.RequestLog, Group: core.DefaultGroup, Data: []byte(data), Caller: a,
		}})
		return <-a.got
	}
	for data, want := range map[string]struct{ first, n core.Index }{
		`{}`: {0, 0}, `{"from":3,"to":3}`: {3, 1}, `{"from":3,"to":99}`: {3, 1},
		`{"from":6,"to":18446744073709551615}`: {6, 1},
	} {
		page, err := core.DecodeLogPage(ask(data).Result.Value, want.first)
		if err != nil || core.Index(len(page.Entries)) != want.n || page.State.Hard.Commit != 5 ||
			page.State.Last.Index != 6 || page.State.Snapshot.Size != int64(len(body)) {
			t.Errorf("%s: got %d entries, %+v, %v", data, len(page.Entries), page.State, err)
		}
	}
	for _, data := range []string{
		`{"from":2,"to":3}`, `{"from":7,"to":9}`, `{"from":4,"to":3}`, `{"offset":-1}`, `nonsense`,
		`{"snapshot":{"Term":1,"Index":3}}`,
	} {
		if r := ask(data); r.Result.Failure == nil || r.Result.Failure.Code != codeLog {
			t.Errorf("%s: got %+v, want a failure", data, r)
		}
	}
	for offset, want := range map[int][]byte{
		0: body[:core.MaxBackupPiece], core.MaxBackupPiece: body[core.MaxBackupPiece:], 1 << 40: nil,
	} {
		data, err := json.Marshal(core.LogRequest{
			Snapshot: &core.Position{Term: 1, Index: 2}, Offset: int64(offset),
		})
		if err != nil {
			t.Fatal(err)
		}
		if r := ask(string(data)); !bytes.Equal(r.Result.Value, want) || r.Result.Failure != nil {
			t.Errorf("at %d: got %d bytes, want %d", offset, len(r.Result.Value), len(want))
		}
	}
}

// slow is a store whose readers wait.
type slow struct {
	core.Store
	began, goOn chan struct{}
}

func (s slow) State(core.GroupID) (core.State, error) {
	s.began <- struct{}{}
	<-s.goOn
	return core.State{}, io.ErrUnexpectedEOF
}

func TestFewPagesAreReadAtATime(t *testing.T) {
	l, a, _ := logsForTest(t)
	a.got = make(chan core.Reply, maxLogReads+1)
	s := slow{l.store, make(chan struct{}), make(chan struct{})}
	l.store = s
	request := core.Request{
		Kind: core.RequestLog, Group: core.DefaultGroup, Data: []byte(`{}`), Caller: a,
	}
	for range maxLogReads {
		l.Submit([]core.Request{request})
		<-s.began
	}
	l.Submit([]core.Request{request})
	if r := <-a.got; !errors.Is(r.Err, core.ErrBusy) {
		t.Errorf("got %+v, want %v", r, core.ErrBusy)
	}
	close(s.goOn)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	for range maxLogReads {
		if r := <-a.got; r.Result.Failure == nil {
			t.Errorf("got %+v, want a failure", r)
		}
	}
	l.Submit([]core.Request{request})
	if r := <-a.got; !errors.Is(r.Err, core.ErrClosed) {
		t.Errorf("got %+v, want %v", r, core.ErrClosed)
	}
}
