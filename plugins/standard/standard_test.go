package standard

import (
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/plugins"
)

// TestEveryPluginIsRegistered also proves that each registration stands and explains its options.
func TestEveryPluginIsRegistered(t *testing.T) {
	if err := plugins.Check(); err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[plugins.Kind]string{
		plugins.Transport: "grpc http memory tcp", plugins.Store: "bbolt memory pebble wal",
		plugins.Machine: "lua",
	} {
		var names []string
		for _, p := range plugins.List(kind) {
			names = append(names, p.Name)
			for _, o := range p.Options {
				if o.Help == "" {
					t.Errorf("%s %s: option %s has no help", kind, p.Name, o.Name)
				}
			}
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("got %ss %s, want %s", kind, got, want)
		}
	}
}
