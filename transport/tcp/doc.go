// Package tcp carries messages between nodes over TCP: one connection per direction and pair of
// nodes, shared by all groups, in the frames of transport/codec. An address is host:port.
//
// # Connections
//
// A node dials when it has something to say. It speaks first, the other side answers:
//
//	hello   0  magic        8 bytes  "tidelock"
//	        8  version      2        big endian, as all below
//	       10  zero         6
//	       16  cluster      8
//	       24  from         8        node id of the dialler
//	       32  to           8        node id that it expects
//	       40  incarnation  8        random, for each start of a node
//
//	answer  0  magic        8
//	        8  version      2        of the side that answers
//	       10  status       2        0: accepted, else why not
//	       12  zero         4
//	       16  cluster      8
//	       24  node         8        who answers
//	       32  incarnation  8
//
// After that frames go one way. The dialler sends an empty frame now and then, and the other side
// answers each with one byte: thus both notice when the other is gone. A hello of another cluster,
// for another node, or of another version is answered with the reason and the connection closed;
// both sides log it. A message that is not from the node of the hello, or not to this one, ends the
// connection. A new incarnation of a node ends the connections of the one before.
//
// # Queues
//
// There are two queues for each peer: one for pieces of snapshots, one for everything else. What
// does not fit is dropped, the newest first: what was queued before stays without a gap, which is
// what a follower can use. A piece of a snapshot never holds up other messages by more than itself:
// it is written alone, and only when the other queue has had its turn; the two kinds may overtake
// each other. When a connection breaks or cannot be made, the queues are emptied and Unreachable is
// told; the next attempt waits for a message and for a back-off that grows and is jittered, and is
// cut short when the peer connects to us.
//
// What an inbox has no room for is dropped. Raft repeats it.
//
// # Security
//
// Without TLS a peer is who it says. Config.Dial, Listener and Verify are where TLS goes, and where
// a certificate is held against the node id.
package tcp
