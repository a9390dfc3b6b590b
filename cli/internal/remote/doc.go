// Package remote is what the commands that talk to a cluster share: their flags, how an endpoint is
// found, how a request is made and how its outcome is printed.
//
// What is printed is for people (table) or for programs (json). An error is one line of JSON on
// standard output either way, and chooses the exit code; package exit has the list.
package remote
