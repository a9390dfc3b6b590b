package plugins

import (
	"errors"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/core"
)

type everything struct {
	Text     string
	Addr     core.Addr `option:"at"`
	On       bool
	Small    int8
	Count    uint16 `default:"7"`
	Wait     time.Duration
	Window   Bytes `default:"64MiB"`
	Names    []string
	TLSCerts []string
	Ignored  func() `option:"-"`
	hidden   int
}

func (e *everything) Validate() error {
	if e.Text == "invalid" {
		return errors.New("text is invalid")
	}
	return nil
}

func TestOptionsAreDecodedByType(t *testing.T) {
	got := everything{hidden: 5}
	err := decode(&got, map[string]string{
		"text": "a b", "at": "here:1", "on": "true", "small": "-128", "wait": "1.5s",
		"window": "2 GiB", "names": "a, b,c", "tls-certs": "",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := everything{
		Text: "a b", Addr: "here:1", On: true, Small: -128, Count: 7, Wait: 1500 * time.Millisecond,
		Window: 2 << 30, Names: []string{"a", "b", "c"}, hidden: 5,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestOptionThatCannotBeIsNamed(t *testing.T) {
	for _, c := range []struct{ name, value, text string }{
		{"on", "yes", `option on: "yes" is neither true nor false`},
		{"small", "128", `option small: "128" is out of range`},
		{"small", "x", `option small: "x" is not a whole number`},
		{"count", "-1", `option count: "-1" is not a whole number`},
		{"count", "65536", `option count: "65536" is out of range`},
		{"wait", "5", `option wait: "5" is not a duration such as 150ms or 2s`},
		{"window", "9999999TiB", `option window: "9999999TiB" is wrong: out of range`},
		{"window", "", `option window: is wrong: a size is written as 4096, 512KiB, 64MiB or 2GiB`},
		{"text", "invalid", `plugins: invalid option: text is invalid`},
		{"Text", "x", `option Text: is not known; there are: text, at, on, small, count, wait, ` +
			`window, names, tls-certs`},
		{"ignored", "x", `option ignored: is not known; there are: text, at, on, small, count, ` +
			`wait, window, names, tls-certs`},
	} {
		err := decode(&everything{}, map[string]string{c.name: c.value})
		if !errors.Is(err, ErrOption) || err.Error() != c.text {
			t.Errorf("%s=%s\ngot  %v\nwant %s", c.name, c.value, err, c.text)
		}
	}
	err := decode(&struct{}{}, map[string]string{"b": "", "a": ""})
	if want := "option a: is not known; there are none"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestStructThatCannotBeOptionsIsRefused(t *testing.T) {
	for _, c := range []struct {
		options any
		text    string
	}{
		{struct{ F float64 }{}, "field F: float64 cannot be an option"},
		{struct{ M map[string]string }{}, "field M: map[string]string cannot be an option"},
		{struct{ L []int }{}, "field L: []int cannot be an option"},
		{struct {
			N int `default:"many"`
		}{}, `field N: default "many" is not a whole number`},
		{struct {
			A int
			B int `option:"a"`
		}{}, "field B: a second option a"},
	} {
		_, err := describe(reflect.TypeOf(c.options))
		if err == nil || err.Error() != c.text {
			t.Errorf("got %v, want %s", err, c.text)
		}
	}
}

func TestDescriptionNamesTypes(t *testing.T) {
	options, err := describe(reflect.TypeFor[everything]())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range options {
		got = append(got, o.Name+":"+o.Type)
	}
	want := "text:string at:string on:bool small:int count:int wait:duration window:bytes " +
		"names:list tls-certs:list"
	if text := strings.Join(got, " "); text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

func TestKebab(t *testing.T) {
	for name, want := range map[string]string{
		"A": "a", "Dir": "dir", "MaxFrameBytes": "max-frame-bytes", "TLS": "tls",
		"TLSName": "tls-name", "ServeHTTP": "serve-http", "Port2": "port2",
	} {
		if got := kebab(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

// FuzzBytes: whatever is accepted prints as something that reads as the same number.
func FuzzBytes(f *testing.F) {
	for _, s := range []string{"0", "1", "4096", "64MiB", "9223372036854775807", "8TiB", "1kb", "-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var b, again Bytes
		if b.UnmarshalText([]byte(text)) != nil {
			return
		}
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && int64(b) != n {
			t.Errorf("%q: got %d", text, b)
		}
		if err := again.UnmarshalText([]byte(b.String())); err != nil || again != b || b < 0 {
			t.Errorf("%q: %d, printed %s, read %d (%v)", text, b, b, again, err)
		}
	})
}
