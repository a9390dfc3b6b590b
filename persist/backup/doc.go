// Package backup is the file that a cluster's state is saved to: one snapshot of one group with all
// that is needed to begin a new cluster from it, and checksums over everything.
//
// A file is written and read from its beginning to its end, so that it can be streamed from a node
// that does not know yet how long it will be. All integers are little endian.
//
//	0    magic      8   "tideback"
//	8    version    4   1
//	12   length     4   of the fields, at most 64 KiB
//	16   fields         cluster 8, node 8, group 8, taken 8 (Unix ns);
//	                    length 2 and bytes of the machine's name, the same of the program's version;
//	                    core.SnapshotMeta, in which size and checksum are zero
//	     sum        4   CRC-32C of all before
//	     blocks         of the body: all but the last have 65,536 bytes
//	       length   4   from 1 to 65,536
//	       sum      4   CRC-32C of the sum before, the length and the bytes
//	       bytes
//	     end
//	       length   4   zero
//	       size     8   of the body
//	       checksum 8   CRC-64/ECMA of the body
//	       sum      4   CRC-32C of the sum before and these 20 bytes
//
// Sums are chained, so that no block can be lost, doubled or moved. The body is what the group's
// machine writes, sessions included: this package does not look into it.
package backup
