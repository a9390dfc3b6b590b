package sandbox

import (
	"runtime"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

// spreading returns a function that calls itself so many times, each time with so many arguments.
const spreading = `
	local t = {}
	for i = 1, 200 do t[i] = i end
	local function pass(n, ...)
		if n == 0 then return select("#", ...) end
		return 0 + pass(n - 1, ...)
	end
	return function(n, width) return pass(n, unpack(t, 1, width)) end`

// loaded returns a VM that has run a script, and the function that this returned.
func loaded(t *testing.T, p *Program) (*VM, *lua.LFunction) {
	t.Helper()
	v := New()
	f, err := v.Load(p)
	if err != nil {
		t.Fatal(err)
	}
	return v, f.(*lua.LFunction)
}

func compiled(t *testing.T, source string) *Program {
	t.Helper()
	p, err := Compile("test.lua", []byte(source))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestDepthDoesNotDependOnWhatRanBefore has a VM whose stack has grown call ever deeper, and
// compares with VMs that have done nothing yet.
func TestDepthDoesNotDependOnWhatRanBefore(t *testing.T) {
	p := compiled(t, spreading)
	call := func(v *VM, f *lua.LFunction, n, width int) string {
		v.Begin(f)
		v.L.Push(lua.LNumber(n))
		v.L.Push(lua.LNumber(width))
		result, problem := v.Run(2)
		if problem != nil {
			return problem.Object.String()
		}
		return result.String()
	}
	for _, width := range []int{100, 150, 200} {
		worn, f := loaded(t, p)
		n := 1
		for ; n <= callDepth && !worn.Broken(); n++ {
			fresh, g := loaded(t, p)
			got, want := call(worn, f, n, width), call(fresh, g, n, width)
			if got != want || worn.Broken() != fresh.Broken() {
				t.Fatalf("%d calls with %d arguments: got %s, want %s", n, width, got, want)
			}
		}
		if n*width < registers/4 || n*width > registers {
			t.Errorf("%d calls with %d arguments are too many for %d registers", n, width, registers)
		}
	}
}

// TestVMsAndProgramsAreSmall: a node may carry many of them, most of which do nothing.
func TestVMsAndProgramsAreSmall(t *testing.T) {
	held := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	var vms [32]*VM
	before := held()
	for i := range vms {
		vms[i], _ = loaded(t, compiled(t, spreading))
	}
	const most = 160 << 10
	if each := (held() - before) / uint64(len(vms)); each > most {
		t.Errorf("a VM and its program take %d bytes, want at most %d", each, most)
	}
	runtime.KeepAlive(vms)
	eachFunction(compiled(t, spreading).proto, func(f *lua.FunctionProto) {
		if spare := cap(f.Code) - len(f.Code); spare > len(f.Code) {
			t.Errorf("a function of %d instructions has room for %d more", len(f.Code), spare)
		}
	})
}
