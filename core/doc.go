// Package core holds the contracts of Tidelock: the words that its parts speak to each other in.
//
// It has no behaviour worth the name. An Entry is what is replicated, a Message is what nodes say
// to each other, a Store keeps, a Transport carries, a StateMachine obeys. Everything that can be
// swapped at startup implements an interface of this package, and this package imports nothing but
// the standard library. Arrows between packages point one way:
//
//	cli ─> plugins/standard ─> transport/*, persist/*, scripting ─> plugins ─> core, persist/vfs
//	                           core/node ─> core/engine ─> core/raft ─> core/quorum ─> core
//
// What a transport, a store and a machine must promise stands at the methods of Transport, Store
// and StateMachine, and the suites transport/transporttest and persist/persisttest check it.
//
// Read next: core/raft for the algorithm, core/engine for how many groups share a node, core/node
// for how an engine meets disks, networks and clocks; docs/architecture.md for the whole.
package core
