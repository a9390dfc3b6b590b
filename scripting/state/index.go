package state

import "slices"

// index finds items by the hash of their key: in buckets of one line of a processor's cache each,
// ordered by hash. There are no more buckets than it takes, and another one is made at a time: no
// write waits until a million items have moved, and no memory is taken ahead.
//
// The highest bits of a hash are its tag. Of n buckets, tag t belongs into number t·n/2^tagBits. A
// round of growth makes n an eighth more: from the last one down, buckets are emptied into those
// where their items belong from then on, which never are before them.
//
//	0              moved        moved·now/old              now
//	├─ as with old ─┼─── free ───┼─────── as with now ─────┤
//
// An item that finds its bucket full, about one in 50, stands in others.
type index struct {
	slab     *slab
	parts    []*part
	old, now uint64 // buckets before the round, and after it
	moved    uint64 // buckets from here on have been emptied; zero: the round is over
	n        int    // items
	others   map[string]cell
	none     bucket // for an index that has no buckets yet
}

// bucket has entries, zero if free: tag, number of the block, granule within it.
type bucket [8]uint64

type part [partSize]bucket

const (
	partSize  = 64 // buckets
	perBucket = 5  // items, in the mean and at most
	growth    = 8  // the part of the buckets by which there are more after a round
	tagBits   = 25
	cellBits  = 64 - tagBits
	maxBlocks = 1 << (cellBits - granuleBits) // which are a quarter of a TiB or more
)

// entryOf is the entry of an item.
func entryOf(hash uint64, at cell) uint64 {
	return hash>>cellBits<<cellBits | uint64(at>>lengthBits)
}

// itemOf is the item of an entry: its cell does not tell the length.
func itemOf(entry uint64) cell { return cell(entry<<tagBits>>tagBits) << lengthBits }

func newIndex(slab *slab, room int) index {
	x := index{slab: slab}
	if room > 0 {
		x.now = uint64(room)/perBucket + 1
		x.extend()
		for i := range x.parts {
			x.parts[i] = new(part)
		}
	}
	return x
}

// home is the bucket for a hash, of which only the tag counts.
func (x *index) home(hash uint64) *bucket {
	if len(x.parts) == 0 {
		return &x.none
	}
	tag := hash >> cellBits
	at := tag * x.old >> tagBits
	if at >= x.moved {
		at = tag * x.now >> tagBits
	}
	return x.bucket(at)
}

func (x *index) bucket(at uint64) *bucket { return &x.parts[at/partSize][at%partSize] }

// other is a hash, made of a tag, for the second bucket in which an item may stand.
func other(hash uint64) uint64 { return hash >> cellBits * mixA << cellBits }

// likely is the item that find most likely finds; zero: it probably finds none.
func (x *index) likely(hash uint64) cell {
	for _, h := range [...]uint64{hash, other(hash)} {
		for _, entry := range x.home(h) {
			if entry != 0 && (entry^hash)>>cellBits == 0 {
				return itemOf(entry)
			}
		}
	}
	return 0
}

// find returns the item of a key; zero: there is none.
func (x *index) find(hash uint64, key string) cell {
	for _, h := range [...]uint64{hash, other(hash)} {
		for _, entry := range x.home(h) {
			if entry != 0 && (entry^hash)>>cellBits == 0 && x.slab.key(itemOf(entry)) == key {
				return itemOf(entry)
			}
		}
	}
	return x.others[key]
}

// add takes up an item that is not there yet.
func (x *index) add(hash uint64, at cell) {
	for x.n++; x.n > x.room(); {
		x.grow()
	}
	x.put(entryOf(hash, at))
}

// put puts an entry into one of its buckets, or the item into others.
func (x *index) put(entry uint64) {
	if x.replace(entry, 0, entry) {
		return
	}
	if x.others == nil {
		x.others = map[string]cell{}
	}
	x.others[x.slab.key(itemOf(entry))] = itemOf(entry)
}

// replace writes an entry in place of another into one of the buckets for a hash.
func (x *index) replace(hash, was, entry uint64) bool {
	for _, h := range [...]uint64{hash, other(hash)} {
		b := x.home(h)
		if i := slices.Index(b[:], was); i >= 0 {
			b[i] = entry
			return true
		}
	}
	return false
}

// remove ends what add began.
func (x *index) remove(hash uint64, at cell) {
	if !x.replace(hash, entryOf(hash, at), 0) {
		delete(x.others, x.slab.key(at))
	}
	x.n--
}

// room is for how many items there are buckets.
func (x *index) room() int {
	buckets := x.now
	if x.moved > 0 {
		buckets -= (x.moved*x.now+x.old-1)/x.old - x.moved // those that are free
	}
	return int(buckets) * perBucket
}

// grow makes buckets out of the last one that has not been emptied yet.
func (x *index) grow() {
	if x.moved == 0 {
		x.old, x.now = x.now, x.now+x.now/growth+1
		x.moved = x.old
		x.extend()
	}
	if x.old == 0 {
		x.parts[0] = new(part)
		return
	}
	x.moved--
	first, last := x.moved*x.now/x.old, min((x.moved+1)*x.now/x.old, x.now-1)
	for _, i := range [...]uint64{first / partSize, last / partSize} {
		if x.parts[i] == nil {
			x.parts[i] = new(part)
		}
	}
	from := x.bucket(x.moved)
	was := *from
	*from = bucket{}
	for _, entry := range was {
		if entry != 0 {
			x.put(entry)
		}
	}
}

// extend makes room for as many parts as there will be.
func (x *index) extend() {
	n := int(x.now+partSize-1) / partSize
	x.parts = append(x.parts, make([]*part, n-len(x.parts))...)
}
