package scripting

import (
	"testing"

	lua "github.com/yuin/gopher-lua"

	"github.com/tidelock-raft/tidelock/scripting/sandbox"
	"github.com/tidelock-raft/tidelock/scripting/value"
)

// TestNilsInAMapTakeNoRoom reads a map of a nil under a great key, behind which each key had the
// places up to it looked at once more: a command of 7 KB took 20 seconds.
func TestNilsInAMapTakeNoRoom(t *testing.T) {
	data := value.AppendNil(value.AppendNumber(value.AppendMap(nil, 3), 1_900_000))
	data = value.AppendBool(value.AppendNumber(data, 1), true)
	data = value.AppendNil(value.AppendNumber(data, 2))
	r := value.NewReader(data)
	v, err := newMachine(t, Default()).writer.decode(&r, 0)
	if err != nil {
		t.Fatal(err)
	}
	items := v.(*lua.LTable)
	if items.RawGetInt(1) != lua.LTrue || items.MaxN() != 1 || sandbox.Passing(items) != 0 {
		t.Errorf("%d items, which take %d steps to go over", items.MaxN(), sandbox.Passing(items))
	}
}
