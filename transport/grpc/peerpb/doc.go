// Package peerpb is generated from peer.proto, which says what each message means. What is read
// from outside is held against limits by transport/grpc before it is decoded into these types.
package peerpb
