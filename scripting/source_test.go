package scripting

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/sandbox"
)

const (
	mainFile = "local tell, lib = require 'tell', require 'lib/deep'\n" +
		"local kv = state.map('kv')\n" +
		"return {name = 'parts', version = 1, commands = {\n" +
		"  set = function(k, v) kv:set(k, tell(v)) return lib.n end,\n" +
		"  wrong = function() lib.wrong() end, late = function(n) return require 'tell' end}}"
	tellFile = "local lib = require 'lib/deep'\nreturn function(v) return lib.n .. v end"
	deepFile = "return {n = 7, wrong = function()\n  return nil + 1\nend}"
)

// write makes a directory with these files and returns the path of the first.
func write(t *testing.T, namesAndTexts ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(namesAndTexts); i += 2 {
		path := filepath.Join(dir, namesAndTexts[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(namesAndTexts[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, namesAndTexts[0])
}

func readSource(t *testing.T, path string) Source {
	t.Helper()
	src, err := ReadSource(path)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// TestSourceNeedsNoFiles runs a machine of three files after they are gone, also on a node that
// calls the script otherwise, and restores its state.
func TestSourceNeedsNoFiles(t *testing.T) {
	path := write(t, "m.lua", mainFile, "tell.lua", tellFile, "lib/deep.lua", deepFile)
	src := readSource(t, path)
	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	a := newMachine(t, src)
	b := newMachine(t, Source{Name: "other.lua", Text: bytes.Clone(src.Text)})
	for i, c := range []struct{ name, want string }{
		{"set", "7"},
		{"wrong", "error: lib/deep.lua:2: cannot perform add operation"},
		{"late", "error: parts.lua:5: require may be used only while the script"},
	} {
		entries := []core.Entry{commandEntry(core.Index(i+1), encode(t, c.name, "x"))}
		if c.name == "set" {
			entries[0].Data = encode(t, c.name, "x", "y")
		}
		if c.name == "wrong" {
			entries[0].Data = encode(t, c.name)
		}
		one, two := apply(t, a, entries)[0], apply(t, b, entries)[0]
		got := ""
		if one.Failure != nil {
			got = one.Failure.Error()
		} else {
			got = show(t, one.Value)
		}
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
		if fmt.Sprint(one.Failure) != fmt.Sprint(two.Failure) || !bytes.Equal(one.Value, two.Value) {
			t.Errorf("%s: got %v on the other node, want %v", c.name, two, one)
		}
	}
	if a.now.Load().Hash != b.now.Load().Hash || a.Digest() != b.Digest() ||
		!bytes.Equal(snapshotOf(t, a), snapshotOf(t, b)) {
		t.Error("the nodes differ")
	}
	empty, err := NewEmpty(Default(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	install, err := EncodeInstall(src)
	if err != nil {
		t.Fatal(err)
	}
	if r := apply(t, empty, []core.Entry{commandEntry(1, install)})[0]; r.Failure != nil ||
		empty.Name() != "parts" || empty.now.Load().Hash != a.now.Load().Hash {
		t.Errorf("installed by the log: %v, %s", r.Failure, empty)
	}
	fresh := newMachine(t, src)
	if err := fresh.Restore(bytes.NewReader(snapshotOf(t, a))); err != nil ||
		fresh.Digest() != a.Digest() {
		t.Errorf("restore: %v", err)
	}
}

func TestSourceOfOneFileIsTheFile(t *testing.T) {
	src := readSource(t, write(t, "kv.lua", string(Default().Text)))
	if src.Name != "kv.lua" || !bytes.Equal(src.Text, Default().Text) {
		t.Errorf("got %s, %d bytes", src.Name, len(src.Text))
	}
	parts := write(t, "m.lua", mainFile, "tell.lua", tellFile, "lib/deep.lua", deepFile)
	bundle := readSource(t, parts)
	again := readSource(t, write(t, "bundle.lua", string(bundle.Text)))
	if !bytes.Equal(again.Text, bundle.Text) {
		t.Error("a bundle in a file is not taken as it is")
	}
}

func TestSourcesThatCannotRun(t *testing.T) {
	long := "return '" + strings.Repeat("x", sandbox.MaxSource/2) + "'"
	for what, c := range map[string]struct {
		files []string
		want  string
	}{
		"missing": {[]string{"m.lua", mainFile, "tell.lua", tellFile},
			"m.lua:1: there is no module 'lib/deep'; it would be the file lib/deep.lua"},
		"circle": {[]string{"m.lua", mainFile, "tell.lua", tellFile, "lib/deep.lua", "require 'tell'"},
			"circle: lib/deep -> tell -> lib/deep"},
		"too long together": {[]string{"m.lua", mainFile, "tell.lua", long, "lib/deep.lua", long},
			"bytes, at most 262144 are allowed"},
		"too long alone": {[]string{"m.lua", long + long}, "bytes, at most 262144 are allowed"},
		"an error in a module": {[]string{"m.lua", "require 'tell'", "tell.lua", "\nerror('no')"},
			"tell.lua:2: no"},
		"a module that is only a part": {[]string{"m.lua", "require 'tell'", "tell.lua", "return {"},
			"tell.lua:1: syntax error"},
		"an upvalue assigned in a module": {[]string{"m.lua", mainFile, "tell.lua", tellFile,
			"lib/deep.lua", "local n\nreturn {n = 1, wrong = function() n = 1 end}"},
			"lib/deep.lua:2: assignment to 'n'"},
	} {
		_, err := New(readSource(t, write(t, c.files...)), Config{})
		var refused *ScriptError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want %s", what, err, c.want)
		}
	}
}

// TestSourceDoesNotLeadOut: a link out of the directory of the script is no module.
func TestSourceDoesNotLeadOut(t *testing.T) {
	secret := write(t, "secret.lua", "return 1")
	path := write(t, "m.lua", "require 'secret'")
	if err := os.Symlink(secret, filepath.Join(filepath.Dir(path), "secret.lua")); err != nil {
		t.Fatal(err)
	}
	if src, err := ReadSource(path); err == nil {
		t.Errorf("got %s", src.Text)
	}
	none := filepath.Join(filepath.Dir(path), "none.lua")
	if _, err := ReadSource(none); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such script: got error %v", err)
	}
}
