// Package minimal is the shortest list of plugins that makes a cluster that lasts: one transport,
// one store, one machine. It is imported for its effect.
package minimal

import (
	_ "github.com/tidelock-raft/tidelock/persist/wal"   // store wal
	_ "github.com/tidelock-raft/tidelock/scripting"     // machine lua
	_ "github.com/tidelock-raft/tidelock/transport/tcp" // transport tcp
)
