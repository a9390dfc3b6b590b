package engine

import "github.com/tidelock-raft/tidelock/core"

// repeats tells requests that were passed on for the first time from repetitions of them, which a
// network may bring at any time: a request is dealt with once, whether that was to propose it or to
// refuse it, and its repetitions are passed over in silence. To refuse one would be to promise that
// the request was not carried out.
type repeats struct {
	born    core.Term // when this run began; what was sent by then, an earlier run may have seen
	windows map[core.NodeID]*window
}

// first reports whether m is not a repetition, for all that can be known.
func (r *repeats) first(m *core.Message) bool {
	if m.Term <= r.born {
		return false
	}
	w := r.windows[m.From]
	if w == nil {
		w = &window{}
		r.windows[m.From] = w
	}
	return w.first(m.Token)
}

// windowTokens is by how many tokens a request may be overtaken before it is passed over.
const windowTokens = 4096

// window remembers which tokens have come. Tokens of one node rise, also from run to run.
//
// Invariant: bit token%windowTokens of bits is set exactly if the token has come, for the
// windowTokens tokens up to newest; what lies before counts as having come.
type window struct {
	newest uint64
	bits   [windowTokens / 64]uint64
}

// first reports whether a token has not come yet, and notes that it has.
func (w *window) first(token uint64) bool {
	switch {
	case token > w.newest && token-w.newest >= windowTokens:
		w.newest, w.bits = token, [windowTokens / 64]uint64{}
	case token > w.newest:
		for w.newest < token {
			w.newest++
			*w.word(w.newest) &^= 1 << (w.newest % 64)
		}
	case w.newest-token >= windowTokens || *w.word(token)>>(token%64)&1 != 0:
		return false
	}
	*w.word(token) |= 1 << (token % 64)
	return true
}

func (w *window) word(token uint64) *uint64 { return &w.bits[token%windowTokens/64] }
