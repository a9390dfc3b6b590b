// Counter is tidelock with one machine more.
package main

import (
	_ "example.org/counter"
	"github.com/tidelock-raft/tidelock/cli"
	_ "github.com/tidelock-raft/tidelock/plugins/standard"
)

func main() { cli.Main() }
