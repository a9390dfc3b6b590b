package examples

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// maxPluginLines is what a plugin may cost its author, in lines of code, but for its tests and for
// the main package that imports it.
const maxPluginLines = 100

// TestModulesOfTheirOwn builds each folder with a go.mod away from here, as somebody else would,
// runs its tests, among which is the conformance suite, and its program, which lists the plugin.
func TestModulesOfTheirOwn(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	for folder, plugin := range map[string]string{
		"pigeon": "transport pigeon", "sqlitestore": "store sqlite", "counter": "machine counter",
	} {
		t.Run(folder, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(folder)); err != nil {
				t.Fatal(err)
			}
			inside := func(words ...string) string {
				t.Helper()
				command := exec.CommandContext(t.Context(), "go", words...)
				command.Dir = dir
				command.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
				out, err := command.CombinedOutput()
				if err != nil {
					t.Fatalf("go %s: %v\n%s", strings.Join(words, " "), err, out)
				}
				return string(out)
			}
			inside("mod", "edit", "-replace", "github.com/tidelock-raft/tidelock="+root)
			inside("vet", "./...")
			if out := inside("test", "-count=1", "-v", "-run", "Conformance", "."); !strings.Contains(
				out, "--- PASS: TestConformance") {
				t.Errorf("no conformance suite ran:\n%s", out)
			}
			_, name, _ := strings.Cut(plugin, " ")
			out := inside("run", "./cmd/"+folder, "plugins", "describe", name)
			if !strings.HasPrefix(out, plugin+"\n") {
				t.Errorf("the program does not know %s:\n%s", plugin, out)
			}
			if n := codeLines(t, folder); n > maxPluginLines {
				t.Errorf("%d lines of code, want at most %d", n, maxPluginLines)
			}
		})
	}
}

// codeLines counts the lines of a package that are neither empty nor comments.
func codeLines(t *testing.T, dir string) int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(source)) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
				n++
			}
		}
	}
	return n
}
