package vfs

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

func TestEverythingOpenFailsAfterACrash(t *testing.T) {
	for name, end := range map[string]func(*Memory) *Memory{
		"crash": (*Memory).Crash, "kill": (*Memory).Kill,
	} {
		t.Run(name, func(t *testing.T) {
			m := NewMemory(1)
			f := create(t, m, "x", "hello")
			must(t, f.Sync())
			must(t, m.SyncDir("."))
			must(t, second(m.Lock("lock")))
			after := end(m)
			for what, err := range map[string]error{
				"read":   second(f.ReadAt(make([]byte, 1), 0)),
				"write":  second(f.WriteAt([]byte("x"), 0)),
				"sync":   f.Sync(),
				"open":   second(m.Open("x")),
				"create": second(m.Create("y")),
				"mkdir":  m.MkdirAll("d"),
				"list":   second(m.List(".")),
			} {
				wantErr(t, what, err, ErrCrashed)
			}
			must(t, f.Close())
			wantText(t, "content", content(t, after, "x"), "hello")
			must(t, second(after.Lock("lock")))
		})
	}
}

func TestCrashKeepsWhatWasSynced(t *testing.T) {
	for seed := range uint64(200) {
		m := NewMemory(seed)
		must(t, m.MkdirAll("d"))
		f := create(t, m, "d/x", strings.Repeat("s", 3000))
		must(t, f.Sync())
		must(t, m.SyncDir("d"))
		must(t, second(f.WriteAt([]byte(strings.Repeat("u", 1000)), 700)))
		must(t, second(m.Create("d/new")))
		got := content(t, m.Crash(), "d/x")
		if len(got) != 3000 || strings.Trim(got[:700]+got[1700:], "s") != "" {
			t.Fatalf("seed %d: bytes that no unsynced write covers have changed", seed)
		}
	}
}

// TestCrashReachesEveryOutcome shows that each thing that may happen does.
func TestCrashReachesEveryOutcome(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(400) {
		m := NewMemory(seed)
		f := create(t, m, "old", strings.Repeat("s", 1024))
		must(t, create(t, m, "gone", "").Sync())
		must(t, f.Sync())
		must(t, m.SyncDir("."))
		must(t, second(f.WriteAt([]byte(strings.Repeat("a", 1024)), 0)))
		must(t, second(f.WriteAt([]byte(strings.Repeat("b", 512)), 1024)))
		must(t, second(m.Create("new")))
		must(t, m.Remove("gone"))
		must(t, m.Rename("old", "renamed"))
		after := m.Crash()
		names := list(t, after, ".")
		seen[names]++
		path := "old"
		if strings.Contains(names, "renamed") {
			path = "renamed"
		}
		got := content(t, after, path)
		for off := 0; off < len(got); off += 512 {
			kind := got[off : off+1]
			if kind == "\x00" && strings.Trim(got[off:off+512], "\x00") == "" {
				kind = "zero"
			} else if got[off:off+512] != strings.Repeat(kind, 512) {
				kind = "garbage"
			}
			seen[fmt.Sprint(off, kind)]++
		}
		seen[fmt.Sprint("length ", len(got))]++
	}
	for _, names := range []string{"gone old", "gone renamed", "old", "renamed", "gone new old",
		"gone new renamed", "new old", "new renamed", "length 1024", "length 1536", "0s", "0a",
		"0garbage", "512s", "512a", "512garbage", "1024b", "1024zero", "1024garbage"} {
		if seen[names] == 0 {
			t.Errorf("%q never happens: %v", names, seen)
		}
		delete(seen, names)
	}
	if len(seen) > 0 {
		t.Errorf("these must not happen: %v", seen)
	}
}

// A name that depends on one that was lost is lost as well.
func TestCrashKeepsTheOrderOfOneName(t *testing.T) {
	for seed := range uint64(200) {
		m := NewMemory(seed)
		must(t, WriteFile(m, "x", []byte("first")))
		for _, text := range []string{"second", "third"} {
			f := create(t, m, "x.tmp", text)
			must(t, f.Sync())
			must(t, m.Rename("x.tmp", "x"))
		}
		after := m.Crash()
		if got := content(t, after, "x"); got != "first" && got != "second" && got != "third" {
			t.Fatalf("seed %d: got %q", seed, got)
		}
	}
}

// A file that was renamed out of the way of a new one is not lost with its renaming.
func TestCrashLosesNoSyncedFile(t *testing.T) {
	for seed := range uint64(200) {
		m := NewMemory(seed)
		must(t, WriteFile(m, "x", []byte("old")))
		must(t, m.Rename("x", "y"))
		must(t, create(t, m, "x", "new").Sync())
		after := m.Crash()
		found := ""
		for _, name := range strings.Fields(list(t, after, ".")) {
			found += content(t, after, name)
		}
		if !strings.Contains(found, "old") {
			t.Fatalf("seed %d: the files hold %q", seed, found)
		}
	}
}

func TestCrashOfUnsyncedDirectory(t *testing.T) {
	m := NewMemory(1)
	must(t, create(t, m, "x", "hello").Sync())
	after := m.CrashWith(Cut{Keep: 1})
	wantErr(t, "open", second(after.Open("x")), fs.ErrNotExist)
}

