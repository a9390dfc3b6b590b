package sandbox

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"

	lua "github.com/yuin/gopher-lua"
)

// SelfTest proves, once in a process, that the gopher-lua that is linked can be metered: that it is
// laid out as this package believes, asks before each instruction, and is stopped at the same one
// every time. A node must run no script otherwise.
func SelfTest() error { return selfTestRegistry() }

var selfTestRegistry = sync.OnceValue(func() error {
	err := checkLayouts(reflect.TypeFor[lua.LTable]())
	if err == nil {
		err = checkStrings()
	}
	if err == nil {
		err = checkMeter()
	}
	if err != nil {
		return fmt.Errorf("this build cannot meter scripts, "+
			"it needs github.com/yuin/gopher-lua v1.1.2: %w", err)
	}
	return nil
})

func checkLayouts(realTable reflect.Type) error {
	field, ok := reflect.TypeFor[lua.LState]().FieldByName("currentFrame")
	if !ok || field.Type.Kind() != reflect.Pointer {
		return errors.New("an LState has no currentFrame")
	}
	open, ok := reflect.TypeFor[lua.LState]().FieldByName("uvcache")
	if !ok || open.Type != reflect.TypeFor[*lua.Upvalue]() {
		return errors.New("an LState has no uvcache")
	}
	return errors.Join(sameLayout(reflect.TypeFor[frame](), field.Type.Elem()),
		sameLayout(reflect.TypeFor[table](), realTable))
}

// checkStrings makes strings in the way of this package and in Go's own.
func checkStrings() error {
	var made Strings
	for _, text := range []string{"", "a", strings.Repeat("b", 300)} {
		if got, ok := made.Make(text).(lua.LString); !ok || string(got) != text {
			return fmt.Errorf("a string of %d bytes is not one in Lua", len(text))
		}
	}
	return nil
}

// checkMeter runs programs whose cost is known.
func checkMeter() error {
	const straight = "local a = 300\nlocal b = a + 1\nreturn b"
	p, err := Compile("selftest", []byte(straight))
	if err != nil {
		return err
	}
	ran := int64(len(p.proto.Code) - 1) // the compiler ends every function with one more return
	if used, _ := metered(straight); used != (Limits{ran, numberBytes}) {
		return fmt.Errorf("%d instructions and %d bytes were metered as %v", ran, numberBytes, used)
	}
	for source, want := range map[string]string{
		"local n = 0 while true do n = n + 1 end":  "more than 10000 steps",
		"local t = {}\nt[67108863] = 1\nreturn #t": "more than 1 MiB of memory",
	} {
		used, stopped := metered(source)
		again, stoppedAgain := metered(source)
		if used != again || stopped != stoppedAgain || !strings.HasSuffix(stopped, want) {
			return fmt.Errorf("%q ended with %q after %v, and with %q after %v, want %q",
				source, stopped, used, stoppedAgain, again, want)
		}
	}
	return nil
}

// metered loads a script with low limits. It returns what was used, and why it was stopped.
func metered(source string) (used Limits, stopped string) {
	v := New()
	v.Limit(Limits{Steps: 10_000, Bytes: 1 << 20})
	v.meter.reset()
	p, err := Compile("selftest", []byte(source))
	if err == nil {
		_, err = v.Load(p)
	}
	if err != nil {
		stopped = err.Error()
	}
	return v.Used(), stopped
}
