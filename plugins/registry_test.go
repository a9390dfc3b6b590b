package plugins

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// store is a core.Store that knows what it was opened with.
type store struct {
	core.Store
	env    Env
	config storeConfig
}

type storeConfig struct {
	Path string `help:"where it is" default:"here"`
	Size Bytes
}

func openStoreForTest(e Env, c storeConfig) (core.Store, error) {
	if c.Path == "nowhere" {
		return nil, io.ErrUnexpectedEOF
	}
	return &store{env: e, config: c}, nil
}

func registryForTest(t *testing.T) *Registry {
	t.Helper()
	var r Registry
	register(&r, Store, "zinc", openStoreForTest, "zinc/plugin.go:1")
	register(&r, Store, "amber", openStoreForTest, "amber/plugin.go:1")
	register(&r, Transport, "amber", func(Env, struct{}) (core.Transport, error) {
		return nil, nil
	}, "pigeon/plugin.go:1")
	if err := r.Check(); err != nil {
		t.Fatal(err)
	}
	return &r
}

func TestOpenHandsEnvAndOptionsOver(t *testing.T) {
	opened, err := open[core.Store](registryForTest(t), Store, "zinc",
		Env{Node: 3, Dir: "d"}, map[string]string{"size": "3KiB"})
	if err != nil {
		t.Fatal(err)
	}
	s := opened.(*store)
	if s.env.Node != 3 || s.env.Dir != "d" || s.env.Log == nil {
		t.Errorf("env %+v", s.env)
	}
	if want := (storeConfig{Path: "here", Size: 3072}); s.config != want {
		t.Errorf("got options %+v, want %+v", s.config, want)
	}
}

func TestListIsOfOneKindAndAscending(t *testing.T) {
	list := registryForTest(t).List(Store)
	if len(list) != 2 || list[0].Name != "amber" || list[1].Name != "zinc" {
		t.Fatalf("got %+v", list)
	}
	want := Option{Name: "path", Type: "string", Default: "here", Help: "where it is"}
	if len(list[0].Options) != 2 || list[0].Options[0] != want {
		t.Errorf("got options %+v", list[0].Options)
	}
}

func TestOpenErrors(t *testing.T) {
	for _, c := range []struct {
		kind    Kind
		name    string
		options map[string]string
		is      error
		text    string
	}{
		{Store, "iron", nil, ErrUnknown, `no store is named "iron"; built in: amber, zinc (to build ` +
			`another in, import its package, as in import _ "example.org/iron", beside ` +
			`plugins/standard in the main package)`},
		{Machine, "lua", nil, ErrUnknown, `no machine is named "lua"; none is built in (to build ` +
			`another in, import its package, as in import _ "example.org/lua", beside ` +
			`plugins/standard in the main package)`},
		{Store, "zinc", map[string]string{"sise": "1"}, ErrOption,
			`store zinc: option sise: is not known; there are: path, size`},
		{Store, "zinc", map[string]string{"size": "big"}, ErrOption, `store zinc: option size: ` +
			`"big" is wrong: a size is written as 4096, 512KiB, 64MiB or 2GiB`},
		{Store, "zinc", map[string]string{"path": "nowhere"}, io.ErrUnexpectedEOF,
			`store zinc: unexpected EOF`},
	} {
		_, err := open[core.Store](registryForTest(t), c.kind, c.name, Env{}, c.options)
		if !errors.Is(err, c.is) || err.Error() != c.text {
			t.Errorf("got  %v\nwant %s", err, c.text)
		}
		err = registryForTest(t).validate(c.kind, c.name, c.options)
		if opens := c.is == io.ErrUnexpectedEOF; opens != (err == nil) {
			t.Errorf("validate: got %v", err)
		} else if err != nil && err.Error() != c.text {
			t.Errorf("validate: got %v\nwant %s", err, c.text)
		}
	}
}

func TestWrongRegistrationIsToldWithItsPlace(t *testing.T) {
	r := registryForTest(t)
	register(r, Store, "zinc", openStoreForTest, "copy/plugin.go:7")
	register(r, Store, "Zinc", openStoreForTest, "upper/plugin.go:8")
	register(r, Store, "no-struct", func(Env, int) (core.Store, error) { return nil, nil }, "a.go:9")
	_, err := open[core.Store](r, Store, "amber", Env{}, nil)
	want := strings.Join([]string{
		`plugins: invalid registration: ` +
			`copy/plugin.go:7: store "zinc": registered before by zinc/plugin.go:1`,
		`upper/plugin.go:8: store "Zinc": a name consists of a-z, 0-9 and hyphens`,
		`a.go:9: store "no-struct": options are a struct, not int`,
	}, "\n")
	if !errors.Is(err, ErrRegistration) || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestRegisterNotesThePlace(t *testing.T) {
	all := slices.Clone(sharedRegistry.plugins)
	t.Cleanup(func() { sharedRegistry.plugins = all })
	before := len(List(Store))
	RegisterStore("registry-test", openStoreForTest)
	list := List(Store)
	if len(list) != before+1 {
		t.Fatalf("got %d plugins, want %d", len(list), before+1)
	}
	if place := list[before].place; !strings.HasPrefix(place, "plugins/registry_test.go:") {
		t.Errorf("got place %s", place)
	}
	if opened, err := OpenStore("registry-test", Env{}, nil); opened == nil || err != nil {
		t.Errorf("got %v, %v", opened, err)
	}
	if err := Check(); err != nil {
		t.Error(err)
	}
}
