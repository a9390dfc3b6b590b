package value

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
)

// Pair is a key of a map and its value, both strings.
type Pair struct{ Key, Value []byte }

// AppendPairs appends the canonical form of a map, whatever the order of its pairs. Of several with
// the same key the last counts. Bounds are the caller's to keep: see Check.
func AppendPairs(dst []byte, pairs []Pair) []byte {
	order := ascending(len(pairs), func(i int) []byte { return pairs[i].Key })
	last := order[:0]
	for i, r := range order {
		if i+1 == len(order) || !bytes.Equal(pairs[r.i].Key, pairs[order[i+1].i].Key) {
			last = append(last, r)
		}
	}
	if len(last) == 0 {
		return AppendArray(dst, 0)
	}
	dst = AppendMap(dst, len(last))
	for _, r := range last {
		dst = AppendString(AppendString(dst, pairs[r.i].Key), pairs[r.i].Value)
	}
	return dst
}

// rank is a key by its number and its first bytes behind those that all keys begin with.
type rank struct {
	word uint64
	i    int
}

// ascending returns the numbers of n keys in the order of the keys, those of equal keys ascending.
// Most keys are told apart by eight bytes.
func ascending[K string | []byte](n int, key func(i int) K) []rank {
	if n == 0 {
		return nil
	}
	common := key(0)
	for i := 1; i < n; i++ {
		k := key(i)
		at := 0
		for at < min(len(common), len(k)) && common[at] == k[at] {
			at++
		}
		common = common[:at]
	}
	order := make([]rank, n)
	for i := range order {
		var word [8]byte
		copy(word[:], key(i)[len(common):])
		order[i] = rank{binary.BigEndian.Uint64(word[:]), i}
	}
	slices.SortFunc(order, func(a, b rank) int {
		if a.word != b.word {
			return cmp.Compare(a.word, b.word)
		}
		x, y := key(a.i), key(b.i)
		switch {
		case string(x) < string(y):
			return -1
		case string(x) > string(y):
			return 1
		}
		return a.i - b.i
	})
	return order
}

// fromStrings is fromMap for keys that all are strings.
func fromStrings(dst []byte, x map[string]any, depth int) (_ []byte, err error) {
	if depth >= MaxDepth {
		return nil, errDeep()
	}
	type pair struct {
		key   string
		value any
	}
	pairs, size := make([]pair, 0, len(x)), 0
	for k, v := range x {
		if len(k) > MaxKey {
			return nil, CheckKey(Token{Kind: String, Bytes: []byte(k)})
		}
		if v != nil {
			pairs, size = append(pairs, pair{k, v}), size+len(k)+2
		}
	}
	if len(pairs) == 0 {
		return AppendArray(dst, 0), nil
	}
	dst = AppendMap(slices.Grow(dst, size), len(pairs))
	for _, r := range ascending(len(pairs), func(i int) string { return pairs[i].key }) {
		p := &pairs[r.i]
		if dst, err = fromAny(AppendString(dst, p.key), p.value, depth+1); err != nil {
			return nil, err
		}
	}
	return dst, nil
}
