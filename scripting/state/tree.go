package state

import (
	"slices"
	"strings"
)

// tree holds items by ascending key: a B+-tree of cells, so that a key is nowhere but in its item,
// and the garbage collector finds pointers to nodes only. Items are those of living cells. Whoever
// fills a tree from one end to the other gets full nodes.
//
// Invariants: 1. all leaves are at one depth; 2. a node has at least one item and at most fan;
// 3. two neighbours in one branch have more than fan/2 together; 4. a branch has the least item of
// each of its kids, and the items of a node are all beyond those of the one before it.
type tree struct {
	slab *slab
	root *node // nil: it is empty
	n    int
}

// node is a leaf or, with kids, a branch.
type node struct {
	items []cell
	kids  []*node
}

const (
	fan      = 64
	maxDepth = 16 // by invariant 3 a level has 16 times the one above
)

// find returns how many items of a node are less than a key, and whether the next one has it. With
// late it looks at the last one first, which is quick for keys that ascend.
func (t *tree) find(n *node, key string, late bool) (at int, found bool) {
	lo, hi := 0, len(n.items)
	middle := hi / 2
	if late {
		middle = hi - 1
	}
	for ; lo < hi; middle = int(uint(lo+hi) / 2) {
		switch c := strings.Compare(t.slab.key(n.items[middle]), key); {
		case c < 0:
			lo = middle + 1
		case c > 0:
			hi = middle
		default:
			return middle, true
		}
	}
	return lo, false
}

// kidFor is where in a branch a key is, or would be.
func (t *tree) kidFor(n *node, key string, late bool) int {
	at, found := t.find(n, key, late)
	if !found && at > 0 {
		at--
	}
	return at
}

// set adds an item, whose key is not there yet.
func (t *tree) set(at cell) {
	if t.n++; t.root == nil {
		t.root = new(node)
	}
	t.raise(t.insert(t.root, t.slab.key(at), at, true))
}

// load is set for an item behind all others.
func (t *tree) load(at cell) {
	if t.n++; t.root == nil {
		t.root = new(node)
	}
	t.raise(t.extend(t.root, at))
}

// raise puts a root above two nodes.
func (t *tree) raise(right *node) {
	if left := t.root; right != nil {
		t.root = &node{[]cell{left.items[0], right.items[0]}, []*node{left, right}}
	}
}

// insert returns the second half of a node that was split; last says that no node is behind it.
func (t *tree) insert(n *node, key string, at cell, last bool) (right *node) {
	if n.kids == nil {
		i, _ := t.find(n, key, last)
		return n.insert(i, at, nil, last)
	}
	i := t.kidFor(n, key, last)
	kid := n.kids[i]
	added := t.insert(kid, key, at, last && i == len(n.kids)-1)
	if n.items[i] = kid.items[0]; added == nil {
		return nil
	}
	return n.insert(i+1, added.items[0], added, last)
}

// extend is insert behind all others.
func (t *tree) extend(n *node, at cell) (right *node) {
	if n.kids == nil {
		return n.insert(len(n.items), at, nil, true)
	}
	added := t.extend(n.kids[len(n.kids)-1], at)
	if added == nil {
		return nil
	}
	return n.insert(len(n.kids), added.items[0], added, true)
}

// insert puts an item, and a branch's kid, at a place. What is full is split into halves; but what
// grows at the very end goes on in an empty node.
func (n *node) insert(i int, at cell, kid *node, last bool) (right *node) {
	into := n
	if len(n.items) == fan {
		half := fan / 2
		if last && i == fan {
			half = fan
		}
		if right = n.split(half); i >= half {
			into, i = right, i-half
		}
	}
	into.items = slices.Insert(into.items, i, at)
	if kid != nil {
		into.kids = slices.Insert(into.kids, i, kid)
	}
	return right
}

func (n *node) split(half int) *node {
	right := &node{items: append(make([]cell, 0, fan), n.items[half:]...)}
	n.items = n.items[:half]
	if n.kids != nil {
		right.kids = append(make([]*node, 0, fan), n.kids[half:]...)
		n.kids = slices.Delete(n.kids, half, len(n.kids))
	}
	return right
}

// delete removes the item of a key, which is there.
func (t *tree) delete(key string) {
	t.n--
	t.remove(t.root, key)
	for t.root != nil && len(t.root.items) < 2 {
		switch {
		case len(t.root.items) == 0:
			t.root = nil
		case t.root.kids == nil:
			return
		default:
			t.root = t.root.kids[0]
		}
	}
}

func (t *tree) remove(n *node, key string) {
	if n.kids == nil {
		i, _ := t.find(n, key, false)
		n.items = slices.Delete(n.items, i, i+1)
		return
	}
	i := t.kidFor(n, key, false)
	kid := n.kids[i]
	if t.remove(kid, key); len(kid.items) == 0 {
		n.items, n.kids = slices.Delete(n.items, i, i+1), slices.Delete(n.kids, i, i+1)
	} else {
		n.items[i] = kid.items[0]
	}
	n.join(i)
	n.join(i - 1)
}

// join makes one of two neighbours that have no more than half of what a node may have.
func (n *node) join(i int) {
	if i < 0 || i+1 >= len(n.kids) {
		return
	}
	left, right := n.kids[i], n.kids[i+1]
	border := len(left.items)
	if border+len(right.items) > fan/2 {
		return
	}
	left.items = append(left.items, right.items...)
	left.kids = append(left.kids, right.kids...)
	n.items, n.kids = slices.Delete(n.items, i+1, i+2), slices.Delete(n.kids, i+1, i+2)
	left.join(border - 1)
}

// cursor stands at an item of a tree that does not change meanwhile, or at none.
type cursor struct {
	t     *tree
	path  [maxDepth]step // from the root to a leaf
	depth int            // zero: at none
}

type step struct {
	n *node
	i int
}

// Where a cursor goes.
const (
	forwards  = 1
	backwards = -1
)

func (c *cursor) item() cell { s := &c.path[c.depth-1]; return s.n.items[s.i] }

func (c *cursor) key() string { return c.t.slab.key(c.item()) }

func (c *cursor) push(n *node, i int) {
	c.path[c.depth] = step{n, i}
	c.depth++
}

// seek goes to the item of a key or, if there is none, to the next one that way, and reports
// whether it stands at one.
func (c *cursor) seek(key string, way int) bool {
	c.depth = 0
	n := c.t.root
	if n == nil {
		return false
	}
	for ; n.kids != nil; n = n.kids[c.path[c.depth-1].i] {
		c.push(n, c.t.kidFor(n, key, false))
	}
	i, found := c.t.find(n, key, false)
	if !found && way == backwards {
		i--
	}
	if c.push(n, i); i < 0 || i == len(n.items) {
		return c.move(way)
	}
	return true
}

// move goes one item on, and reports whether there is one.
func (c *cursor) move(way int) bool {
	for ; c.depth > 0; c.depth-- {
		s := &c.path[c.depth-1]
		if s.i += way; 0 <= s.i && s.i < len(s.n.items) {
			c.descend(way)
			return true
		}
	}
	return false
}

// descend goes down to the first item that way.
func (c *cursor) descend(way int) {
	for s := &c.path[c.depth-1]; s.n.kids != nil; s = &c.path[c.depth-1] {
		n, i := s.n.kids[s.i], 0
		if way == backwards {
			i = len(n.items) - 1
		}
		c.push(n, i)
	}
}
