package scripting

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/plugins"
	"github.com/tidelock-raft/tidelock/scripting/sandbox"
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
			if src, err = read(o.Script); err != nil {
				return nil, err
			}
		}
		return New(src, Config{Readers: o.Readers})
	})
}

// read finds a script in a file. Of one that is too long it reads enough for New to say so.
func read(path string) (Source, error) {
	file, err := os.Open(path)
	if err != nil {
		return Source{}, &plugins.OptionError{Name: "script", Reason: err.Error()}
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, sandbox.MaxSource+1))
	if err != nil {
		return Source{}, fmt.Errorf("read script: %w", err)
	}
	return Source{Name: filepath.Base(path), Text: text}, nil
}
