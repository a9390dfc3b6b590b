// Pigeon is tidelock with one transport more.
package main

import (
	_ "example.org/pigeon"
	"github.com/tidelock-raft/tidelock/cli"
	_ "github.com/tidelock-raft/tidelock/plugins/standard"
)

func main() { cli.Main() }
