package bbolt

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/keyed"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// image is what a store holds, as far as these tests look.
type image struct {
	State   core.State
	Entries []core.Entry
}

func look(s core.Store) (image, error) {
	st, err := s.State(1)
	if err != nil {
		return image{}, err
	}
	list, err := s.Entries(nil, 1, st.Start.Index+1, st.Last.Index+1, 1<<30)
	return image{st, list}, err
}

// update is the n-th of a history in which group 1 grows, and is rewritten and compacted.
func update(n int) core.Update {
	at := core.Position{Term: 1, Index: core.Index(n)}
	meta := core.SnapshotMeta{Membership: core.Membership{
		Members: []core.Member{{ID: 1, Role: core.Voter, Addr: "a:1"}}}}
	if n == 0 {
		return core.Update{Group: 1, Install: &meta}
	}
	u := core.Update{Group: 1, Hard: core.HardState{Term: core.Term(n), Vote: 1},
		Entries: []core.Entry{{Position: at, Kind: core.EntryCommand, Time: 7,
			Data: bytes.Repeat([]byte{byte(n)}, 300+40*n)}}}
	if n%8 == 0 {
		meta.Position = at
		u.Snapshot, u.Compact = &meta, at.Index-3
	}
	return u
}

func mustOpen(t *testing.T, dir string) core.Store {
	t.Helper()
	s, err := Open(dir, small())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustWrite(t *testing.T, s core.Store, u core.Update) {
	t.Helper()
	if err := s.Write([]core.Update{u}); err != nil {
		t.Fatal(err)
	}
}

func mustLook(t *testing.T, s core.Store) image {
	t.Helper()
	i, err := look(s)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// TestTornTransactions makes of the file before a Write and of the file after it what a power cut
// in between can leave: any pages of the transaction without the one that points to them, and that
// one torn. The store then holds what it held before, and with all pages what it holds after.
func TestTornTransactions(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, fileName)
	s := mustOpen(t, dir)
	mustWrite(t, s, update(0))
	for n := 1; n < 20; n++ {
		before, old := mustRead(t, path), mustLook(t, s)
		mustWrite(t, s, update(n))
		after, fresh := mustRead(t, path), mustLook(t, s)
		for _, mask := range []int{0, 0x55555555, 0x0f0f0f0f, ^0} {
			torn := mix(before, after, mask)
			expect(t, torn, old)
			copy(torn[:2*pageBytes], garbled(before, after))
			expect(t, torn, old)
		}
		expect(t, after, fresh)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// mix takes the pages of after that the mask has bits for, all others of before, and the first two
// of before. What is beyond before is zeros.
func mix(before, after []byte, mask int) []byte {
	torn := make([]byte, max(len(before), len(after)))
	copy(torn, before)
	for i := 2; i < len(after)/pageBytes; i++ {
		if mask>>(i%31)&1 == 1 {
			copy(torn[i*pageBytes:(i+1)*pageBytes], after[i*pageBytes:])
		}
	}
	return torn
}

// garbled is the first two pages with noise in the one that the transaction has written.
func garbled(before, after []byte) []byte {
	head := bytes.Clone(after[:2*pageBytes])
	for i := range head {
		if head[i] != before[i] {
			head[i] ^= 0x5a
		}
	}
	return head
}

func expect(t *testing.T, file []byte, want image) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, fileName), file, fileMode); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, dir)
	defer s.Close()
	if got := mustLook(t, s); !reflect.DeepEqual(got, want) {
		t.Fatalf("got %v and %d entries, want %v and %d", got.State, len(got.Entries), want.State,
			len(want.Entries))
	}
}

// mustRead reads the file up to the last page that holds anything: bbolt keeps room beyond it.
func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	used := len(bytes.TrimRight(content, "\x00"))
	return content[:min(len(content), (used+pageBytes-1)/pageBytes*pageBytes)]
}

func TestOpenRefusesWhatIsNotOurs(t *testing.T) {
	other := t.TempDir()
	if err := create(vfs.OS(), filepath.Join(other, fileName)); err != nil {
		t.Fatal(err)
	}
	whole := mustRead(t, filepath.Join(other, fileName))
	elsewhere := bytes.ReplaceAll(whole, bucketName, []byte("somebody"))
	for what, content := range map[string][]byte{
		"an empty file": {}, "text": bytes.Repeat([]byte("text"), 9000), "a short file": whole[:9000],
		"another bucket": elsewhere,
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, fileName)
		if err := os.WriteFile(path, content, fileMode); err != nil {
			t.Fatal(err)
		}
		_, err := Open(dir, Config{})
		if !errors.Is(err, core.ErrCorrupt) {
			t.Errorf("%s: got %v, want ErrCorrupt", what, err)
		}
		if what == "text" && !errors.Is(err, keyed.ErrForeign) {
			t.Errorf("%s: got %v, want ErrForeign", what, err)
		}
		if !bytes.Equal(mustRead(t, path), content) && what != "another bucket" {
			t.Errorf("%s: was overwritten", what)
		}
	}
}

func TestSecondOpenerIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir)
	if _, err := Open(dir, Config{}); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("got %v, want ErrLocked", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	mustOpen(t, dir).Close() // the lock is free
}

// TestFailedWritePoisons takes the file away under the store, and then opens it again.
func TestFailedWritePoisons(t *testing.T) {
	dir := t.TempDir()
	var file *os.File
	c := small()
	c.openFile = func(path string, flag int, mode os.FileMode) (_ *os.File, err error) {
		file, err = os.OpenFile(path, flag, mode)
		return file, err
	}
	s, err := Open(dir, c)
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, s, update(0))
	want := mustLook(t, s)
	file.Close() // the mapping stays
	err = s.Write([]core.Update{update(1)})
	if err == nil || errors.Is(err, core.ErrPoisoned) {
		t.Errorf("write without a file: got %v", err)
	}
	for range 2 {
		if err := s.Write([]core.Update{update(1)}); !errors.Is(err, core.ErrPoisoned) {
			t.Errorf("got %v, want ErrPoisoned", err)
		}
	}
	s.Close() // fails as the file does
	s = mustOpen(t, dir)
	defer s.Close()
	if got := mustLook(t, s); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
