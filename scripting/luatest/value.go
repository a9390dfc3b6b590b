package luatest

import (
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/tidelock-raft/tidelock/scripting/sandbox"
	"github.com/tidelock-raft/tidelock/scripting/value"
)

// shown is any Lua value for messages.
func (s *suite) shown(v lua.LValue) string {
	b, err := s.codec.Encode(v)
	if err != nil {
		return "a " + v.Type().String()
	}
	return show(b)
}

// maxShown is how much of a value is shown.
const maxShown = 500

// Show writes a canonical value, such as a result, as Lua would read it; what is long is cut off.
func Show(canonical []byte) string { return show(canonical) }

// show writes a canonical value as Lua would read it.
func show(canonical []byte) string {
	var b strings.Builder
	r := value.NewReader(canonical)
	if err := showNext(&b, &r); err != nil {
		return err.Error()
	}
	if b.Len() > maxShown {
		return b.String()[:maxShown] + "..."
	}
	return b.String()
}

func showNext(b *strings.Builder, r *value.Reader) error {
	token, err := r.Next()
	if err != nil {
		return err
	}
	switch token.Kind {
	case value.Nil:
		b.WriteString("nil")
	case value.Bool:
		b.WriteString(strconv.FormatBool(token.Bool))
	case value.Number:
		b.WriteString(sandbox.FormatNumber(token.Number))
	case value.String:
		b.WriteString(strconv.Quote(string(token.Bytes)))
	case value.Array, value.Map:
		return showTable(b, r, token)
	}
	return nil
}

func showTable(b *strings.Builder, r *value.Reader, head value.Token) error {
	b.WriteString("{")
	for i := range head.Len {
		if i > 0 {
			b.WriteString(", ")
		}
		if head.Kind == value.Map {
			if err := showKey(b, r); err != nil {
				return err
			}
		}
		if err := showNext(b, r); err != nil {
			return err
		}
	}
	b.WriteString("}")
	return nil
}

func showKey(b *strings.Builder, r *value.Reader) error {
	key, err := r.Next()
	switch {
	case err != nil:
		return err
	case key.Kind == value.Number:
		b.WriteString("[" + sandbox.FormatNumber(key.Number) + "] = ")
	case isName(string(key.Bytes)):
		b.WriteString(string(key.Bytes) + " = ")
	default:
		b.WriteString("[" + strconv.Quote(string(key.Bytes)) + "] = ")
	}
	return nil
}

// isName reports whether braces may have a key without brackets.
func isName(s string) bool {
	letters := "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
	return s != "" && strings.ContainsAny(s[:1], letters) &&
		strings.Trim(s, letters+"0123456789") == ""
}

// showCall writes a call as a test would.
func showCall(name string, args []any) string {
	shown := []string{strconv.Quote(name)}
	for _, arg := range args {
		b, err := value.FromAny(nil, arg)
		if err != nil {
			return name + ": " + err.Error()
		}
		shown = append(shown, show(b))
	}
	return "(" + strings.Join(shown, ", ") + ")"
}
