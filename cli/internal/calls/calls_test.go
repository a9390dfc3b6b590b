package calls

import (
	"testing"
)

func TestParse(t *testing.T) {
	for line, want := range map[string]string{
		` ["put","x",1] `:            "command",
		`{"query":["get","x"]}`:      "query",
		`{"time":7}`:                 "time",
		`{"time":7,"query":["get"]}`: "time query",
		``:                           "",
		`[]`:                         "",
		`[1]`:                        "",
		`["a"] ["b"]`:                "",
		`{}`:                         "",
		`{"call":["get"]}`:           "",
		`{"query":[]}`:               "",
		`"put"`:                      "",
	} {
		r, err := Parse([]byte(line))
		got := ""
		if err == nil {
			got = r.kind()
		}
		if got != want {
			t.Errorf("%s: got %q, %v, want %q", line, got, err, want)
		}
	}
}

func (r Request) kind() (kind string) {
	switch {
	case r.Command != nil:
		kind = "command"
	case r.Query != nil:
		kind = "query"
	}
	if r.Time == nil {
		return kind
	}
	if kind != "" {
		kind = " " + kind
	}
	return "time" + kind
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`["put","x",1]`))
	f.Add([]byte(`{"time":7,"query":["get","x"]}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		if r, err := Parse(line); err == nil && r.kind() == "" {
			t.Errorf("%q asks for nothing", line)
		}
	})
}
