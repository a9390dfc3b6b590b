package scripting

import (
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/plugins"
)

// options are what can be set by name.
type options struct {
	Script  string `help:"file of the machine; without one, the key-value machine kv"`
	Readers int    `help:"idle interpreters kept for queries; 0: one per processor"`
}

func init() {
	plugins.RegisterMachine("lua", func(_ plugins.Env, o options) (core.StateMachine, error) {
		src := Default()
		if o.Script != "" {
			var err error
			if src, err = ReadSource(o.Script); err != nil {
				return nil, &plugins.OptionError{Name: "script", Reason: err.Error()}
			}
		}
		return NewEmpty(src, Config{Readers: o.Readers})
	})
}
