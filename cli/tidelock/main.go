// Tidelock keeps a Lua script running in lockstep on a cluster. It is all programs in one: the
// commands are listed in package cli.
package main

import (
	"github.com/tidelock-raft/tidelock/cli"
	_ "github.com/tidelock-raft/tidelock/plugins/standard"
)

func main() { cli.Main() }
