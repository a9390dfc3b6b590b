package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
)

// fingerprint lists the files below dir with their sizes and contents' sums.
func fingerprint(t *testing.T, dir string) string {
	t.Helper()
	var lines []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		sum := 0
		for i, b := range content {
			sum = sum*31 + int(b)*(i+1)
		}
		lines = append(lines, fmt.Sprintf("%s %d %x", path, len(content), sum))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

// TestDamagedLogIsNamedAndNotServed flips one bit in the middle of a log: the node says where, ends
// with the code for damage, leaves the files alone, and the others go on.
func TestDamagedLogIsNamedAndNotServed(t *testing.T) {
	c := programs.Cluster(t, 3)
	c.Leader(t)
	var batch strings.Builder
	for i := range 100 {
		fmt.Fprintf(&batch, "put key%d value-number-%d\n", i, i)
	}
	c.ClientWithInput(t, batch.String(), "batch", "-").Want(t, exit.OK, "OK")
	c.Settled(t, 3)
	victim := c.Node(c.Leader(t))
	victim.Kill(t)

	segments, err := filepath.Glob(filepath.Join(victim.Dir, "wal", "*.wal"))
	if err != nil || len(segments) == 0 {
		t.Fatalf("segments: %v, %v", segments, err)
	}
	content, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(content, []byte("value-number-50"))
	if at < 0 {
		t.Fatal("the value is not in the first segment")
	}
	content[at] ^= 1
	if err := os.WriteFile(segments[0], content, 0o600); err != nil {
		t.Fatal(err)
	}
	before := fingerprint(t, victim.Dir)
	p := victim.Launch(t)
	if code := p.Wait(t); code != exit.Corrupt {
		t.Errorf("got code %d, want %d", code, exit.Corrupt)
	}
	for _, want := range []string{filepath.Base(segments[0]), "offset "} {
		if !strings.Contains(p.Output(), want) {
			t.Errorf("the node does not say %q:\n%s", want, p.Output())
		}
	}
	if after := fingerprint(t, victim.Dir); after != before {
		t.Errorf("the files have changed:\n%s\n%s", before, after)
	}
	c.Leader(t)
	c.Client(t, "get", "key50").Want(t, exit.OK, "value-number-50\n")
}
