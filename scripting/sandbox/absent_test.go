package sandbox

import (
	"strings"
	"testing"
)

// lua51 are all names of the libraries of Lua 5.1 but require, which has tests of its own.
const lua51 = `_G _VERSION assert collectgarbage dofile error gcinfo getfenv getmetatable ipairs
	load loadfile loadstring module newproxy next pairs pcall print rawequal rawget
	rawset select setfenv setmetatable tonumber tostring type unpack xpcall
	coroutine.create coroutine.resume coroutine.running coroutine.status coroutine.wrap
	coroutine.yield debug.debug debug.getfenv debug.gethook debug.getinfo debug.getlocal
	debug.getmetatable debug.getregistry debug.getupvalue debug.setfenv debug.sethook
	debug.setlocal debug.setmetatable debug.setupvalue debug.traceback io.close io.flush
	io.input io.lines io.open io.output io.popen io.read io.stderr io.stdin io.stdout
	io.tmpfile io.type io.write math.abs math.acos math.asin math.atan math.atan2
	math.ceil math.cos math.cosh math.deg math.exp math.floor math.fmod math.frexp
	math.huge math.ldexp math.log math.log10 math.max math.min math.mod math.modf
	math.pi math.pow math.rad math.random math.randomseed math.sin math.sinh math.sqrt
	math.tan math.tanh os.clock os.date os.difftime os.execute os.exit os.getenv
	os.remove os.rename os.setlocale os.time os.tmpname package.cpath package.loaded
	package.loaders package.loadlib package.path package.preload package.seeall
	string.byte string.char string.dump string.find string.format string.gfind
	string.gmatch string.gsub string.len string.lower string.match string.rep
	string.reverse string.sub string.upper table.concat table.foreach table.foreachi
	table.getn table.insert table.maxn table.remove table.setn table.sort`

// TestLua51IsThereOrExplained holds that each name of Lua 5.1 is there, or is refused with
// what to use instead: when the script loads, and of a library also when it is got at otherwise.
func TestLua51IsThereOrExplained(t *testing.T) {
	there := 0
	for name := range strings.FieldsSeq(lua51) {
		err := load(t, "local x = "+name+"\nreturn x ~= nil")
		if err == nil {
			there++
			continue
		}
		if !strings.Contains(err.Error(), " is not available: ") {
			t.Errorf("%s: %v", name, err)
		}
		library, field, ok := strings.Cut(name, ".")
		if _, has := libraries[library]; !ok || !has {
			continue
		}
		err = load(t, "local l = "+library+"\nreturn l['"+field+"']")
		if err == nil || !strings.Contains(err.Error(), name+" is not available: ") {
			t.Errorf("%s by another way: %v", name, err)
		}
	}
	if there < 48 {
		t.Errorf("only %d names of Lua 5.1 are there", there)
	}
}

func TestEveryAbsentNameIsRefusedWithItsAdvice(t *testing.T) {
	for name, advice := range absent {
		err := load(t, "return "+name)
		if err == nil || !strings.Contains(err.Error(), name+" is not available: "+advice) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func load(t *testing.T, source string) error {
	t.Helper()
	p, err := Compile("absent.lua", []byte(source))
	if err == nil {
		_, err = New().Load(p)
	}
	return err
}
