// Sqlitestore is tidelock with one store more.
package main

import (
	_ "example.org/sqlitestore"
	"github.com/tidelock-raft/tidelock/cli"
	_ "github.com/tidelock-raft/tidelock/plugins/standard"
)

func main() { cli.Main() }
