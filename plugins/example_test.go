package plugins_test

import (
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/plugins"
)

// paper is a store that somebody else has written, and padOptions are its options.
type paper struct {
	core.Store
	pad padOptions
}

type padOptions struct {
	Sheets int           `help:"in the pad" default:"80"`
	Margin plugins.Bytes `help:"left free on each" default:"1KiB"`
}

func init() {
	plugins.RegisterStore("paper", func(_ plugins.Env, o padOptions) (core.Store, error) {
		return &paper{pad: o}, nil
	})
}

// Example opens by name what an init function has registered.
func Example() {
	store, err := plugins.OpenStore("paper", plugins.Env{}, map[string]string{"sheets": "3"})
	fmt.Println(store.(*paper).pad.Sheets, store.(*paper).pad.Margin, err)

	_, err = plugins.OpenStore("paper", plugins.Env{}, map[string]string{"colour": "red"})
	fmt.Println(err)
	// Output:
	// 3 1KiB <nil>
	// store paper: option colour: is not known; there are: sheets, margin
}
