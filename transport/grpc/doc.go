// Package grpc carries messages between nodes over gRPC: one connection and one stream per
// direction and pair of nodes, shared by all groups. peerpb/peer.proto is the protocol, with a
// field for everything that a message says, so that any tool that speaks gRPC can read along. An
// address is host:port. What the transport promises, bounds and refuses is what package link does;
// this package adds the bytes.
//
// A packet is held against codec.Limits before it is decoded: its length by gRPC, and the number of
// messages and entries by a look at its outermost fields, so that a few bytes on the wire cannot
// become many in memory.
package grpc
