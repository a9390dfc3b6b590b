package server

import (
	"errors"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

func configForTest(t *testing.T, dir string) Config {
	t.Helper()
	c, err := Config{ID: 1, Dir: dir}.complete()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func fsForTest(t *testing.T) vfs.FS {
	t.Helper()
	fsys := vfs.NewMemory(1)
	if err := fsys.MkdirAll("d"); err != nil {
		t.Fatal(err)
	}
	return fsys
}

func TestDirectoryIsClaimedOnceAndForAll(t *testing.T) {
	fsys, c := fsForTest(t), configForTest(t, "d")
	for range 2 {
		if err := claim(fsys, c); err != nil {
			t.Fatal(err)
		}
	}
	content, err := vfs.ReadFile(fsys, "d/identity.json", maxIdentity)
	want := "{\n  \"format\": 1,\n  \"node\": 1,\n  \"cluster\": \"tidelock\",\n" +
		"  \"store\": \"wal\"\n}\n"
	if err != nil || string(content) != want {
		t.Errorf("got %s, %v", content, err)
	}
}

func TestDirectoryOfAnotherIsLeftAlone(t *testing.T) {
	for _, c := range []struct {
		change func(*Config)
		text   string
	}{
		{func(c *Config) { c.ID = 2 }, "the directory belongs to node 1, this is node 2"},
		{func(c *Config) { c.Cluster = "x" },
			`the directory belongs to cluster "tidelock", this node to "x"`},
		{func(c *Config) { c.Store.Name = "bbolt" },
			"the log is kept by store wal, this node was to use bbolt; to move it: " +
				"tidelock migrate-store --from wal:d --to bbolt:d"},
	} {
		fsys, config := fsForTest(t), configForTest(t, "d")
		if err := claim(fsys, config); err != nil {
			t.Fatal(err)
		}
		before, err := vfs.ReadFile(fsys, "d/identity.json", maxIdentity)
		if err != nil {
			t.Fatal(err)
		}
		c.change(&config)
		err = claim(fsys, config)
		if !errors.Is(err, exit.ErrUsage) || err.Error() != "d/identity.json: "+c.text {
			t.Errorf("got %v, want %s", err, c.text)
		}
		after, err := vfs.ReadFile(fsys, "d/identity.json", maxIdentity)
		if err != nil || string(after) != string(before) {
			t.Errorf("the file has become %s, %v", after, err)
		}
	}
}

func TestDataOfAnotherStoreAreNoEmptyDirectory(t *testing.T) {
	fsys := fsForTest(t)
	if err := fsys.MkdirAll("d/memory"); err != nil {
		t.Fatal(err)
	}
	if err := vfs.WriteFile(fsys, "d/memory/log", []byte("a log")); err != nil {
		t.Fatal(err)
	}
	if err := claim(fsys, configForTest(t, "d")); !errors.Is(err, core.ErrCorrupt) {
		t.Errorf("got %v, want ErrCorrupt", err)
	}
}

func TestDamagedIdentityIsCorruption(t *testing.T) {
	for _, content := range []string{
		"", "{", `{"format":1}`, `{"format":1,"node":1,"cluster":"tidelock"}`, `[]`,
	} {
		fsys := fsForTest(t)
		if err := vfs.WriteFile(fsys, "d/identity.json", []byte(content)); err != nil {
			t.Fatal(err)
		}
		if err := claim(fsys, configForTest(t, "d")); !errors.Is(err, core.ErrCorrupt) {
			t.Errorf("%s: got %v", content, err)
		}
	}
}

func TestIdentityOfAnotherVersionIsRefused(t *testing.T) {
	fsys := fsForTest(t)
	if err := vfs.WriteFile(fsys, "d/identity.json", []byte(`{"format":2}`)); err != nil {
		t.Fatal(err)
	}
	err := claim(fsys, configForTest(t, "d"))
	if err == nil || !strings.Contains(err.Error(), "format 2, want 1") {
		t.Errorf("got %v", err)
	}
}

func TestDataWithoutIdentityIsCorruption(t *testing.T) {
	for _, sub := range []string{"d/wal", "d/snapshots"} {
		fsys := fsForTest(t)
		if err := fsys.MkdirAll(sub); err != nil {
			t.Fatal(err)
		}
		if err := claim(fsys, configForTest(t, "d")); err != nil {
			t.Fatalf("an empty directory: %v", err)
		}
		if err := fsys.Remove("d/identity.json"); err != nil {
			t.Fatal(err)
		}
		if err := vfs.WriteFile(fsys, sub+"/something", nil); err != nil {
			t.Fatal(err)
		}
		if err := claim(fsys, configForTest(t, "d")); !errors.Is(err, core.ErrCorrupt) {
			t.Errorf("%s: got %v", sub, err)
		}
	}
}

// TestClaimSurvivesPowerCuts: whenever the power goes, the directory can be claimed afterwards by
// the same node, and by another one only if the first was not told that it is its own.
func TestClaimSurvivesPowerCuts(t *testing.T) {
	for cut := 1; ; cut++ {
		memory := vfs.NewMemory(uint64(cut))
		if err := memory.MkdirAll("d"); err != nil {
			t.Fatal(err)
		}
		done := 0
		faulty := vfs.NewFaulty(memory, func(vfs.Op) error {
			if done++; done >= cut {
				return errors.New("the power is out")
			}
			return nil
		})
		claimed := claim(faulty, configForTest(t, "d")) == nil
		after := memory.Crash()
		if err := claim(after, configForTest(t, "d")); err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if claimed {
			other := configForTest(t, "d")
			other.ID = 2
			if err := claim(after, other); !errors.Is(err, exit.ErrUsage) {
				t.Errorf("cut at %d: got %v", cut, err)
			}
			return
		}
	}
}
