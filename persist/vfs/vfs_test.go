package vfs

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// each runs a test on every file system, in an empty directory.
func each(t *testing.T, test func(t *testing.T, fsys FS, dir string)) {
	pass := func(Op) error { return nil }
	for name, fsys := range map[string]FS{
		"os": OS(), "memory": NewMemory(1), "faulty": NewFaulty(NewMemory(1), pass),
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "a", "b")
			must(t, fsys.MkdirAll(dir))
			must(t, fsys.MkdirAll(dir))
			test(t, fsys, dir)
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func create(t *testing.T, fsys FS, path, content string) File {
	t.Helper()
	f, err := fsys.Create(path)
	must(t, err)
	_, err = f.WriteAt([]byte(content), 0)
	must(t, err)
	return f
}

func content(t *testing.T, fsys FS, path string) string {
	t.Helper()
	got, err := ReadFile(fsys, path, 1<<20)
	must(t, err)
	return string(got)
}

func list(t *testing.T, fsys FS, dir string) string {
	t.Helper()
	names, err := fsys.List(dir)
	must(t, err)
	return strings.Join(names, " ")
}

func wantText(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func TestFilesReadBackWhatWasWritten(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		path := filepath.Join(dir, "x")
		f := create(t, fsys, path, "hello")
		_, err := f.WriteAt([]byte("world"), 8)
		must(t, err)
		wantText(t, "gap", content(t, fsys, path), "hello\x00\x00\x00world")
		must(t, f.Preallocate(2, 14))
		must(t, f.Preallocate(0, 1))
		wantText(t, "preallocated", content(t, fsys, path), "hello\x00\x00\x00world\x00\x00\x00")
		must(t, f.Sync())
		buf := make([]byte, 4)
		n, err := f.ReadAt(buf, 14)
		if n != 2 || err != io.EOF {
			t.Errorf("read over the end: got %d, %v, want 2, EOF", n, err)
		}
		size, err := fsys.Size(path)
		if size != 16 || err != nil {
			t.Errorf("size: got %d, %v, want 16", size, err)
		}
		must(t, f.Close())
		wantErr(t, "read of a closed file", second(f.ReadAt(buf, 0)), fs.ErrClosed)
		wantErr(t, "second close", f.Close(), fs.ErrClosed)
		must(t, create(t, fsys, path, "new").Close())
		wantText(t, "created again", content(t, fsys, path), "new")
	})
}

func second[T any](_ T, err error) error { return err }

func TestNames(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		at := func(name string) string { return filepath.Join(dir, name) }
		for _, name := range []string{"b", "a", "c"} {
			must(t, create(t, fsys, at(name), name).Close())
		}
		must(t, fsys.MkdirAll(at("sub")))
		wantText(t, "list", list(t, fsys, dir), "a b c")
		open, err := fsys.OpenReadWrite(at("a"))
		must(t, err)
		must(t, fsys.Rename(at("b"), at("c")))
		must(t, fsys.Remove(at("a")))
		must(t, fsys.SyncDir(dir))
		wantText(t, "list", list(t, fsys, dir), "c")
		wantText(t, "renamed", content(t, fsys, at("c")), "b")
		_, err = open.WriteAt([]byte("A"), 0)
		must(t, err)
		must(t, open.Close())
		wantErr(t, "open", second(fsys.Open(at("a"))), fs.ErrNotExist)
		wantErr(t, "open for writing", second(fsys.OpenReadWrite(at("a"))), fs.ErrNotExist)
		wantErr(t, "size", second(fsys.Size(at("a"))), fs.ErrNotExist)
		wantErr(t, "remove", fsys.Remove(at("a")), fs.ErrNotExist)
		wantErr(t, "rename", fsys.Rename(at("a"), at("b")), fs.ErrNotExist)
		wantErr(t, "create", second(fsys.Create(at("no/a"))), fs.ErrNotExist)
		wantErr(t, "list", second(fsys.List(at("no"))), fs.ErrNotExist)
		wantErr(t, "sync", fsys.SyncDir(at("no")), fs.ErrNotExist)
		wantErr(t, "rename away", fsys.Rename(at("c"), at("sub/c")), fs.ErrInvalid)
		f, err := fsys.Open(at("c"))
		must(t, err)
		if _, err := f.WriteAt([]byte("x"), 0); err == nil {
			t.Error("a file that was opened for reading can be written")
		}
		must(t, f.Close())
	})
}

