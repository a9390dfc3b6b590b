// Package wire is what a client and a node's native API say to each other: msgpack in frames over
// one ordered byte stream, both ways at once. It has the formats, their bounded decoders and a
// reader of frames; it opens no connection. transport/api/native serves it, transport/client asks.
//
// # Handshake
//
// The client speaks first. All numbers of the handshake and of frame headers are big endian.
//
//	client ─> server, 16 bytes                 server ─> client, 36 bytes
//	0   magic     4  "TLK" 0xA1                0   magic     4  "TLK" 0xA1
//	4   version   4  that it wants to speak    4   version   4  that the server speaks
//	8   cluster   8  zero: any                 8   cluster   8
//	                                           16  node      8
//	                                           24  request   4  limit of a request's data, bytes
//	                                           28  window    4  limit of requests in flight
//	                                           32  refusal   4  zero: welcome
//
// After a refusal the server closes the connection.
//
// # Frames
//
// Everything after the handshake is frames, each one message:
//
//	0   length    4        of the payload, ≤ the limit of the direction
//	4   payload   length   one msgpack array
//
// A request is an array of 6 or 8, a reply an array of 8:
//
//	id       uint   the client's number for it;     id       uint   as asked; zero: about the
//	                never zero, unique in flight                    connection, see below
//	op       uint   1 command 2 query 3 status      outcome  uint   see Outcome
//	                4 resync 5 change 6 transfer
//	                7 session, data: core/session
//	                8 backup 9 probe 10 log
//	group    uint                                   leader   uint   node id; zero: unknown
//	level    uint   1 linearizable 2 stale          api      str    the leader's API address
//	                3 lease 4 bounded;              index    uint   of the entry, or applied
//	                0 for what is no query
//	flags    uint   bit 0: local                    code     str    of a failure
//	data     bin    in the machine's encoding;      message  str    of a failure or an error
//	                change: JSON, core.Change;      value    bin    of what was asked:
//	                transfer: JSON, core.Transfer           in the machine's encoding;
//	                backup: JSON, core.BackupRequest;
//	                log: JSON, core.LogRequest              log: JSON, core.LogPage
//	least    uint   for a query: applied is to be           status: JSON, core.NodeStatus;
//	                at least this; or missing               change: JSON, core.ChangeReport;
//	stale    uint   for level 4: how old the                transfer: JSON, core.Transfer
//	                answer may be, in ns; or missing
//
// A client may send on without waiting for replies, up to the window; replies come in any order.
// Encoders write the shortest form of each number and length; decoders take every form.
//
// # The end
//
// A reply with id zero and outcome OutcomeClosed is a server's last word: what it has not answered
// by then was not carried out and will not be. With OutcomeInvalid it says that the client broke
// the protocol, and message says how. A connection that ends without such a word leaves the
// outcome of unanswered commands unknown.
package wire
