// Package codec is how messages look on a wire: msgpack in frames with a length in front. It is
// not a general msgpack codec; it knows one type, core.Message, and writes and reads it without
// reflection and almost without allocation. Every transport that carries bytes may use it.
//
// A stream is a sequence of frames:
//
//	0  length    4 bytes, big endian: of the payload, ≤ Limits.MaxFrameBytes
//	4  checksum  4 bytes, big endian: CRC32C of the payload
//	8  payload   one msgpack value
//
// The checksum is there because those below are weak: one damaged segment in 65,536 passes
// that of TCP, and an entry that changes on its way makes a replica that differs for ever.
//
// The payload is an array: the number of entries in all its messages, then the messages. The
// writer gives both numbers in their widest form (0xdd, 0xce), the reader takes any. A frame
// without messages is legal and says only that the sender lives.
//
//	[entries, message, message, …]
//
// A message is an array as well. The mask tells which of its other fields follow, in the order of
// the bits; a field without a bit is zero. Positions are pairs, snapshots are core.SnapshotMeta in
// its own canonical encoding.
//
//	[kind, mask, group, from, to, term, value, …]
//
//	bit 0  log      [term, index]     bit 6   reject    no value
//	bit 1  commit   uint              bit 7   data      bin
//	bit 2  round    uint              bit 8   offset    uint < 2^63
//	bit 3  entries  [see below]       bit 9   snapshot  bin
//	bit 4  hint     [term, index]     bit 10  force     no value
//	bit 5  token    uint
//
// Entries are one flat array, three elements for each. Indexes are not written: the first entry
// follows the message's log position, and each the one before it. A term is written where it rises.
//
//	[head, time, data,  head, time, data,  …]
//
//	head  kind, or [kind, rise of the term over the entry before; at first over the log position]
//	time  int, difference to the entry before; at first to zero
//	data  bin
//
// So nothing that nests, no length and no count is taken on trust: see Limits. What Batch accepts,
// Reader returns; what would be refused there (an unknown kind, a gap between entries) is refused
// by Batch already. Empty and nil slices look the same and arrive as nil.
package codec
