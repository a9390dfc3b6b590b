// Package tcp carries messages between nodes over TCP, or TLS: one connection per direction and
// pair of nodes, shared by all groups, in the frames of transport/codec. An address is host:port.
// What it promises, bounds and refuses is what package link does; this package adds the bytes.
//
// The dialler speaks first, the other side answers:
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
//	       10  status       2        0: accepted, else why not; see link.Status
//	       12  zero         4
//	       16  cluster      8
//	       24  node         8        who answers
//	       32  incarnation  8
//
// After that frames go one way. The dialler sends an empty frame now and then, and the other side
// answers each with one byte.
package tcp
