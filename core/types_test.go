package core_test

import (
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

func TestAddressMayNameATransport(t *testing.T) {
	for addr, want := range map[core.Addr][2]string{
		"": {"", ""}, "h:1": {"", "h:1"}, "[::1]:1": {"", "[::1]:1"}, "grpc://h:1": {"grpc", "h:1"},
		"://h:1": {"", "://h:1"}, "a://b://c": {"a", "b://c"}, "a://": {"a", ""}, "a:/h": {"", "a:/h"},
	} {
		if name, place := addr.Split(); name != want[0] || string(place) != want[1] {
			t.Errorf("%s: got %q and %q, want %q", addr, name, place, want)
		}
	}
}
