package snapfile

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/persisttest"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

func TestConformance(t *testing.T) {
	persisttest.RunSnapshots(t, persisttest.Keeper{
		Open: func(fs vfs.FS, dir string) (core.Snapshots, error) { return Open(fs, dir) },
	})
}

func TestConformanceOnDisk(t *testing.T) {
	persisttest.RunSnapshots(t, persisttest.Keeper{
		Open: func(_ vfs.FS, dir string) (core.Snapshots, error) { return Open(vfs.OS(), dir) },
	})
}

var (
	place = core.Position{Term: 0x1112131415161718, Index: 0x2122232425262728}
	body  = []byte("0123456789abcdef")
)

const group = core.GroupID(0x0102030405060708)

// kept returns a disk with one snapshot, and the path of its file.
func kept(t *testing.T, content []byte) (*vfs.Memory, *Directory, string) {
	t.Helper()
	disk := vfs.NewMemory(1)
	d, err := Open(disk, "snap")
	if err != nil {
		t.Fatal(err)
	}
	w, err := d.Create(group, place)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	return disk, d, "snap/snapshot-0102030405060708-1112131415161718-2122232425262728.snap"
}

// readAll opens the snapshot and reads it.
func readAll(d *Directory) ([]byte, error) {
	r, err := d.Open(group, place)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
}

func TestGoldenBytes(t *testing.T) {
	disk, _, path := kept(t, body)
	got, err := vfs.ReadFile(disk, path, 1<<20)
	want := []byte("tidesnap\x01\x00\x00\x00\x00\x00\x01\x00" +
		"\x08\x07\x06\x05\x04\x03\x02\x01\x18\x17\x16\x15\x14\x13\x12\x11" +
		"\x28\x27\x26\x25\x24\x23\x22\x21\x1f\x09\xfb\x96" +
		"\x57\x64\x54\xe3" + "0123456789abcdef" +
		"\x10\x00\x00\x00\x00\x00\x00\x00\x6c\x00\x6b\x97\xfc\x22\xe7\x33" +
		"\x2b\xfe\xb4\xa0")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	content := bytes.Repeat(body, 5000) // more than a block
	disk, d, path := kept(t, content)
	size, err := disk.Size(path)
	if err != nil {
		t.Fatal(err)
	}
	second := int64(headBytes + blockOnDisk)
	offsets := []int64{second - 1, second, second + sumBytes}
	for off := range int64(headBytes + 64) {
		offsets = append(offsets, off, size-1-off)
	}
	for _, off := range offsets {
		for bit := range 8 {
			flip(t, disk, path, off, 1<<bit)
			_, err := readAll(d)
			if !errors.Is(err, core.ErrCorrupt) {
				t.Errorf("bit %d at %d of %d flipped: got %v, want corrupt", bit, off, size, err)
			}
			flip(t, disk, path, off, 1<<bit)
		}
	}
	if got, err := readAll(d); err != nil || !bytes.Equal(got, content) {
		t.Errorf("with all bits as they were: %v", err)
	}
}

func flip(t *testing.T, disk *vfs.Memory, path string, off int64, mask byte) {
	t.Helper()
	if err := disk.Flip(path, off, mask); err != nil {
		t.Fatal(err)
	}
}