func TestLockIsExclusive(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		path := filepath.Join(dir, "lock")
		lock, err := fsys.Lock(path)
		must(t, err)
		wantErr(t, "second lock", second(fsys.Lock(path)), ErrLocked)
		must(t, lock.Close())
		lock, err = fsys.Lock(path)
		must(t, err)
		must(t, lock.Close())
	})
}

func TestWriteFileReplaces(t *testing.T) {
	each(t, func(t *testing.T, fsys FS, dir string) {
		path := filepath.Join(dir, "x")
		for _, text := range []string{"first", "second"} {
			must(t, WriteFile(fsys, path, []byte(text)))
			wantText(t, "content", content(t, fsys, path), text)
		}
		wantText(t, "list", list(t, fsys, dir), "x")
		if _, err := ReadFile(fsys, path, 5); err == nil {
			t.Error("a file over the limit is read")
		}
	})
}

// Whatever a power cut leaves, a file is the old one or the new one.
// TestWriteFileLeavesNothingBehind when it fails, but for what was there.
func TestWriteFileLeavesNothingBehind(t *testing.T) {
	for _, kind := range []OpKind{OpCreate, OpWrite, OpSync, OpRename} {
		m, broken := NewMemory(1), errors.New("broken")
		must(t, WriteFile(m, "x", []byte("old")))
		err := WriteFile(NewFaulty(m, func(op Op) error {
			if op.Kind == kind {
				return broken
			}
			return nil
		}), "x", []byte("new"))
		names, _ := m.List(".")
		content, _ := ReadFile(m, "x", 10)
		if !errors.Is(err, broken) || !slices.Equal(names, []string{"x"}) || string(content) != "old" {
			t.Errorf("%v: got %v; there are %q, and %s", kind, err, names, content)
		}
	}
}

func TestWriteFileSurvivesPowerCut(t *testing.T) {
	for at := uint64(1); ; at++ {
		m := NewMemory(at)
		must(t, WriteFile(m, "x", []byte("old")))
		reached := false
		err := WriteFile(NewFaulty(m, func(op Op) error {
			if op.Number >= at {
				reached = true
				return ErrCrashed
			}
			return nil
		}), "x", []byte("new"))
		got := content(t, m.Crash(), "x")
		if got != "new" && (got != "old" || err == nil) {
			t.Errorf("power cut at operation %d, error %v: got %q", at, err, got)
		}
		if !reached {
			return
		}
	}
}

func TestFilesAreForTheOwnerAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	must(t, OS().MkdirAll(dir))
	f := create(t, OS(), filepath.Join(dir, "f"), "")
	defer f.Close()
	lock, err := OS().Lock(filepath.Join(dir, "l"))
	must(t, err)
	defer lock.Close()
	for name, want := range map[string]fs.FileMode{"": dirMode, "f": fileMode, "l": fileMode} {
		var stat syscall.Stat_t
		must(t, syscall.Stat(filepath.Join(dir, name), &stat))
		if got := fs.FileMode(stat.Mode) & fs.ModePerm; got != want {
			t.Errorf("%q: got mode %o, want %o", name, got, want)
		}
	}
}

func TestExtendWithZeros(t *testing.T) {
	m := NewMemory(1)
	f := create(t, m, "x", "abc")
	must(t, extendWithZeros(f, 1, 4))
	must(t, extendWithZeros(f, 0, 2))
	wantText(t, "content", content(t, m, "x"), "abc\x00\x00")
	must(t, extendWithZeros(f, 0, 3<<20))
	if size, err := f.Size(); size != 3<<20 || err != nil {
		t.Errorf("size: got %d, %v", size, err)
	}
}

