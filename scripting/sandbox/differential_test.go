package sandbox

import (
	"flag"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

// With -lua PATH and -record the results of real Lua 5.1 are written down again; with -lua PATH
// and -programs N many more programs are compared than are written down.
var (
	realLua  = flag.String("lua", "", "the interpreter of Lua 5.1 to compare with")
	record   = flag.Bool("record", false, "write testdata/lua51.txt anew")
	programs = flag.Int("programs", 400, "how many random programs to compare")
	first    = flag.Uint64("first", 0, "with -lua: the seed of the first program")
)

const recorded = "testdata/lua51.txt"

// runHere runs a program and returns what it returns, or what is wrong.
func runHere(source string) string {
	p, err := Compile("random.lua", []byte(source))
	if err != nil {
		return "refused: " + err.Error()
	}
	result, err := New().Load(p)
	if err != nil {
		return "failed: " + err.Error()
	}
	return string(result.(lua.LString))
}

// runReal runs many programs in one process of real Lua, and returns a checksum of each result.
func runReal(t *testing.T, sources []string) (sums []string) {
	t.Helper()
	var all strings.Builder
	for _, s := range sources {
		fmt.Fprintf(&all, "do local ok, r = pcall(function()\n%s end) "+
			"r = r:gsub('\\n', ' ') io.write(ok and r or 'failed: ' .. r, '\\n') end\n", s)
	}
	file := filepath.Join(t.TempDir(), "programs.lua")
	if err := os.WriteFile(file, []byte(all.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), *realLua, file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		sums = append(sums, sum(strings.TrimSuffix(line, "\n")))
	}
	return sums
}

func sum(s string) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(s))) }

// TestEqualsRealLua compares random programs with what Lua 5.1 made of them.
func TestEqualsRealLua(t *testing.T) {
	var want []string
	if *realLua != "" {
		const batch = 50
		for from := 0; from < *programs; from += batch {
			var sources []string
			for i := from; i < from+batch; i++ {
				sources = append(sources, generate(*first+uint64(i)))
			}
			want = append(want, runReal(t, sources)...)
		}
	} else {
		b, err := os.ReadFile(recorded)
		if err != nil {
			t.Fatal(err)
		}
		want = strings.Fields(string(b))
	}
	if *record {
		if err := os.WriteFile(recorded, []byte(strings.Join(want, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	different := 0
	for i, w := range want {
		seed := *first + uint64(i)
		source := generate(seed)
		got := runHere(source)
		if sum(got) == w {
			continue
		}
		if different++; different <= 3 {
			t.Errorf("seed %d: got %s\n%s", seed, got, source)
		}
	}
	if len(want) < *programs || different > 0 {
		t.Errorf("%d of %d programs differ from Lua 5.1", different, len(want))
	}
}
