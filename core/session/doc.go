// Package session makes commands happen exactly once: a client that heard nothing asks again, and
// what was carried out the first time is answered and not repeated (Raft §8, thesis §6.3).
//
// A client opens a session through the log; its id is the index of that entry. It numbers its
// commands from 1 on. The table of sessions is replicated state: for each session, the replies to
// commands that its client may still ask for. So it is the same on every replica, goes into every
// snapshot, and is forgotten by the clock of the log alone:
//
//	log      … open ─ s17/1 ─ s17/2 ─ s17/2 ─ s17/3, done 2 …
//	                    │       │       └ the reply to 2 again, from the table
//	machine             1       2               3       and the reply to 1 may go
//
// Machine wraps any core.StateMachine. Entries of kind core.EntryCommand go through untouched;
// those of kind core.EntrySession carry a Header in front of the command.
//
// Read next: Machine.Apply, then table.go.
package session
