package remote

import (
	"context"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
)

func TestParseEndpoints(t *testing.T) {
	got, err := ParseEndpoints("127.0.0.1:8102, 7=example.org:99,[::1]:80,h:8200")
	want := []Endpoint{
		{2, "127.0.0.1:8102"}, {7, "example.org:99"}, {0, "[::1]:80"}, {0, "h:8200"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	for list, text := range map[string]string{
		"":                                 `--endpoints: "" is not host:port or id=host:port`,
		"localhost":                        `--endpoints: "localhost" is not host:port or id=host:port`,
		":8101":                            `--endpoints: ":8101" is not host:port or id=host:port`,
		"a:0":                              `--endpoints: "a:0" is not host:port or id=host:port`,
		"a:65536":                          `--endpoints: "a:65536" is not host:port or id=host:port`,
		"0=a:1":                            `--endpoints: "0" is not the id of a node`,
		"x=a:1":                            `--endpoints: "x" is not the id of a node`,
		strings.Repeat("a:1,", 64) + "a:1": `--endpoints: 65 are given, at most 64`,
	} {
		if _, err := ParseEndpoints(list); !errors.Is(err, exit.ErrUsage) || err.Error() != text {
			t.Errorf("%q: got %v, want %s", list, err, text)
		}
	}
}

func TestTargetIsFoundByIDOrUsualPort(t *testing.T) {
	endpoints := []Endpoint{{2, "h:8102"}, {7, "h:99"}}
	for _, c := range []struct {
		id    core.NodeID
		given bool
		want  string // or part of the error
	}{
		{7, true, "h:99"},
		{2, false, "h:8102"},
		{4, false, "127.0.0.1:8104"},
		{4, true, "no endpoint of node 4 is known; say 4=host:port"},
		{60000, false, "no endpoint of node 60000 is known"},
	} {
		got, err := addressOf(c.id, endpoints, c.given)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, c.want) {
			t.Errorf("%d: got %s, want %s", c.id, got, c.want)
		}
	}
}

func TestLiteralsAreJSONOrText(t *testing.T) {
	words := []string{"x", "1", "-2.5", `"1"`, "true", "null", `{"a":[1]}`, "1 2", "", "1x", "[1"}
	data, err := scripting.EncodeCall("f", Literals(words)...)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := scripting.DecodeValue(data)
	want := []any{"f", "x", int64(1), -2.5, "1", true, nil, map[string]any{"a": []any{int64(1)}},
		"1 2", "", "1x", "[1"}
	if err != nil || !reflect.DeepEqual(decoded, want) {
		t.Errorf("got  %#v, %v\nwant %#v", decoded, err, want)
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct {
		value any
		want  string
	}{
		{nil, "(nil)"},
		{"a\nb", "a\nb"},
		{int64(3), "3"},
		{2.5, "2.5"},
		{false, "false"},
		{math.Inf(1), "+Inf"},
		{[]any{"<", int64(1)}, `["<",1]`},
		{map[string]any{"b": nil, "a": []any{}}, `{"a":[],"b":null}`},
		{map[any]any{int64(1): "i", "1": "s", "x": map[any]any{int64(2): true}},
			`{"1":"s","[1]":"i","x":{"2":true}}`},
	} {
		if got := Text(c.value); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

// statuses is a client that knows what nodes say of themselves.
type statuses struct {
	Client
	by map[string]core.GroupStatus
}

func (s statuses) Status(_ context.Context, endpoint string) (core.NodeStatus, error) {
	g, ok := s.by[endpoint]
	if !ok {
		return core.NodeStatus{}, errors.New("gone")
	}
	g.Group = core.DefaultGroup
	return core.NodeStatus{Groups: []core.GroupStatus{g}}, nil
}

// TestBestIsTheNewestLeader: one that was deposed and has not heard of it says that it leads, too.
func TestBestIsTheNewestLeader(t *testing.T) {
	leads := func(term core.Term) core.GroupStatus {
		return core.GroupStatus{Role: "leader", Term: term}
	}
	follows := func(term core.Term) core.GroupStatus { return core.GroupStatus{Term: term} }
	for want, by := range map[string]map[string]core.GroupStatus{
		"b": {"a": leads(3), "b": leads(4), "c": follows(4)},
		"c": {"a": follows(3), "c": leads(3)},
		"a": {"a": follows(5), "b": follows(4)},
		"":  {},
	} {
		s := Session{client: statuses{by: by}}
		for _, address := range []string{"a", "b", "c"} {
			s.options.Endpoints = append(s.options.Endpoints, Endpoint{Address: address})
		}
		_, got, err := s.best(t.Context())
		if got != want || (err == nil) != (want != "") {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
}
