package plugins

import (
	"encoding"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Option describes one option of a plugin, which is one exported field of its options' struct:
//
//	Name  string `option:"the-name" help:"what it is for" default:"17"`
//
// Without an option tag, the name is the field's in kebab case: MaxFrameBytes is max-frame-bytes;
// the tag "-" makes the field no option. A field may be a string, a bool, any integer, a
// time.Duration, Bytes, a []string (separated by commas), a type based on one of these, or any type
// with UnmarshalText. If the struct has a method Validate() error, it is asked at the end.
type Option struct {
	Name    string
	Type    string // string, bool, int, duration, bytes, list, or the name of the field's type
	Default string // as it would be written; empty: the type's zero
	Help    string

	field int
}

// OptionError is returned by the Open functions for an option that cannot be.
type OptionError struct {
	Name   string // of the option
	Value  string
	Reason string
}

// Error names the option and the reason, and the value where that is what is wrong.
func (e *OptionError) Error() string {
	if e.Value == "" {
		return fmt.Sprintf("option %s: %s", e.Name, e.Reason)
	}
	return fmt.Sprintf("option %s: %q %s", e.Name, e.Value, e.Reason)
}

// Is makes every OptionError an ErrOption.
func (e *OptionError) Is(target error) bool { return target == ErrOption }

// describe lists the options that a struct has. A default is tried, so that a wrong one is found
// when the plugin registers and not when a node starts.
func describe(t reflect.Type) ([]Option, error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("options are a struct, not %s", t)
	}
	var options []Option
	scratch := reflect.New(t).Elem()
	for i := range t.NumField() {
		f := t.Field(i)
		o := Option{Name: f.Tag.Get("option"), Default: f.Tag.Get("default"), field: i}
		if !f.IsExported() || o.Name == "-" {
			continue
		}
		if o.Name == "" {
			o.Name = kebab(f.Name)
		}
		if o.Type = typeName(f.Type); o.Type == "" {
			return nil, fmt.Errorf("field %s: %s cannot be an option", f.Name, f.Type)
		}
		if o.Default != "" {
			if reason := set(scratch.Field(i), o.Default); reason != "" {
				return nil, fmt.Errorf("field %s: default %q %s", f.Name, o.Default, reason)
			}
		}
		if slices.ContainsFunc(options, func(p Option) bool { return p.Name == o.Name }) {
			return nil, fmt.Errorf("field %s: a second option %s", f.Name, o.Name)
		}
		o.Help = f.Tag.Get("help")
		options = append(options, o)
	}
	return options, nil
}

// decode fills the struct that c points to: first the defaults, then the options.
func decode(c any, options map[string]string) error {
	v := reflect.ValueOf(c).Elem()
	known, err := describe(v.Type())
	if err != nil {
		return err
	}
	var names []string
	for _, o := range known {
		names = append(names, o.Name)
		value, given := options[o.Name]
		if !given && o.Default == "" {
			continue
		}
		if !given {
			value = o.Default
		}
		if reason := set(v.Field(o.field), value); reason != "" {
			return &OptionError{o.Name, value, reason}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(options)) {
		if !slices.Contains(names, name) {
			return &OptionError{Name: name, Reason: "is not known; there " + are(names)}
		}
	}
	if v, ok := c.(interface{ Validate() error }); ok {
		return wrapInvalid(v.Validate())
	}
	return nil
}

func are(names []string) string {
	if len(names) == 0 {
		return "are none"
	}
	return "are: " + strings.Join(names, ", ")
}

// wrapInvalid makes what Validate says an ErrOption.
func wrapInvalid(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrOption, err)
}

// set parses text into a field, and returns what is wrong with it.
func set(v reflect.Value, text string) string {
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if err := u.UnmarshalText([]byte(text)); err != nil {
			return "is wrong: " + err.Error()
		}
		return ""
	}
	if d, ok := v.Addr().Interface().(*time.Duration); ok {
		parsed, err := time.ParseDuration(text)
		if err != nil {
			return "is not a duration such as 150ms or 2s"
		}
		*d = parsed
		return ""
	}
	switch kind := v.Kind(); {
	case kind == reflect.String:
		v.SetString(text)
	case kind == reflect.Bool:
		parsed, err := strconv.ParseBool(text)
		if err != nil {
			return "is neither true nor false"
		}
		v.SetBool(parsed)
	case v.CanInt():
		parsed, err := strconv.ParseInt(text, 10, v.Type().Bits())
		v.SetInt(parsed)
		return numberReason(err)
	case v.CanUint():
		parsed, err := strconv.ParseUint(text, 10, v.Type().Bits())
		v.SetUint(parsed)
		return numberReason(err)
	case isList(v.Type()):
		v.Set(reflect.ValueOf(split(text)).Convert(v.Type()))
	}
	return ""
}

func numberReason(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, strconv.ErrRange):
		return "is out of range"
	}
	return "is not a whole number"
}

func split(text string) []string {
	if text == "" {
		return nil
	}
	parts := strings.Split(text, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// typeName says for people what can be set, and is empty for what cannot.
func typeName(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[Bytes]():
		return "bytes"
	case t == reflect.TypeFor[time.Duration]():
		return "duration"
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return t.Name()
	case t.Kind() == reflect.String, t.Kind() == reflect.Bool:
		return t.Kind().String()
	case t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64:
		return "int"
	case isList(t):
		return "list"
	}
	return ""
}

func isList(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem() == reflect.TypeFor[string]()
}

// kebab turns MaxFrameBytes into max-frame-bytes and TLSName into tls-name.
func kebab(name string) string {
	var b strings.Builder
	letters := []rune(name)
	for i, r := range letters {
		start := unicode.IsUpper(r) && i > 0 && (!unicode.IsUpper(letters[i-1]) ||
			i+1 < len(letters) && unicode.IsLower(letters[i+1]))
		if start {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
