package node

import (
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/engine"
)

// admit takes as many queries as there is room for, and returns how many.
func (h *Handler) admit(queries []core.Request) (n int) {
	waiting, bytes := int(h.queries.Load()), int(h.queryBytes.Load())
	for ; n < len(queries) && waiting+n < h.config.MaxRequests; n++ {
		size := len(queries[n].Data)
		if bytes > 0 && bytes+size > h.config.MaxRequestBytes {
			break
		}
		bytes += size
	}
	h.queries.Add(int64(n))
	h.queryBytes.Add(dataBytes(queries[:n]))
	return n
}

// answered makes room for others.
func (h *Handler) answered(queries []core.Request) {
	h.queries.Add(-int64(len(queries)))
	h.queryBytes.Add(-dataBytes(queries))
}

func dataBytes(requests []core.Request) (n int64) {
	for i := range requests {
		n += int64(len(requests[i].Data))
	}
	return n
}

// query answers queries from the state as it is: on views and beside Apply if the machine can, in
// its turn otherwise.
func (m *machine) query(t *engine.Work) error {
	if m.reader == nil {
		m.answer(t.Queries, inTurn{m.sm}, t.Leader, m.at.Index)
		m.answered += engine.Waited(t.Queries)
		return nil
	}
	index, leader, lanes := m.at.Index, t.Leader, m.handler.config.QueryLanes
	share := max(minShare, (len(t.Queries)+lanes-1)/lanes)
	all, open := t.Queries, (len(t.Queries)+share-1)/share
	for len(t.Queries) > 0 {
		view, err := m.reader.View()
		if err != nil {
			return fmt.Errorf("take view at index %d: %w", index, err)
		}
		queries := t.Queries[:min(share, len(t.Queries))]
		t.Queries = t.Queries[len(queries):]
		m.lane = (m.lane + 1) % uint64(lanes)
		m.handler.lanes.Go(Lane{Kind: LaneQuery, Number: m.lane}, func() func() {
			m.answer(queries, view, leader, index)
			view.Release()
			waited := engine.Waited(queries)
			clear(queries)
			return func() {
				var room []core.Request
				if open--; open == 0 { // the handler runs these one after the other
					room = all[:0]
				}
				m.served(waited, room)
			}
		})
	}
	return nil
}

// answer answers queries from the state behind an index.
func (m *machine) answer(
	queries []core.Request, view core.View, leader core.NodeID, index core.Index,
) {
	answered := func(i int, r core.Result) {
		reply := core.Reply{Result: r, Index: index, Leader: leader}
		queries[i].Caller.Replied(queries[i].Token, reply)
	}
	if all, ok := view.(core.BatchView); ok {
		all.QueryAll(queries, answered)
	} else {
		for i := range queries {
			answered(i, view.Query(queries[i].Data))
		}
	}
	m.handler.answered(queries)
}

// inTurn is the present state of a machine as a view.
type inTurn struct{ core.StateMachine }

func (inTurn) Release() {}

// served has the engine hear that it has heard the last of so many queries, and has it have their
// memory.
func (m *machine) served(n int, room []core.Request) {
	if n > 0 {
		served := engine.Served{Group: m.group, Queries: n, Room: room}
		m.handler.back.Served = append(m.handler.back.Served, served)
	}
}

// minShare is how many queries are worth waking another lane for.
const minShare = 32
