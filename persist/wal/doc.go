// Package wal is the default core.Store: one write-ahead log for all groups of a node.
//
// A Write becomes one frame, appended with one write and made durable with one fdatasync, whatever
// the number of groups and entries in it. Frames fill segments, files of a fixed length that are
// written with zeros and synced before their first use, so that fdatasync has no metadata to write.
// Where each entry lies is kept in memory; entries themselves are read back from the files, and
// checked as they are.
//
//   - format.go draws the files byte by byte.
//   - recover.go says how a log that was cut off is told from one that was damaged.
//   - write.go is the way in, read.go the way out.
//   - maintain.go makes new segments and gives up old ones; clean.go moves what little is alive in
//     an old segment so that it can be given up.
//
// The package knows nothing of Raft beyond core.Store. Bodies of snapshots are not its business:
// see persist/snapfile.
package wal
