package tidy

import "strings"

// badSources are snippets with the number of findings of one rule, and how the first reads after
// the file's name. A count of zero is a snippet that the rule must let pass.
var badSources = []struct {
	rule   int
	name   string
	file   string // default core/x/x.go
	source string
	count  int
	first  string
}{
	{8, "no comment", "", "package x", 1, "1: no package comment"},
	{8, "blank line between", "", "// Package x is.\n\npackage x", 1, "3: no package comment"},
	{8, "wrong name", "", "// Package y is.\npackage x", 1, "1: the comment does not begin with"},
	{8, "command", "cli/x/x.go", "// Raft-node is.\npackage main", 0, ""},
	{8, "test only", "core/x/x_test.go", "package x", 0, ""},

	{9, "function", "", "package x\nfunc F() {}", 1, "2: F has no comment"},
	{9, "other name", "", "package x\n// It is.\nfunc F() {}", 1, `3: the comment of F begins w`},
	{9, "name is prefix", "", "package x\n// Fun is.\nfunc F() {}", 1, `3: the comment of F begins`},
	{9, "method", "", "package x\n// T is.\ntype T[A any] int\nfunc (t *T[A]) F() {}", 1, "4: F has"},
	{9, "hidden method", "", "package x\ntype t int\nfunc (x t) F() {}", 0, ""},
	{9, "type", "", "package x\ntype T int", 1, "2: T has no comment"},
	{9, "type in group", "", "package x\n// Ts.\ntype (\nT int\n)", 1, "4: T has no comment"},
	{9, "constants", "", "package x\nconst (\nA = 1 // one\n// It.\nB = 2\nC = 3\n)", 2, "5: the"},
	{9, "constant group", "", "package x\n// These.\nconst (\nA = 1\nB = 2\n)", 0, ""},
	{9, "variable", "", "package x\nvar V = 1", 1, "2: V has no comment"},
	{9, "good", "", "package x\n// F is.\nfunc F() {}\n// T, too.\ntype T int", 0, ""},

	{15, "mark", "", "package x\n// TO" + "DO: more\n", 1, "2: TO" + "DO"},
	{15, "in a test", "core/x/x_test.go", "package x\nvar a = 1 // FIX" + "ME\n", 1, "2: FIX" + "ME"},

	{22, "function", "", "package x\nfunc f() {" + lines(70) + "}", 1, "2: f has 71 lines"},
	{22, "function just so", "", "package x\nfunc f() {" + lines(69) + "}", 0, ""},
	{22, "file", "", "package x\n" + lines(600), 1, "1: the file has 601 lines"},
	{22, "file just so", "", "package x\n" + lines(599), 0, ""},

	{23, "wide", "", "package x\n\n//" + strings.Repeat("é", 99), 1, "3: the line has 101 columns"},
	{23, "just so", "", "package x\n\n//" + strings.Repeat("é", 98), 0, ""},

	{28, "counter", "", "package x\nvar n, m int", 2, "2: n is neither error"},
	{28, "pool", "", "package x\nvar pool = sync.Pool{}", 1, "2: pool is"},
	{28, "called", "", "package x\nvar a = f()\nfunc f() int { return 1 }", 1, "2: a is"},
	{28, "struct", "", "package x\nvar a = t{}\ntype t struct{}", 1, "2: a is"},
	{28, "good", "", goodVariables, 0, ""},
	{28, "init", "", "package x\nfunc init() {\nRegister(1)\na := 1\n_ = a\n}", 2, "4: init does"},
	{28, "init registers", "", "package x\nfunc init() { y.RegisterStore[int](1) }", 0, ""},

	{30, "go", "core/raft/x.go", "package x\nfunc f() { go f() }", 1, "2: go statement"},
	{30, "clock", "core/raft/x.go", "package x\nimport _ \"time\"", 1, "2: import of time"},
	{30, "below", "core/engine/y/x.go", "package x\nimport _ \"log/slog\"", 1, "2: import of log"},
	{30, "map", "core/quorum/x.go", "package x\ntype m map[int]int\n" +
		"func f(a m, b []m) {\nfor range b {\nfor range a {}}}", 1, "5: range over a map"},
	{30, "generic map", "core/quorum/x.go", "package x\n" +
		"func f[M ~map[int]int](a M) {\nfor range a {}}", 1, "3: range over a map"},
	{30, "elsewhere", "core/node/x.go", "package x\nfunc f() { go f() }", 0, ""},
	{30, "test", "core/raft/x_test.go", "package x\nimport _ \"time\"", 0, ""},

	{31, "other module", "core/x.go", imports("example.org/x"), 1, "2: core must not import exam"},
	{31, "standard library", "core/x.go", imports("net/http"), 0, ""},
	{31, "core down", "core/x.go", imports(Module + "/core/raft"), 1, "2: core must not import"},
	{31, "raft up", "core/raft/x.go", imports(Module + "/core/engine"), 1, "2: core/raft must not"},
	{31, "node", "core/node/x.go", imports(Module + "/persist/wal"), 1, "2: core/node must not"},
	{31, "node's test", "core/node/x_test.go", imports(Module + "/persist/wal"), 0, ""},
	{31, "store", "persist/wal/x.go", imports(Module + "/core/node"), 1, "2: persist/wal must not"},
	{31, "store's own", "persist/wal/x.go", imports(Module + "/persist/vfs"), 0, ""},
	{31, "store and core", "persist/wal/x.go", imports(Module + "/core"), 0, ""},
	{31, "transport", "transport/tcp/x.go", imports(Module + "/cli/x"), 1, "2: transport/tcp must"},
	{31, "plugins", "transport/tcp/x.go", imports(Module + "/plugins"), 1, "2: transport/tcp must"},
	{31, "plugin.go", "transport/tcp/plugin.go", imports(Module + "/plugins"), 0, ""},
	{31, "core's plugin.go", "core/node/plugin.go", imports(Module + "/plugins"), 1, "2: core/node"},
	{31, "registry", "plugins/x.go", imports(Module + "/persist/wal"), 1, "2: plugins must not"},
	{31, "standard", "plugins/standard/x.go", imports(Module + "/persist/wal"), 0, ""},
	{31, "cli", "cli/x/x.go", imports(Module + "/core/node"), 0, ""},
	{31, "new tree", "new/x.go", imports("fmt"), 1, "2: no arrow says what new may import"},

	{39, "sleep", "core/x/x_test.go", "package x\nfunc f() { time.Sleep(1) }", 1, "2: call of time."},
	{39, "skip", "core/x/x_test.go", "package x\nfunc f(t T) { t.Skipf(\"\") }", 1, "2: call of t."},
	{39, "no test", "", "package x\nfunc f() { time.Sleep(1) }", 0, ""},
}

const goodVariables = `package x
var _ I = (*T)(nil)
var (
	ErrA = errors.New("x")
	errB = fmt.Errorf("y")
)
var names = [...]string{}
var byName = map[string]int{}
var typed table
var made = make(table)
var built = build()
var bytes = []byte(f())
var shut = func() chan int { return nil }()
var little = binary.LittleEndian
var point = &table{}
var registry struct{}
var expression = regexp.MustCompile("x")
//go:embed x
var embedded string
// version is set by -ldflags.
var version = "devel"
type table map[int]int
func build() [4]int { return [4]int{} }
`

func lines(n int) string { return strings.Repeat("\n", n) }

func imports(path string) string { return "package x\nimport _ \"" + path + "\"" }
