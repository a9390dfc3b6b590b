package scripting

import (
	"fmt"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// queue is a machine whose items come at one end and go at the other.
const queue = `local queue = state.map("queue")
return {name = "queue", version = 1,
commands = {
	push = function(n) queue:set(n, "item") end,
	pop = function() local n = queue:first() queue:delete(n) return n end,
},
queries = {peek = function() return queue:first() end}}`

// queueOf is a queue of items 1 to n.
func queueOf(tb testing.TB, n int) (m *Machine, at core.Index) {
	tb.Helper()
	m = newMachine(tb, Source{Name: "queue.lua", Text: []byte(queue)})
	for i := 1; i <= n; i++ {
		at++
		apply(tb, m, []core.Entry{commandEntry(at, encode(tb, "push", i))})
	}
	return m, at
}

// BenchmarkPop empties a queue, alone and while somebody holds a view of it.
func BenchmarkPop(b *testing.B) {
	for _, held := range []bool{false, true} {
		b.Run(fmt.Sprintf("held=%v", held), func(b *testing.B) {
			m, at := queueOf(b, b.N)
			if held {
				v, err := m.View()
				if err != nil {
					b.Fatal(err)
				}
				defer v.Release()
			}
			pop := encode(b, "pop")
			entries, results := make([]core.Entry, 1), []core.Result(nil)
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				at++
				entries[0] = commandEntry(at, pop)
				results, _ = m.Apply(results[:0], entries)
			}
			if f := results[0].Failure; f != nil {
				b.Fatal(f)
			}
		})
	}
}
