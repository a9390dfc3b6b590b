package scripting

import (
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// TestSpentIsTheSameForTheSameCommand holds that what a command takes depends on it and the state
// alone: not on what went before, nor on queries in between.
func TestSpentIsTheSameForTheSameCommand(t *testing.T) {
	m := newMachine(t, Default())
	index := core.Index(0)
	spent := func(data []byte) [2]int64 {
		index++
		apply(t, m, []core.Entry{commandEntry(index, data)})
		steps, bytes := m.Spent()
		return [2]int64{steps, bytes}
	}
	put := encode(t, "put", "key", "value")
	spent(put)
	want := spent(put)
	if want[0] < 10 || want[0] > 50 || want[1] < 5 || want[1] > 500 {
		t.Errorf("a put takes %v", want)
	}
	if got := spent(encode(t, "nothing")); got != [2]int64{} {
		t.Errorf("a command that there is not takes %v", got)
	}
	m.Query(encode(t, "range"))
	if steps, _ := m.Spent(); steps == 0 {
		t.Error("a query takes nothing")
	}
	if got := spent(put); got != want {
		t.Errorf("a put takes %v, and then %v", want, got)
	}
	restored := newMachine(t, Default())
	apply(t, restored, []core.Entry{commandEntry(1, put), commandEntry(2, put)})
	if steps, bytes := restored.Spent(); [2]int64{steps, bytes} != want {
		t.Errorf("a put takes %v, on another machine %d and %d", want, steps, bytes)
	}
}
