package client

// flight has the exchanges that are in flight by their ids, which it gives them: each lies where
// the lowest bits of its id say. That costs a fraction of what a map does.
//
// Invariants: len(slots) is zero or a power of two, and more than count; ids ascend, last is the
// newest.
type flight struct {
	slots []*exchange
	count int
	last  uint64
}

// leastSlots is how many slots there are at first.
const leastSlots = 64

// add gives an exchange its id. Ids whose place is taken are left out: of many places at least half
// are free, so that is no more work than one step each.
func (f *flight) add(x *exchange) {
	if 2*f.count >= len(f.slots) {
		f.grow()
	}
	for f.last++; *f.at(f.last) != nil; f.last++ {
	}
	x.request.ID = f.last
	*f.at(f.last) = x
	f.count++
}

func (f *flight) at(id uint64) **exchange { return &f.slots[id&uint64(len(f.slots)-1)] }

// grow doubles the slots: ids that differed in their lowest bits differ in one more.
func (f *flight) grow() {
	old := f.slots
	f.slots = make([]*exchange, max(leastSlots, 2*len(old)))
	for _, x := range old {
		if x != nil {
			*f.at(x.request.ID) = x
		}
	}
}

// find returns the exchange with an id, or nil.
func (f *flight) find(id uint64) *exchange {
	if f.count == 0 {
		return nil
	}
	if x := *f.at(id); x != nil && x.request.ID == id {
		return x
	}
	return nil
}

// remove forgets an exchange that it has.
func (f *flight) remove(x *exchange) {
	*f.at(x.request.ID) = nil
	f.count--
}
