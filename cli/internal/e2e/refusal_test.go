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

// TestNodeRefusesBadInput gives a node what it must not start with: the code and the words of each
// refusal are promised.
func TestNodeRefusesBadInput(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	syntax := write("syntax.lua", "local t = state.map(\"t\")\n\nreturn {{\n")
	empty := write("empty.lua", "return { name = \"empty\", version = 1, queries = {} }\n")
	taken := filepath.Join(dir, "taken")
	claim := programs.Start(t, dir, "raft-node", "--id", "7", "--data", taken,
		"--listen", "127.0.0.1:0", "--api-listen", "127.0.0.1:0")
	claim.WaitFor(t, "node is running")
	claim.Stop(t)

	for _, c := range []struct {
		name  string
		words []string
		code  exit.Code
		want  string
	}{
		{"no id", nil, exit.Usage, "--id is missing"},
		{"unknown flag", []string{"--id", "1", "--colour", "red"}, exit.Usage, "--colour"},
		{"peer is no number", []string{"--id", "1", "--peers", "2,x"}, exit.Usage, `"x"`},
		{"peer zero", []string{"--id", "1", "--peers", "0"}, exit.Usage, "0"},
		{"peer is the node", []string{"--id", "1", "--peers", "1,2"}, exit.Usage, "1"},
		{"peer twice", []string{"--id", "1", "--peers", "2,2"}, exit.Usage, "2"},
		{"peer without port", []string{"--id", "1", "--peers", "2=host"}, exit.Usage, "host"},
		{"syntax error", []string{"--id", "1", "--script", syntax}, exit.Refused, "syntax.lua:"},
		{"no commands", []string{"--id", "1", "--script", empty}, exit.Refused, "commands"},
		{"no script", []string{"--id", "1", "--script", dir + "/none.lua"}, exit.Usage, "none.lua"},
		{"unknown store", []string{"--id", "1", "--store", "tape"}, exit.Usage, "wal"},
		{"unknown option", []string{"--id", "1", "--store.wal.colour", "red"}, exit.Usage,
			"--store.wal.segment"},
		{"plugin to import", []string{"--id", "1", "--transport", "owl"}, exit.Usage,
			`no transport is named "owl"; built in: grpc, http, memory, tcp (to build another in, ` +
				`import its package, as in import _ "example.org/owl"`},
		{"unknown machine", []string{"--id", "1", "--machine", "abacus"}, exit.Usage, "built in: lua"},
		{"wrong type", []string{"--id", "1", "--store.wal.segment", "big"}, exit.Usage,
			`option segment: "big" is wrong: a size is written as`},
		{"no certificate", []string{"--id", "1", "--transport.tcp.tls.cert", dir + "/none.pem"},
			exit.Usage, "option tls.cert: stat " + dir + "/none.pem: no such file"},
		{"other node's data", []string{"--id", "8", "--data", taken}, exit.Usage, "belongs to node 7"},
		{"other peers", []string{"--id", "7", "--data", taken, "--peers", "8"}, exit.Usage,
			"Leave --peers out"},
		{"other cluster's data", []string{"--id", "7", "--data", taken, "--cluster", "x"}, exit.Usage,
			"belongs to cluster"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := fingerprint(t, taken)
			words := append(c.words, "--listen", "127.0.0.1:0", "--api-listen", "127.0.0.1:0")
			if !strings.Contains(strings.Join(words, " "), "--data") {
				words = append(words, "--data", filepath.Join(t.TempDir(), "fresh"))
			}
			p := programs.Start(t, dir, "raft-node", words...)
			if code := p.Wait(t); code != c.code || !strings.Contains(p.Output(), c.want) {
				t.Errorf("got code %d, %s\nwant code %d, %s", code, p.Output(), c.code, c.want)
			}
			if after := fingerprint(t, taken); after != before {
				t.Errorf("the refused node changed the data:\n%s\n%s", before, after)
			}
		})
	}
}

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
