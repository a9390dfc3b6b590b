package secure_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/transport/secure"
	"github.com/tidelock-raft/tidelock/transport/secure/securetest"
)

func authority(t testing.TB) *securetest.Authority {
	t.Helper()
	a, err := securetest.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestErrorNamesTheOption(t *testing.T) {
	a := authority(t)
	good, err := a.Node(1)
	if err != nil {
		t.Fatal(err)
	}
	other, err := a.Node(2)
	if err != nil {
		t.Fatal(err)
	}
	large := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(large, make([]byte, 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		change func(*secure.Files)
		want   string
	}{
		{func(*secure.Files) {}, ""},
		{func(f *secure.Files) { f.Cert = "/nowhere.pem" },
			"option tls.cert: stat /nowhere.pem: no such file or directory"},
		{func(f *secure.Files) { f.Key = "/nowhere.pem" }, "option tls.key: stat /nowhere.pem: no such"},
		{func(f *secure.Files) { f.CA = "/nowhere.pem" }, "option tls.ca: stat /nowhere.pem: no such"},
		{func(f *secure.Files) { f.Cert = "" }, "option tls.cert: is required for TLS"},
		{func(f *secure.Files) { f.Key = "" }, "option tls.key: is required for TLS"},
		{func(f *secure.Files) { f.CA = "" }, "option tls.ca: is required for TLS"},
		{func(f *secure.Files) { f.CA = f.Key }, "option tls.ca: "},
		{func(f *secure.Files) { f.CA = large }, "2097152 bytes, limit 1048576"},
		{func(f *secure.Files) { f.Key = other.Key }, "options tls.cert and tls.key: "},
	} {
		f := good
		c.change(&f)
		err := f.Validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	if err := (secure.Files{}).Validate(); err != nil || (secure.Files{}).Enabled() {
		t.Errorf("no TLS: %v", err)
	}
	err = secure.Files{Cert: "/x", Key: "/x", CA: "/x"}.Validate()
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestNodeNeedsItsOwnCertificate(t *testing.T) {
	a := authority(t)
	files, err := a.Node(1)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	if _, err := secure.Load(files, 1, log); err != nil {
		t.Error(err)
	}
	_, err = secure.Load(files, 2, log)
	if !errors.Is(err, secure.ErrStranger) ||
		!strings.Contains(err.Error(), `["node-1"], want node-2`) {
		t.Errorf("got %v", err)
	}
	expired, err := a.Issue(func(c *x509.Certificate) {
		c.DNSNames, c.NotAfter = []string{"node-1"}, time.Now().Add(-time.Second)
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = secure.Load(expired, 1, log)
	if err == nil || !strings.Contains(err.Error(), "expired at") {
		t.Errorf("got %v", err)
	}
}

func Example() {
	dir, err := os.MkdirTemp("", "secure")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	authority, err := securetest.New(dir)
	if err != nil {
		panic(err)
	}
	one, _ := authority.Node(1)
	two, _ := authority.Node(2)
	log := slog.New(slog.DiscardHandler)
	dialler, err := secure.Load(one, 1, log)
	if err != nil {
		panic(err)
	}
	server, err := secure.Load(two, 2, log)
	if err != nil {
		panic(err)
	}

	near, far := net.Pipe()
	accepted := tls.Server(far, server.Server())
	done := make(chan error)
	go func() { done <- accepted.Handshake() }()
	if err := tls.Client(near, dialler.Client(2)).Handshake(); err != nil {
		panic(err)
	}
	fmt.Println("accepted:", <-done == nil)
	fmt.Println("node 1:", secure.Verify(accepted.ConnectionState(), 1))
	fmt.Println("node 3:", secure.Verify(accepted.ConnectionState(), 3))
	// Output:
	// accepted: true
	// node 1: <nil>
	// node 3: secure: certificate is for another node: got ["node-1"], want node-3
}
