// Package standard is the list of plugins that the programs of this repository are built with. It
// is imported for its effect; a program of one's own imports it, minimal, or a list of its own.
package standard

import (
	_ "github.com/tidelock-raft/tidelock/persist/bbolt"    // store bbolt
	_ "github.com/tidelock-raft/tidelock/persist/memory"   // store memory
	_ "github.com/tidelock-raft/tidelock/persist/pebble"   // store pebble
	_ "github.com/tidelock-raft/tidelock/persist/wal"      // store wal
	_ "github.com/tidelock-raft/tidelock/scripting"        // machine lua
	_ "github.com/tidelock-raft/tidelock/transport/grpc"   // transport grpc
	_ "github.com/tidelock-raft/tidelock/transport/http"   // transport http
	_ "github.com/tidelock-raft/tidelock/transport/memory" // transport memory
	_ "github.com/tidelock-raft/tidelock/transport/tcp"    // transport tcp
)
