// Package node is the shell around an engine: it carries out what the engine wants.
//
// A Handler is one event handler. It is single-threaded, and takes everything that is not
// computation from its environment: the clock, the store, the transport, and Lanes for work that
// may take long. The same Handler runs in production, where a Node drains a mailbox into it and
// each lane is a goroutine, and in a simulator, where one queue ordered by virtual time calls it.
//
//	clients ─┐                   ┌─> disk lane    Store.Write, then the acknowledgements
//	peers ───┼─> mailbox ─> Handler ─> apply lane  StateMachine.Apply, then the replies
//	clock ───┘      ^            ├─> query lanes  View.Query
//	                │            ├─> save lane    snapshots to files
//	                └── done ────┴─> send, receive lanes: snapshots to and from peers
//
// At most one write and one piece of work for each machine are under way at a time; what arrives
// meanwhile is gathered and goes together. That is the whole of group commit and of batching: under
// load batches grow by themselves, and without load nothing waits.
//
// Read next: Handler.Handle, then disk.go and machine.go.
package node