func TestEveryCutIsFound(t *testing.T) {
	disk, d, path := kept(t, body)
	content, err := vfs.ReadFile(disk, path, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for size := len(content) - 1; size >= 0; size-- {
		if err := vfs.WriteFile(disk, path, content[:size]); err != nil {
			t.Fatal(err)
		}
		if _, err := readAll(d); !errors.Is(err, core.ErrCorrupt) {
			t.Errorf("cut to %d bytes: got %v, want corrupt", size, err)
		}
	}
}

// A snapshot under another's name is one that somebody has copied there.
func TestRenamedSnapshotIsFound(t *testing.T) {
	disk, d, path := kept(t, body)
	other := core.Position{Term: 1, Index: 1}
	if err := disk.Rename(path, d.path(name{group, other})); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Open(group, other); !errors.Is(err, core.ErrCorrupt) {
		t.Errorf("got %v, want corrupt", err)
	}
}

func TestOpenRemovesWhatACrashLeft(t *testing.T) {
	disk, d, path := kept(t, body)
	w, err := d.Create(group, core.Position{Term: 1, Index: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(bytes.Repeat(body, 10_000)); err != nil {
		t.Fatal(err)
	}
	if err := vfs.WriteFile(disk, "snap/notes.tmp", body); err != nil {
		t.Fatal(err)
	}
	disk = disk.CrashWith(vfs.Cut{Keep: 1, Names: 1})
	if _, err := Open(disk, "snap"); err != nil {
		t.Fatal(err)
	}
	got, err := disk.List("snap")
	if want := []string{"notes.tmp", path[len("snap/"):]}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func TestFailedWriteIsFinal(t *testing.T) {
	disk := vfs.NewMemory(1)
	broken := errors.New("broken")
	failing := false
	d, err := Open(vfs.NewFaulty(disk, func(op vfs.Op) error {
		if failing && op.Kind == vfs.OpWrite {
			return broken
		}
		return nil
	}), "snap")
	if err != nil {
		t.Fatal(err)
	}
	w, err := d.Create(group, place)
	if err != nil {
		t.Fatal(err)
	}
	failing = true
	_, err = w.Write(make([]byte, 2*blockBytes))
	failing = false
	if !errors.Is(err, broken) {
		t.Errorf("write: got %v, want %v", err, broken)
	}
	if _, _, err := w.Commit(); !errors.Is(err, broken) {
		t.Errorf("commit: got %v, want %v", err, broken)
	}
	if _, err := d.Open(group, place); !errors.Is(err, core.ErrNoSnapshot) {
		t.Errorf("open: got %v, want %v", err, core.ErrNoSnapshot)
	}
}

// Open refuses a file of another length than its foot says, whatever the blocks hold.
func TestLengthMustFitTheFoot(t *testing.T) {
	for what, change := range map[string]func(content []byte, foot int) []byte{
		"a byte more":     func(c []byte, foot int) []byte { return slices.Insert(c, foot, 0) },
		"a byte less":     func(c []byte, foot int) []byte { return slices.Delete(c, foot-1, foot) },
		"nothing between": func(c []byte, foot int) []byte { return slices.Delete(c, headBytes, foot) },
	} {
		disk, d, path := kept(t, body)
		content, err := vfs.ReadFile(disk, path, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		content = change(content, len(content)-footBytes)
		if err := vfs.WriteFile(disk, path, content); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Open(group, place); !errors.Is(err, core.ErrCorrupt) {
			t.Errorf("%s: got %v, want corrupt", what, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	head, sum := name{group, place}.head()
	good := append(head, 0, 0, 0, 0)
	good = append(good, body...)
	little.PutUint32(good[headBytes:], blockSum(sum, 0, body))
	good = append(good, foot(sum, int64(len(body)), 7)...)
	f.Add(good)
	f.Add(append(head, foot(sum, 1<<62, 7)...))
	f.Add(append(head, foot(sum, -1, 7)...))
	f.Fuzz(func(t *testing.T, content []byte) {
		disk := vfs.NewMemory(1)
		d, err := Open(disk, "snap")
		if err != nil {
			t.Fatal(err)
		}
		if err := vfs.WriteFile(disk, d.path(name{group, place}), content); err != nil {
			t.Fatal(err)
		}
		got, err := readAll(d)
		if err != nil && !errors.Is(err, core.ErrCorrupt) && !errors.Is(err, ErrVersion) {
			t.Errorf("got %v", err)
		}
		if err == nil && fileBytes(int64(len(got))) != int64(len(content)) {
			t.Errorf("a file of %d bytes gave %d", len(content), len(got))
		}
	})
}