func TestKillLosesNothingYet(t *testing.T) {
	m := NewMemory(1)
	create(t, m, "x", "hello")
	m = m.Kill()
	wantText(t, "after the kill", content(t, m, "x"), "hello")
	m = m.CrashWith(Cut{Names: 1})
	wantText(t, "after the power cut", content(t, m, "x"), "")
}

func TestCrashIsReproducible(t *testing.T) {
	run := func(seed uint64) string {
		m := NewMemory(seed)
		var b strings.Builder
		for n := range 5 {
			for i := range 10 {
				name := fmt.Sprint("f", (i*7+n)%10)
				f := create(t, m, name, strings.Repeat(name, 2000))
				if i%3 == 0 {
					must(t, f.Sync())
				}
			}
			m = m.Crash()
			for _, name := range strings.Fields(list(t, m, ".")) {
				fmt.Fprintf(&b, "%s %x\n", name, content(t, m, name))
			}
		}
		return b.String()
	}
	first := run(1)
	if again := run(1); again != first {
		t.Error("the same seed gives another disk")
	}
	if run(2) == first {
		t.Error("another seed gives the same disk")
	}
}

func TestFailedSyncLosesWhatItCovers(t *testing.T) {
	m := NewMemory(1)
	must(t, WriteFile(m, "x", []byte("abc")))
	f, err := m.OpenReadWrite("x")
	must(t, err)
	must(t, second(f.WriteAt([]byte("A"), 0)))
	must(t, m.FailSync("x"))
	must(t, second(f.WriteAt([]byte("C"), 2)))
	must(t, f.Sync())
	wantText(t, "before the power cut", content(t, m, "x"), "AbC")
	m = m.Crash()
	wantText(t, "after the power cut", content(t, m, "x"), "abC")
	wantErr(t, "fail sync", m.FailSync("y"), fs.ErrNotExist)
}

func TestFlipIsDurable(t *testing.T) {
	m := NewMemory(1)
	must(t, WriteFile(m, "x", []byte("abc")))
	must(t, m.Flip("x", 1, 1))
	wantText(t, "after the flip", content(t, m, "x"), "acc")
	m = m.Crash()
	wantText(t, "after a power cut", content(t, m, "x"), "acc")
	wantErr(t, "flip", m.Flip("y", 0, 1), fs.ErrNotExist)
}

// A fork and what it was made from go their own ways, what is pending included.
func TestForkSharesNothing(t *testing.T) {
	m := NewMemory(1)
	must(t, WriteFile(m, "x", []byte("abc")))
	f, err := m.OpenReadWrite("x")
	must(t, err)
	must(t, second(f.WriteAt([]byte("X"), 1)))
	must(t, m.Rename("x", "y"))
	fork := m.Fork(1)
	must(t, second(f.WriteAt([]byte("Y"), 2)))
	must(t, m.Remove("y"))
	wantText(t, "the fork", content(t, fork, "y"), "aXc")
	wantText(t, "a fork that loses nothing",
		content(t, fork.Fork(1).CrashWith(Cut{Keep: 1, Names: 1}), "y"), "aXc")
	wantText(t, "a fork that loses all", content(t, fork.Fork(1).CrashWith(Cut{}), "x"), "abc")
	noise := fork.Fork(1).CrashWith(Cut{Garbage: true, Names: 1})
	must(t, second(noise.Lock("lock")))
	wantText(t, "the fork in the end", content(t, fork, "y"), "aXc")
	wantErr(t, "open", second(m.Open("y")), fs.ErrNotExist)
}

// TestOnlyReachesEverySubset decides on each pending change by itself.
func TestOnlyReachesEverySubset(t *testing.T) {
	m := NewMemory(1)
	f := create(t, m, "x", strings.Repeat("s", 1024))
	must(t, f.Sync())
	must(t, m.SyncDir("."))
	must(t, second(f.WriteAt([]byte(strings.Repeat("a", 1024)), 0)))
	must(t, second(m.Create("y")))
	seen := map[string]bool{}
	for subset := range 8 {
		asked := 0
		after := m.Fork(1).CrashWith(Cut{Keep: 1, Only: func(n int) bool {
			asked++
			return subset>>n&1 == 1
		}})
		got := content(t, after, "x")
		seen[list(t, after, ".")+got[:1]+got[512:513]] = true
		if asked != 3 {
			t.Errorf("asked about %d changes, want 3", asked)
		}
	}
	if len(seen) != 8 {
		t.Errorf("got %v, want 8 outcomes", seen)
	}
}

func TestFailedSyncOfADirectoryLosesNames(t *testing.T) {
	m := NewMemory(1)
	must(t, create(t, m, "x", "hello").Sync())
	must(t, m.FailSync("."))
	must(t, create(t, m, "y", "").Sync())
	must(t, second(m.Open("x")))
	after := m.CrashWith(Cut{Keep: 1, Names: 1})
	wantText(t, "after the power cut", list(t, after, "."), "y")
}
