package server

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// saved has a node with some state write a backup of it.
func saved(t *testing.T) (path string) {
	t.Helper()
	n := runForTest(t, Config{ID: 1, Dir: t.TempDir(), Cluster: "old"})
	defer n.close(t)
	n.do(t, core.RequestCommand, "put", "x", "1")
	n.do(t, core.RequestCommand, "incr", "n")
	path = filepath.Join(t.TempDir(), "file.snap")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Config{Endpoints: []string{n.api}, Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := errors.Join(c.Backup(t.Context(), n.api, file), file.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRestoredNodesHaveTheStateAndAreANewCluster restores twice and starts one of them.
func TestRestoredNodesHaveTheStateAndAreANewCluster(t *testing.T) {
	path := saved(t)
	two := Config{ID: 1, Dir: t.TempDir(), Cluster: "new", Peers: []Peer{{ID: 2}}}
	first, err := Restore(two, path)
	if err != nil {
		t.Fatal(err)
	}
	alone := Config{ID: 7, Dir: filepath.Join(t.TempDir(), "data"), Cluster: "new"}
	second, err := Restore(alone, path)
	if err != nil {
		t.Fatal(err)
	}
	if first.Digest == 0 || first.Digest != second.Digest ||
		first.Meta.Membership.String() != "voters=1,2" || second.Meta.Membership.String() != "voters=7" {
		t.Errorf("got %+v and %+v", first, second)
	}
	n := runForTest(t, alone)
	defer n.close(t)
	if got := n.do(t, core.RequestQuery, "get", "x"); got != "1" {
		t.Errorf("got x = %v, want 1", got)
	}
	if got := n.do(t, core.RequestCommand, "incr", "n"); got != int64(2) {
		t.Errorf("got n = %v, want 2", got)
	}
}

func TestRestoreRefusesAndLeavesNothingBehind(t *testing.T) {
	path := saved(t)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := filepath.Join(t.TempDir(), "damaged.snap")
	write(t, damaged, string(slices.Delete(bytes.Clone(content), len(content)-40, len(content)-39)))
	full := t.TempDir()
	write(t, filepath.Join(full, "precious"), "data")
	for _, c := range []struct {
		what   string
		config Config
		path   string
		is     error
		says   string
	}{
		{"the same cluster", Config{ID: 1, Cluster: "old"}, path, exit.ErrUsage, "say another name"},
		{"no empty directory", Config{ID: 1, Cluster: "new", Dir: full}, path, exit.ErrUsage,
			"it holds precious"},
		{"damage", Config{ID: 1, Cluster: "new"}, damaged, core.ErrCorrupt, "offset"},
		{"no file", Config{ID: 1, Cluster: "new"}, path + "x", os.ErrNotExist, "no such file"},
		{"no id", Config{Cluster: "new"}, path, exit.ErrUsage, "--id is missing"},
		{"to join", Config{ID: 1, Cluster: "new", Join: true, Peers: []Peer{{ID: 2}}}, path,
			exit.ErrUsage, "--join"},
		{"another machine", Config{ID: 1, Cluster: "new", Machine: Choice{Name: "none"}}, path, nil,
			"no machine is named"},
	} {
		if c.config.Dir == "" {
			c.config.Dir = t.TempDir()
		}
		_, err := Restore(c.config, c.path)
		if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v", c.what, err)
		}
		for _, name := range []string{"wal", "snapshots", "identity.json"} {
			if _, err := os.Stat(filepath.Join(c.config.Dir, name)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s: %s is there", c.what, name)
			}
		}
	}
}
