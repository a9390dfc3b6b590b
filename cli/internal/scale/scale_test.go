package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/cli/internal/trial"
)

// raftNode is built once.
func raftNode(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := trial.Build(dir, "raft-node"); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "raft-node")
}

// short measures everything as little as can be.
func short(t *testing.T, out *strings.Builder) options {
	o := defaults()
	o.laps, o.hold, o.nodes, o.clients = 2, 200*time.Millisecond, list{1, 3}, list{4}
	o.sizes, o.keys, o.connections = list{128, 1 << 20}, list{20_000}, 200
	o.groups, o.dir, o.out = list{1, 3}, t.TempDir(), out
	return o
}

// TestPartsMeasure runs each part on real nodes and looks at the rows of its table: how many there
// are, and that there is a number in every column that must not be zero.
func TestPartsMeasure(t *testing.T) {
	program := raftNode(t)
	for name, c := range map[string]struct {
		rows, columns int
		first         []string
	}{
		"nodes":       {2, 10, []string{"1", "3"}},
		"values":      {2, 10, []string{"128", "1,048,576"}},
		"keys":        {1, 12, []string{"20,000"}},
		"connections": {2, 10, []string{"64", "264"}},
		"groups":      {2, 13, []string{"1", "3"}},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			o := short(t, &out)
			o.raftNode, o.parts = program, name
			if err := run(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			rows := rowsOf(out.String())
			if len(rows) != c.rows+2 {
				t.Fatalf("got %d rows, want %d:\n%s", len(rows)-2, c.rows, &out)
			}
			for i, row := range rows[2:] {
				if len(row) != c.columns || row[0] != c.first[i] || row[len(row)-1] == "" {
					t.Errorf("got %q, want %d cells that begin with %s", row, c.columns, c.first[i])
				}
				if strings.Contains(strings.Join(row, "|"), "NaN") {
					t.Errorf("got %q", row)
				}
			}
			if left, err := os.ReadDir(o.dir); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// rowsOf are the cells of the only table.
func rowsOf(text string) (rows [][]string) {
	for line := range strings.Lines(text) {
		if cells, ok := strings.CutPrefix(strings.TrimSpace(line), "| "); ok {
			rows = append(rows, strings.Split(strings.TrimSuffix(cells, " |"), " | "))
		}
	}
	return rows
}

func TestWhatFailsIsNoFigure(t *testing.T) {
	refused := errors.New("refused")
	n := 0
	_, err := closed(t.Context(), 1, time.Minute, func(int, *rand.Rand) error {
		if n++; n == 3 {
			return refused
		}
		return nil
	})
	if !errors.Is(err, refused) || n != 3 {
		t.Errorf("got %v after %d requests, want it to end with the third", err, n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := closed(ctx, 1, time.Minute, nil); err == nil {
		t.Error("nothing was measured, and that is no error")
	}
}

func TestLimitIsWhatThereWasNoMoreOf(t *testing.T) {
	for want, f := range map[string]figures{
		"processors":  {busy: 0.9, disk: 0.9},
		"fsync":       {busy: 0.5, disk: 0.9},
		"round trips": {busy: 0.5, disk: 0.5},
	} {
		if got := f.limit(); got != want {
			t.Errorf("%+v: got %s, want %s", f, got, want)
		}
	}
}

func TestSpreadIsOfAllLaps(t *testing.T) {
	laps := []figures{{rate: 1234567.8}, {rate: 20}, {rate: 1000}}
	for n, want := range map[int]string{
		1: "1,234,567.8", 2: "617,293.9 (20.0–1,234,567.8)", 3: "1,000.0 (20.0–1,234,567.8)",
	} {
		if got := spread("%.1f", laps[:n], rate); got != want {
			t.Errorf("%d laps: got %s, want %s", n, got, want)
		}
	}
}

// TestProcessorTimeAndMemoryAreRead burns and holds some.
func TestProcessorTimeAndMemoryAreRead(t *testing.T) {
	w := startWatch()
	held := make([]byte, 32<<20)
	for deadline := time.Now().Add(time.Minute); ; {
		for i := range held {
			held[i]++
		}
		if w.read().all >= 100*time.Millisecond {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no processor time is seen")
		}
	}
	if got := resident(os.Getpid()); got < float64(len(held)) {
		t.Errorf("got %.0f bytes resident, want at least %d", got, len(held))
	}
	if available() < 1<<20 || maxFiles() < 64 {
		t.Errorf("got %.0f bytes available, %d files", available(), maxFiles())
	}
}

// TestRecordReplacesItsPart writes parts one after the other, one of them twice.
func TestRecordReplacesItsPart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	page := "before\n" + markerBegin + markerEnd + "after\n"
	if err := os.WriteFile(path, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"### Keys\n\nold\n", "### Groups\n\ng\n", "### Nodes\n\nn\n", "### Keys\n\nnew\n\n",
	} {
		if err := record(path, text); err != nil {
			t.Fatal(err)
		}
	}
	want := "before\n" + markerBegin + "\n### Nodes\n\nn\n\n### Keys\n\nnew\n\n### Groups\n\ng\n\n" +
		markerEnd + "after\n"
	if got, err := os.ReadFile(path); string(got) != want {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
	if err := os.WriteFile(path, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := record(path, "### Keys\n")
	if err == nil || !strings.Contains(err.Error(), "scale: begin") {
		t.Errorf("got %v, want that there are no markers", err)
	}
}

func TestListIsRead(t *testing.T) {
	var l list
	if err := l.Set("1,16,256"); err != nil || fmt.Sprint([]int(l)) != "[1 16 256]" ||
		l.String() != "1,16,256" {
		t.Errorf("got %v, %q, %v", []int(l), l.String(), err)
	}
	for _, text := range []string{"", "0", "1,,2", "x"} {
		if err := l.Set(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
