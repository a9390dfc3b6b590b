package raft_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/core/raftscript"
)

var rewrite = flag.Bool("rewrite", false, "write the output of transcripts into testdata")

// TestTranscripts runs each conversation in testdata. A file is named for the scenario that it
// shows; the comment at its top says what it proves.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := raftscript.Run(string(text))
			if err != nil {
				t.Error(err)
			}
			if *rewrite && got != "" {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			compare(t, file, got, string(text))
		})
	}
}

// compare reports the first line in which a transcript went differently.
func compare(t *testing.T, file, got, want string) {
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i, line := range gotLines {
		if i >= len(wantLines) || line != wantLines[i] {
			expected := "the end"
			if i < len(wantLines) {
				expected = wantLines[i]
			}
			t.Errorf("%s:%d:\n got %s\nwant %s", file, i+1, line, expected)
			return
		}
	}
	if len(gotLines) < len(wantLines) {
		t.Errorf("%s: ended after line %d, want %d lines", file, len(gotLines), len(wantLines))
	}
}
