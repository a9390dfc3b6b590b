// Package http carries messages between nodes as JSON over HTTP, in the words of the Raft paper, so
// that they can be read with curl or in a proxy's log. It is the slowest transport, and the easiest
// to look at. An address is host:port. What it promises, bounds and refuses is what package link
// does; this package adds the bytes.
//
//	GET  /raft/hello            who is there: an answer
//	POST /raft/append_entries   {"term", "leader_id", "prev_log_index", "prev_log_term", "entries",
//	                            "leader_commit", …}
//	POST /raft/request_vote     {"term", "candidate_id", "last_log_index", "last_log_term", …}
//	POST /raft/message          every other kind: {"kind", "term", "from", "log_index", …}
//
// A POST has one message or an array of them; an empty array is a sign of life. It says that
// messages were delivered, not what came of them: replies are messages, which a node POSTs to the
// other when its disk has done its part. So a connection never waits for a disk, and one that
// breaks loses nothing but what was under way. Each request says in its headers who speaks to whom:
//
//	Tidelock-Version      1
//	Tidelock-Cluster      the id of the cluster, a number
//	Tidelock-From         node id of the sender
//	Tidelock-To           node id that it expects
//	Tidelock-Incarnation  a number that is random for each start of a node
//	Tidelock-Checksum     CRC32C of the body in hex; a node never leaves it out, you may
//
// A hello that is refused has status 403 and an answer that says why. A node asks for a hello when
// it has connected, and sends messages on the same connection, which speaks for one node only.
package http
