package client

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// TestLearnedEndpointsMakeRoom learns of far more endpoints than there may be: those given and
// those connected stay, and whoever is named last is known.
func TestLearnedEndpointsMakeRoom(t *testing.T) {
	var b endpoints
	b.init([]string{"given 1", "given 2"}, rand.New(rand.NewPCG(1, 2)))
	b.hint(1, "connected")
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	b.byAddress["connected"].conn = &conn{link: here}
	b.hint(2, "being dialled")
	b.byAddress["being dialled"].dialing = &dialing{}
	for n := range 5 * MaxEndpoints {
		address := fmt.Sprint("dead ", n)
		if n%2 == 0 {
			b.hint(core.GroupID(n), address)
			if e := b.leaders[core.GroupID(n)]; e == nil || e.address != address {
				t.Fatalf("%s: got leader %v", address, e)
			}
			b.home = len(b.rotation) - 1
		} else if b.find(address) == nil {
			t.Fatalf("%s is no target", address)
		}
		if len(b.byAddress) > MaxEndpoints || b.home >= len(b.rotation) {
			t.Fatalf("%d endpoints, limit %d; home is %d of %d", len(b.byAddress), MaxEndpoints,
				b.home, len(b.rotation))
		}
	}
	for _, address := range []string{"given 1", "given 2", "connected", "being dialled"} {
		if b.byAddress[address] == nil || !slices.Contains(b.addresses(), address) {
			t.Errorf("%s was forgotten", address)
		}
	}
	for g, e := range b.leaders {
		if b.byAddress[e.address] != e {
			t.Errorf("the leader of group %d is %s, which was forgotten", g, e.address)
		}
	}
	for _, e := range b.byAddress {
		e.dialing = &dialing{}
	}
	if b.hint(9, "one more"); b.byAddress["one more"] != nil || b.find("one more") != nil {
		t.Error("there was no room, and it is known")
	}
}
