package server

import (
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
)

// withTransports is a configuration with transports of these names.
func withTransports(names string) Config {
	c := Config{ID: 1}
	for name := range strings.SplitSeq(names, ",") {
		c.Transports = append(c.Transports, Choice{Name: name})
	}
	return c
}

func TestEachTransportListensOnItsOwn(t *testing.T) {
	for _, c := range []struct{ names, listen, advertise, want, found string }{
		{"tcp", "", "", "127.0.0.1:9001", "127.0.0.1:9001"},
		{"grpc", "h:1", "", "h:1", "h:1"},
		{"grpc", "grpc://h:1", "", "h:1", "h:1"},
		{"tcp,grpc", "grpc://h:1", "", "127.0.0.1:9001,grpc://h:1", "127.0.0.1:9001"},
		{"tcp,grpc", "grpc://h:1, g:2", "", "g:2,grpc://h:1", "g:2"},
		{"tcp,grpc", "tcp://g:2,grpc://h:2", "", "g:2,grpc://h:2", "g:2"},
		{"tcp,grpc", "grpc://[::]:0,0.0.0.0:0", "grpc://h:9", "0.0.0.0:0,grpc://[::]:0", "grpc://h:9"},
	} {
		config := withTransports(c.names)
		config.Listen, config.Advertise = c.listen, c.advertise
		got, err := config.complete()
		if err != nil {
			t.Errorf("%s %s: %v", c.names, c.listen, err)
			continue
		}
		found := got.membership().Members[0].Addr
		if got.peersAt() != c.want || found != core.Addr(c.found) {
			t.Errorf("%s %s: got %s, found at %s, want %s, %s", c.names, c.listen, got.peersAt(), found,
				c.want, c.found)
		}
	}
}

func TestTransportsThatCannotBe(t *testing.T) {
	for _, c := range []struct{ names, listen, advertise, peer, text string }{
		{"tcp,tcp", "", "", "", "--transport: tcp is there twice"},
		{"tcp,grpc", "", "", "", "--listen: say where transport grpc listens, beside tcp: " +
			"--listen 127.0.0.1:9001,grpc://HOST:PORT"},
		{"tcp,grpc", "grpc://127.0.0.1:9001", "", "", "--listen: transports tcp and grpc are both to " +
			"listen on 127.0.0.1:9001; each needs a port of its own"},
		{"tcp,grpc", "grpc://0.0.0.0:9001", "", "", "--listen: transports tcp and grpc are both to " +
			"listen on 0.0.0.0:9001; each needs a port of its own"},
		{"tcp,grpc", "grpc://a:1,grpc://b:1", "", "", "--listen: transport grpc is to listen on a:1 " +
			"and on b:1; say one"},
		{"tcp,grpc", "http://a:1", "", "", "--listen: transport http of http://a:1 does not run; " +
			"there are: tcp, grpc"},
		{"tcp,grpc", "grpc://a", "", "", `--listen: "grpc://a" is not host:port`},
		{"tcp", "://a:1", "", "", `--listen: "://a:1" is not host:port`},
		{"tcp", "", "grpc://a:1", "", "--advertise: transport grpc of grpc://a:1 does not run; " +
			"there are: tcp"},
		{"tcp", "", "", "grpc://b:2", "--peers: transport grpc of grpc://b:2 does not run; " +
			"there are: tcp"},
	} {
		config := withTransports(c.names)
		config.Listen, config.Advertise = c.listen, c.advertise
		if c.peer != "" {
			config.Peers = []Peer{{ID: 2, Addr: c.peer}}
		}
		if _, err := config.complete(); !errors.Is(err, exit.ErrUsage) || err.Error() != c.text {
			t.Errorf("got  %v\nwant %s", err, c.text)
		}
	}
}

// TestPeersByTransport: an address for peers may name a transport, one for clients may not.
func TestPeersByTransport(t *testing.T) {
	peers, err := ParsePeers("2=grpc://b:9102,3=c:9003", "")
	if err != nil {
		t.Fatal(err)
	}
	config := withTransports("tcp,grpc")
	config.Peers, config.Listen = peers, "grpc://127.0.0.1:9101"
	got, err := config.complete()
	want := []Peer{{2, "grpc://b:9102", "b:8102"}, {3, "c:9003", "c:8103"}}
	if err != nil || !slices.Equal(got.Peers, want) {
		t.Errorf("got %+v, %v, want %+v", got.Peers, err, want)
	}
	for flags, want := range map[[2]string]string{
		{"2=grpc://b", ""}:    `--peers: "grpc://b" is not host:port`,
		{"2=grpc://:1", ""}:   `--peers: "grpc://:1" names no host`,
		{"2", "2=grpc://b:1"}: `--peer-apis: "grpc://b:1" is not host:port`,
	} {
		if _, err := ParsePeers(flags[0], flags[1]); err == nil || err.Error() != want {
			t.Errorf("%v: got %v, want %s", flags, err, want)
		}
	}
}

// TestEachTransportHasItsOptions starts a node with two, of which one cannot be opened, and then
// with options that are wrong for one.
func TestEachTransportHasItsOptions(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	config := withTransports("tcp,grpc")
	config.Dir, config.APIListen = t.TempDir(), "127.0.0.1:0"
	config.Listen = "127.0.0.1:0,grpc://" + taken.Addr().String()
	err = Run(t.Context(), config)
	if err == nil || !strings.Contains(err.Error(), "transport grpc: grpc: listen on") {
		t.Errorf("got %v", err)
	}
	config.Transports[1].Options = map[string]string{"tls.cert": "nowhere"}
	err = Run(t.Context(), config)
	if err == nil || !strings.HasPrefix(err.Error(), "transport grpc: plugins: invalid option: ") {
		t.Errorf("got %v", err)
	}
}
