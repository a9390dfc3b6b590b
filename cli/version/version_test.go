package version

import (
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/program"
)

func TestVersion(t *testing.T) {
	var out strings.Builder
	if err := run(Options{program.Streams{Out: &out}, "v1.2.3"}); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out.String(), "tidelock v1.2.3 go1.") {
		t.Errorf("got %q", out.String())
	}
}
