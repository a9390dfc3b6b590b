package sandbox

import (
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
)

func TestSelfTestPasses(t *testing.T) {
	began := time.Now()
	if err := SelfTest(); err != nil {
		t.Fatal(err)
	}
	t.Log("took", time.Since(began))
}

// TestSelfTestSeesAnotherLayout shows it types that are not what the meter believes.
func TestSelfTestSeesAnotherLayout(t *testing.T) {
	type renamed struct {
		Metatable lua.LValue
		items     []lua.LValue
		dict      map[lua.LValue]lua.LValue
		strdict   map[string]lua.LValue
		keys      []lua.LValue
		k2i       map[lua.LValue]int
	}
	type moved struct {
		Metatable lua.LValue
		dict      map[lua.LValue]lua.LValue
		array     []lua.LValue
		strdict   map[string]lua.LValue
		keys      []lua.LValue
		k2i       map[lua.LValue]int
	}
	for _, other := range []reflect.Type{
		reflect.TypeOf(renamed{nil, nil, nil, nil, nil, nil}),
		reflect.TypeOf(moved{nil, nil, nil, nil, nil, nil}), reflect.TypeFor[lua.LUserData](),
	} {
		if err := checkLayouts(other); err == nil {
			t.Errorf("%v passes", other)
		}
	}
}

// TestSizeIsPaidFor holds that the cost of every operation grows with what it works on: a script
// that does it to something a thousand times as large pays much more.
func TestSizeIsPaidFor(t *testing.T) {
	for _, c := range []struct{ prepare, work string }{
		{"local t = {}", "t[N] = 1"},
		{"local t = {} for i = 1, N do t[i] = 1 end for i = 1, N do t[i] = nil end", "local _ = #t"},
		{"local t = {} for i = 1, N do t[i] = 1 end for i = 1, N do t[i] = nil end", "next(t)"},
		{"local t = {} for i = 1, N do t['k' .. i] = 1 t['k' .. i] = nil end t.x = 1", "next(t)"},
		{"local t = {} for i = 1, N do t[i] = 1 end for i = 1, N do t[i] = nil end", "table.maxn(t)"},
		{"local t = {} for i = 1, N do t[i] = 1 end for i = 1, N do t[i] = nil end", "unpack(t)"},
		{"local t = {} for i = 1, N do t[i] = 1 end", "table.insert(t, 1, 1)"},
		{"local t = {} for i = 1, N do t[i] = 1 end", "table.remove(t, 1)"},
		{"local t = {} for i = 1, N do t[i] = 1 end", "table.sort(t)"},
		{"local t = {} for i = 1, N do t[i] = 1 end", "table.concat(t)"},
		{"local a, b = ('x'):rep(N), ('x'):rep(N)", "local _ = a == b"},
		{"local a, b = ('x'):rep(N), ('x'):rep(N)", "local _ = a ~= b"},
		{"local a, b = ('x'):rep(N), ('x'):rep(N)", "local _ = a < b"},
		{"local a, b = ('x'):rep(N), ('x'):rep(N)", "local _ = a >= b"},
		{"local a = ('x'):rep(N)", "local _ = a .. 'y'"},
		{"local a = ('1'):rep(N)", "pcall(function() return a + 0 end)"},
		{"local a = ('1'):rep(N)", "pcall(function() return -a end)"},
		{"local a = (' '):rep(N)", "tonumber(a)"},
		{"local a = (' '):rep(N)", "tonumber(a, 16)"},
		{"local a, t = ('x'):rep(N), {y = 1}", "local _ = t[a]"},
		{"local a, t = ('x'):rep(N), {y = 1}", "t[a] = 1"},
		{"local a, t = ('x'):rep(N), {}", "rawset(t, a, 1)"},
		{"local a, t = ('x'):rep(N), {}", "local _ = rawget(t, a)"},
		{"local a = ('x'):rep(N)", "local _ = a:upper()"},
		{"local a = ('x'):rep(N)", "local _ = a:reverse()"},
		{"local a = ('x'):rep(N)", "a:find('y', 1, true)"},
		{"local a = ('x'):rep(N)", "a:find('[yz]')"},
		{"local a = ('x'):rep(N)", "a:gsub('x', 'y')"},
		{"local a = ('x'):rep(N)", "local _ = ('%q'):format(a)"},
		{"local a = ('x'):rep(N)", "local _ = ('%s'):format(a)"},
	} {
		cost := func(n, body string) Limits {
			source := strings.ReplaceAll(c.prepare+"\n"+body+"\nreturn true", "N", n)
			v := New()
			v.Limit(Limits{MaxSteps, MaxBytes})
			v.meter.reset()
			p, err := Compile("cost.lua", []byte(source))
			if err == nil {
				_, err = v.Load(p)
			}
			if err != nil {
				t.Fatalf("%s: %v", source, err)
			}
			return v.Used()
		}
		work := func(n string) int64 {
			with, without := cost(n, c.work), cost(n, "")
			return with.Steps - without.Steps + (with.Bytes-without.Bytes)/stepBytes
		}
		if small, large := work("10"), work("10000"); large < small+10000/stepBytes {
			t.Errorf("%s; %s: %d for 10, %d for 10000", c.prepare, c.work, small, large)
		}
	}
}

// TestTablesGrowWithinTheirPrice compares what is charged for a table with what it takes.
func TestTablesGrowWithinTheirPrice(t *testing.T) {
	for what, source := range map[string]string{
		"array":  "local t = {} for i = 1, 50000 do t[i] = true end return t",
		"texts":  "local t, s = {}, 'x' for i = 1, 9000 do t['k' .. i] = true end return t",
		"empty":  "local t = {} for i = 1, 20000 do t[i] = {} end return t",
		"single": "local t = {} for i = 1, 8000 do local e = {} e.x = true t[i] = e end return t",
	} {
		p, err := Compile("grow.lua", []byte(source))
		if err != nil {
			t.Fatal(err)
		}
		v := New()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		v.Begin(v.L.NewFunctionFromProto(p.proto))
		_, problem := v.Run(0)
		runtime.ReadMemStats(&after)
		if problem != nil {
			t.Fatal(problem.Text())
		}
		used, taken := v.Used().Bytes, int64(after.TotalAlloc-before.TotalAlloc)
		t.Logf("%s: %d bytes taken, %d charged", what, taken, used)
		if taken > 2*used+1<<20 || used > 2*taken {
			t.Errorf("%s: %d bytes taken, %d charged", what, taken, used)
		}
	}
}