func TestFaultyShowsEveryOperation(t *testing.T) {
	var kinds []string
	f := NewFaulty(NewMemory(1), func(op Op) error {
		if op.Number != uint64(len(kinds)+1) {
			t.Errorf("got number %d, want %d", op.Number, len(kinds)+1)
		}
		kinds = append(kinds, op.Kind.String())
		return nil
	})
	must(t, f.MkdirAll("d"))
	lock, err := f.Lock("d/lock")
	must(t, err)
	must(t, lock.Close())
	must(t, WriteFile(f, "d/x", []byte("hello")))
	content(t, f, "d/x")
	file, err := f.OpenReadWrite("d/x")
	must(t, err)
	must(t, errors.Join(file.Preallocate(0, 9), file.Close(), f.Remove("d/x")))
	list(t, f, "d")
	must(t, second(f.Size("d/lock")))
	want := strings.Fields("mkdir lock create write sync rename syncdir open size read open " +
		"preallocate remove list size")
	if !slices.Equal(kinds, want) {
		t.Errorf("got %v, want %v", kinds, want)
	}
}

func TestFaults(t *testing.T) {
	m := NewMemory(1)
	var fault error
	faulty := NewFaulty(m, func(Op) error { return fault })
	f, err := faulty.Create("x")
	must(t, err)
	write := func(text string, off int64) (int, error) { return f.WriteAt([]byte(text), off) }
	must(t, second(write("0123456789", 0)))

	fault = syscall.EIO
	wantErr(t, "write", second(write("x", 0)), syscall.EIO)
	wantErr(t, "sync", f.Sync(), syscall.EIO)
	wantErr(t, "open", second(faulty.Open("x")), syscall.EIO)
	wantText(t, "after a failed write", content(t, m, "x"), "0123456789")

	fault = &Short{Bytes: 2, Err: syscall.ENOSPC}
	n, err := write("abcd", 4)
	wantErr(t, "short write", err, syscall.ENOSPC)
	if n != 2 {
		t.Errorf("short write: got %d, want 2", n)
	}
	fault = &Short{Bytes: 1}
	wantErr(t, "short write", second(write("AB", 4)), io.ErrShortWrite)
	wantText(t, "after a short write", content(t, m, "x"), "0123Ab6789")

	fault = ErrPretend
	must(t, second(write("zzz", 0)))
	must(t, errors.Join(f.Sync(), f.Preallocate(0, 99), faulty.SyncDir(".")))
	wantText(t, "after what was pretended", content(t, m, "x"), "0123Ab6789")

	fault = &Misdirected{Offset: 8}
	must(t, second(write("MM", 0)))
	wantText(t, "after a misdirected write", content(t, m, "x"), "0123Ab67MM")

	fault = &Flip{Bit: 8*10 + 5} // modulo the length of the read
	buf := make([]byte, 10)
	must(t, second(f.ReadAt(buf, 0)))
	wantText(t, "with a flipped bit", string(buf), "\x10123Ab67MM")
	wantText(t, "the file", content(t, m, "x"), "0123Ab67MM")
}

// A file that is open goes by the name that it has now, so that a hook finds it.
func TestFaultyFollowsRenames(t *testing.T) {
	var paths []string
	f := NewFaulty(NewMemory(1), func(op Op) error {
		if op.Kind == OpSync {
			paths = append(paths, op.Path)
		}
		return nil
	})
	file, err := f.Create("./a")
	must(t, err)
	must(t, errors.Join(file.Sync(), f.Rename("a", "b"), file.Sync()))
	must(t, errors.Join(f.Rename("b", "./c"), file.Sync()))
	other, err := f.Create("b")
	must(t, err)
	must(t, errors.Join(f.Rename("b", "d"), file.Sync(), other.Sync(), file.Close(), other.Close()))
	if want := strings.Fields("a b c c d"); !slices.Equal(paths, want) {
		t.Errorf("got %v, want %v", paths, want)
	}
}
