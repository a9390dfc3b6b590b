// Package examples holds machines to start from, each in a folder with a transcript of its use and
// with tests. The tests of this package run all of them; so does `tidelock test examples`, and
// `raft-node --script FILE` runs the machines.
//
//	bank      accounts whose sum never changes; typed failures; an invariant
//	invoice   a machine of two files
//	lock      locks that expire by the log's own clock
//	queue     a work queue with acknowledgements
//	reminder  timers, and events that tell of them
//
// Three folders are plugins, each a module of its own with a program that it is built into, as
// somebody else would write them; docs/plugins.md goes through two of them line by line.
//
//	pigeon       a transport over UDP
//	sqlitestore  a store in an SQLite database
//	counter      a machine in Go
package examples
