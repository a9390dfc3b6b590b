package memory

import (
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/plugins"
)

func init() {
	plugins.RegisterStore("memory", func(plugins.Env, struct{}) (core.Store, error) {
		return New(), nil
	})
}
