package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMutantsFitTheSource makes sure that every mutant still breaks something: whoever changes the
// line that it breaks has to give it another.
func TestMutantsFitTheSource(t *testing.T) {
	t.Chdir(filepath.Join("..", "..", ".."))
	seen := map[string]bool{}
	for _, list := range lists {
		for _, m := range list {
			if _, err := m.overlay(t.TempDir()); err != nil {
				t.Errorf("%s: %s: %v", m.Name, m.File, err)
			}
			if seen[m.Name] || m.Old == m.New {
				t.Errorf("%s: stands there twice, or changes nothing", m.Name)
			}
			seen[m.Name] = true
		}
	}
}

// TestStaleMutantsAreTold has a mutant whose source is gone, and one whose source is there twice.
func TestStaleMutantsAreTold(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "source.go")
	if err := os.WriteFile(file, []byte("one two two"), 0o600); err != nil {
		t.Fatal(err)
	}
	for old, want := range map[string]error{"one": nil, "two": errStale, "three": errStale} {
		m := Mutant{File: file, Old: old, New: "none"}
		_, err := m.overlay(dir)
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", old, err, want)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "broken.go"))
	if err != nil || !strings.Contains(string(text), "two two") {
		t.Errorf("got %s, %v, want the mutant's source", text, err)
	}
}

// TestLateIsNotCaught stops a command that would not end.
func TestLateIsNotCaught(t *testing.T) {
	if _, err := output(".", time.Millisecond, "sleep", "60"); !errors.Is(err, errLate) {
		t.Errorf("got %v, want %v", err, errLate)
	}
	if _, err := output(".", time.Minute, "true"); err != nil {
		t.Error(err)
	}
}

// TestVerdicts reads what tests print.
func TestVerdicts(t *testing.T) {
	for out, want := range map[string]string{
		"run 1\nrun 2\n caught by one leader after 2 seeds: host 1": "one leader, 2",
		"run 1\npanic: entry 3 conflicts":                           "assertion, 1",
		"run 1\nrun 2\npanic: test timed out after 1m":              "no end, 2",
		"run 1\n": "killed, 1",
	} {
		if got := verdict(&Mutant{}, out); got != want {
			t.Errorf("%q: got %s, want %s", out, got, want)
		}
	}
	if got := verdict(&Mutant{Test: "TestPowerMajority"}, ""); got != "TestPowerMajority" {
		t.Errorf("got %s, want the test", got)
	}
}
