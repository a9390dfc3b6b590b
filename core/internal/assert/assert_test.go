package assert_test

import (
	"testing"

	"github.com/tidelock-raft/tidelock/core/internal/assert"
)

func TestThatIsSilentWhenTheConditionHolds(t *testing.T) {
	assert.That(true, "never %d", 1)
}

func TestThatPanicsWithTheMessage(t *testing.T) {
	defer func() {
		if got, want := recover(), "broken invariant: commit 3 beyond last 2"; got != want {
			t.Errorf("recovered %v, want %q", got, want)
		}
	}()
	assert.That(false, "commit %d beyond last %d", 3, 2)
}
