// Command mutants proves that the simulator finds what it is there to find: it breaks production
// code on purpose, one line at a time, and runs worlds until a checker notices.
//
//	go run ./core/sim/mutants                  every mutant
//	go run ./core/sim/mutants -run 'commit'    those whose name matches
//
// A mutant is an exact piece of source and what it is replaced by. The replacement is never written
// to the tree: the compiler is given it as an overlay. The exit code is 1 if a mutant survives, or
// if its piece of source is not there any more exactly once.
//
// Run it at the root of the module. Read next: core.go and the other lists, then package sim.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"
)

// Mutant is a piece of production code and what breaks it.
type Mutant struct {
	Name string
	File string // from the root of the module
	Old  string // found there exactly once
	New  string
	// Test, if set, names a test that has to fail, of Package or else of core/sim; if not, drawn
	// worlds are run until one does.
	Test    string
	Package string
}

// lists are all mutants, by the part of the system that they break.
var lists = [][]Mutant{consensus, storage, service, machine, scenarios}

// limits of one mutant.
const (
	buildLimit = 10 * time.Minute
	runLimit   = 10 * time.Minute
)

func main() {
	only := flag.String("run", "", "a regular expression: which mutants, by name")
	seeds := flag.Int("seeds", 100, "how many worlds to run at most for a mutant")
	flag.Parse()
	if err := run(*only, *seeds); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(only string, seeds int) error {
	chosen, err := regexp.Compile(only)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	failed := 0
	for _, list := range lists {
		for i := range list {
			m := &list[i]
			if !chosen.MatchString(m.Name) {
				continue
			}
			began := time.Now()
			caught, err := m.catch(dir, seeds)
			if err != nil {
				failed++
				caught = err.Error()
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%.0f s\n", m.Name, m.File, caught, time.Since(began).Seconds())
			if err := table.Flush(); err != nil {
				return err
			}
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d were not caught", failed)
	}
	return nil
}

var (
	errStale    = errors.New("STALE: its source is not there exactly once")
	errSurvived = errors.New("SURVIVED")
	errLate     = errors.New("NOT CAUGHT IN TIME")
)

// catch builds the tests of the simulator with the mutant and returns what noticed it.
func (m *Mutant) catch(dir string, seeds int) (string, error) {
	overlay, err := m.overlay(dir)
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "sim.test")
	folder := filepath.FromSlash(cmp.Or(m.Package, "core/sim"))
	build := []string{"test", "-c", "-overlay", overlay, "-o", binary, "./" + folder}
	if out, err := output(".", buildLimit, "go", build...); err != nil {
		return "", fmt.Errorf("DOES NOT COMPILE: %s", out)
	}
	args := []string{"-test.run", "^TestUntilCaught$", "-sim.until", fmt.Sprint(seeds)}
	if m.Test != "" {
		args = []string{"-test.run", "^" + strings.ReplaceAll(m.Test, "/", "$/^") + "$"}
	}
	out, err := output(folder, runLimit, binary, args...)
	if err == nil {
		return "", errSurvived
	}
	if errors.Is(err, errLate) {
		return "", errLate
	}
	return verdict(m, out), nil
}

// overlay writes the broken file and the list that tells the compiler of it.
func (m *Mutant) overlay(dir string) (string, error) {
	source, err := os.ReadFile(m.File)
	if err != nil {
		return "", err
	}
	if strings.Count(string(source), m.Old) != 1 {
		return "", errStale
	}
	path, err := filepath.Abs(m.File)
	if err != nil {
		return "", err
	}
	broken := filepath.Join(dir, "broken.go")
	text := strings.Replace(string(source), m.Old, m.New, 1)
	if err := os.WriteFile(broken, []byte(text), 0o600); err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": {path: broken}})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, list, 0o600)
}

// output runs a command in a folder. The error is errLate if the command was stopped.
func output(folder string, limit time.Duration, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	command := exec.CommandContext(ctx, name, args...)
	command.Dir = folder
	out, err := command.CombinedOutput()
	if ctx.Err() != nil {
		err = errLate
	}
	return string(out), err
}

var caughtLine = regexp.MustCompile(`caught by (.*) after (\d+) seeds?`)

// verdict says what noticed the mutant, from what the tests printed.
func verdict(m *Mutant, out string) string {
	runs := strings.Count(out, "run ")
	switch found := caughtLine.FindStringSubmatch(out); {
	case m.Test != "":
		return m.Test
	case found != nil:
		return found[1] + ", " + found[2]
	case strings.Contains(out, "panic: test timed out"):
		return fmt.Sprintf("no end, %d", runs)
	case strings.Contains(out, "panic:"):
		return fmt.Sprintf("assertion, %d", runs)
	}
	return fmt.Sprintf("killed, %d", runs)
}
