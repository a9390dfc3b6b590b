// Package sim runs a whole cluster under one seed: production code in a world that is made up.
//
// A World has one queue of events, ordered by virtual time, and one goroutine. Its hosts run
// node.Handler with the engine, the write-ahead log, the codecs and the Lua machine of production;
// made up are the environment that they see (clock, lanes of work, disk, network) and the clients.
// Everything that is left to chance is drawn from streams that the seed starts, one each for
// workload, network, disk and schedule, so that a change to one of them does not stir the others.
// A seed therefore is a history: it can be run again, shrunk, and kept.
//
//	Options ──Draw(seed)──> World ──> hosts: node.Handler ── Faulty(Memory) disks
//	                          │         ^  clock, lanes       │
//	                          │         └── network: codec frames, delayed, lost, cut
//	                          ├──> clients: operations and their History
//	                          └──> Observers: checkers, coverage, the hash of the trace
//
// What a crash is: the host drops its handler, its incarnation counts up, and what comes back is
// built from what its disk kept. What a checker is: an Observer that knows what may never happen.
//
// Read next: World.Run, then host.go, and checkers under check_*.go.
package sim
