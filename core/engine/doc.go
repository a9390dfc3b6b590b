// Package engine drives many raft groups as one: events in, effects out.
//
// A node gathers whatever has happened since it last looked (messages, requests, finished writes,
// the passing of time) into Events and calls Engine.Step once. The engine hands each event to its
// group and collects what all groups want into one Effects: one batch for the store, one bundle of
// messages for each peer, work for the machines, answers for callers. That is what makes a busy
// node cheap: the cost of a sync, of a system call and of a wake-up is shared by everything that
// happened meanwhile, in all groups.
//
// The engine is as pure as the raft core: no I/O, clock, goroutine, lock or randomness. It is not
// safe for concurrent use. It does not know how effects are carried out; that is core/node.
//
// Read next: Engine.Step, then Effects for the promises between engine and node.
package engine
