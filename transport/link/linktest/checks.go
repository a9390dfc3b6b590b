package linktest

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/link"
	"github.com/tidelock-raft/tidelock/transport/secure"
	"github.com/tidelock-raft/tidelock/transport/secure/securetest"
	"github.com/tidelock-raft/tidelock/transport/transporttest"
)

func versionMismatch(t *testing.T, open Open) {
	old := start(t, open, link.Config{Node: 1, Version: 1})
	young := start(t, open, link.Config{Node: 2, Version: 2})
	old.say(t, young.target(), "it is told unreachable", func() bool {
		_, lost := old.count()
		return lost > 0
	})
	old.logged(t, "another protocol version: got 2, want 1 (it is node 2")
	young.logged(t, "another protocol version: got 1, want 2 (it is node 1")
	old.silent(t)
	young.silent(t)
}

// strangers knock with what is no peer's certificate, and say much.
func strangers(t *testing.T, open Open) {
	a := authority(t)
	other, err := securetest.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	expired := func(c *x509.Certificate) {
		c.DNSNames, c.NotAfter = []string{"node-1"}, time.Now().Add(-time.Minute)
	}
	nameless := func(c *x509.Certificate) { c.DNSNames = []string{"localhost"} }
	server := func(c *x509.Certificate) {
		c.DNSNames = []string{"node-1"}
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	for name, c := range map[string]struct {
		files secure.Files
		edit  func(*tls.Config)
		why   string // as logged
	}{
		"other authority": {must(t)(other.Node(1)), nil, "unknown authority"},
		"expired":         {must(t)(a.Issue(expired)), nil, "expired"},
		"names no node":   {must(t)(a.Issue(nameless)), nil, "want node-N"},
		"servers only":    {must(t)(a.Issue(server)), nil, "incompatible key usage"},
		"none": {must(t)(a.Node(1)), func(c *tls.Config) { c.Certificates = nil },
			"didn't provide a certificate"},
		"old TLS": {must(t)(a.Node(1)), func(c *tls.Config) {
			c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
		}, "unsupported versions"},
		"plaintext": {why: "first record does not look like a TLS handshake"},
	} {
		t.Run(name, func(t *testing.T) {
			n := start(t, open, link.Config{Node: 2, TLS: must(t)(a.Node(2))})
			conn := dial(t, n.Addr())
			if c.files.Enabled() {
				conn = tls.Client(conn, client(t, c.files, c.edit))
			}
			for range 100 { // an error of writing may come later than the refusal
				if _, err := conn.Write(make([]byte, 4096)); err != nil {
					break
				}
			}
			if said := ended(t, conn); c.files.Enabled() && len(said) > 0 {
				t.Errorf("was told %q", said)
			}
			n.logged(t, c.why)
			n.silent(t)
			await(t, "the connection is forgotten", func() bool { return n.Stats().Inbound == 0 })
		})
	}
}

// client is a configuration that accepts every server.
func client(t *testing.T, f secure.Files, edit func(*tls.Config)) *tls.Config {
	t.Helper()
	certificate, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		t.Fatal(err)
	}
	c := &tls.Config{
		Certificates: []tls.Certificate{certificate}, InsecureSkipVerify: true,
		NextProtos: []string{"h2", "http/1.1"},
	}
	// It is sent even if the server does not ask for one of its authority.
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if len(c.Certificates) == 0 {
			return new(tls.Certificate), nil
		}
		return &certificate, nil
	}
	if edit != nil {
		edit(c)
	}
	return c
}

// impostors have a certificate, of another node. It is Load that has to be got around for that.
func impostors(t *testing.T, open Open) {
	a := authority(t)
	n := start(t, open, link.Config{Node: 2, TLS: must(t)(a.Node(2))})
	one := must(t)(a.Issue(func(c *x509.Certificate) { c.DNSNames = []string{"node-1"} }))
	liar := start(t, open, link.Config{Node: 3})
	third := link.Config{Node: 3, Cluster: 7, Listen: "127.0.0.1:0", TLS: one}
	if _, err := open(third, n); err == nil {
		t.Error("a node opened with the certificate of another")
	}
	// What node 3 says goes through a tunnel that has node 1's certificate.
	tunnel := tunnelTo(t, n.Addr(), client(t, one, nil))
	to := link.Target{Addr: tunnel, Node: 2}
	liar.say(t, to, "it is told unreachable", func() bool {
		_, lost := liar.count()
		return lost > 0
	})
	liar.logged(t, "identity not verified")
	n.logged(t, "identity not verified", "want node-3")
	n.silent(t)
	honest := start(t, open, link.Config{Node: 1})
	honest.say(t, to, "node 1 is heard through the tunnel", func() bool {
		got, _ := n.count()
		return got > 0
	})
}

// tunnelTo encrypts what it is given, and passes it on.
func tunnelTo(t *testing.T, to core.Addr, c *tls.Config) core.Addr {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() { // ended by closing l, and what it starts by closing the connections
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			far, err := tls.Dial("tcp", string(to), c)
			if err != nil {
				_ = from.Close()
				continue
			}
			pass := func(to, from net.Conn) {
				_, _ = io.Copy(to, from)
				_ = to.Close()
			}
			go pass(far, from)
			go pass(from, far)
		}
	}()
	return core.Addr(l.Addr().String())
}

// wrongServer is reached where another node should be.
func wrongServer(t *testing.T, open Open) {
	a := authority(t)
	n := start(t, open, link.Config{Node: 1, TLS: must(t)(a.Node(1))})
	other, err := securetest.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for why, c := range map[string]link.Config{
		"not node-2":        {Node: 5, TLS: must(t)(a.Node(5))},
		"unknown authority": {Node: 2, TLS: must(t)(other.Node(2))},
		"handshake: ":       {Node: 2}, // in plaintext
	} {
		server := start(t, open, c)
		_, before := n.count()
		n.say(t, link.Target{Addr: server.Addr(), Node: 2}, "it is told unreachable", func() bool {
			_, lost := n.count()
			return lost > before
		})
		n.logged(t, why)
		server.silent(t)
	}
}

// reload changes the files under a node: at first to ones that do not fit together, then to those
// of another authority.
func reload(t *testing.T, open Open) {
	first, second := authority(t), authority(t)
	files := must(t)(first.Node(2))
	n := start(t, open, link.Config{Node: 2, TLS: files})
	heard := func(from *node) func() bool {
		return func() bool {
			n.mu.Lock()
			defer n.mu.Unlock()
			for _, m := range n.msgs {
				if m.From == from.Config().Node {
					return true
				}
			}
			return false
		}
	}
	one := start(t, open, link.Config{Node: 1, TLS: must(t)(first.Node(1))})
	one.say(t, n.target(), "a node of the first authority is heard", heard(one))

	next := must(t)(second.Node(2))
	replace(t, files.Cert, next.Cert)
	three := start(t, open, link.Config{Node: 3, TLS: must(t)(first.Node(3))})
	three.say(t, n.target(), "a new certificate beside an old key does no harm", heard(three))
	n.logged(t, "the old ones stay")

	replace(t, files.Key, next.Key)
	replace(t, files.CA, next.CA)
	four := start(t, open, link.Config{Node: 4, TLS: must(t)(second.Node(4))})
	four.say(t, n.target(), "a node of the second authority is heard", heard(four))
	n.logged(t, "new TLS credentials\" expire")
	five := start(t, open, link.Config{Node: 5, TLS: must(t)(first.Node(5))})
	five.say(t, n.target(), "a node of the first authority is refused", func() bool {
		_, lost := five.count()
		return lost > 0
	})
	if _, lost := one.count(); lost > 0 {
		t.Error("a connection was lost that had been there before")
	}
}

// replace makes a file be another, at once.
func replace(t *testing.T, path, with string) {
	t.Helper()
	text, err := os.ReadFile(with)
	if err == nil {
		err = os.WriteFile(path+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// silentStrangers connect and say nothing.
func silentStrangers(t *testing.T, open Open) {
	for name, files := range map[string]secure.Files{
		"plain": {}, "TLS": must(t)(authority(t).Node(2)),
	} {
		t.Run(name, func(t *testing.T) {
			n := start(t, open, link.Config{
				Node: 2, TLS: files, MaxPending: 3, HandshakeTimeout: 5 * time.Second,
			})
			var silent []net.Conn
			for range 3 {
				silent = append(silent, dial(t, n.Addr()))
			}
			await(t, "three strangers are let in", func() bool { return n.Stats().Inbound == 3 })
			for range 5 {
				ended(t, dial(t, n.Addr()))
			}
			n.logged(t, "too many connections")
			for _, conn := range silent {
				ended(t, conn)
			}
			n.logged(t, "handshake took too long")
			await(t, "all are forgotten", func() bool { return n.Stats().Inbound == 0 })
		})
	}
}

// deafPeer accepts connections and says nothing.
func deafPeer(t *testing.T, open Open) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, files := range []secure.Files{{}, must(t)(authority(t).Node(1))} {
		n := start(t, open, link.Config{Node: 1, TLS: files, HandshakeTimeout: time.Second})
		to := link.Target{Addr: core.Addr(l.Addr().String()), Node: 2}
		n.say(t, to, "it is told unreachable", func() bool {
			_, lost := n.count()
			return lost > 0
		})
		n.logged(t, "peer lost")
	}
}

// frozenSender goes silent without closing its connection.
func frozenSender(t *testing.T, open Open) {
	n := start(t, open, link.Config{Node: 2, IdleTimeout: time.Second})
	relay, err := transporttest.NewRelay(n.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer relay.Close()
	from := start(t, open, link.Config{Node: 1, IdleTimeout: time.Second})
	from.say(t, link.Target{Addr: relay.Addr(), Node: 2}, "it is heard", func() bool {
		got, _ := n.count()
		return got > 0
	})
	relay.Freeze()
	await(t, "the connection is given up", func() bool { return n.Stats().Inbound == 0 })
}

// quietConnection has nothing to say for longer than it may be silent.
func quietConnection(t *testing.T, open Open) {
	n := start(t, open, link.Config{Node: 2, IdleTimeout: 5 * time.Second})
	from := start(t, open, link.Config{Node: 1, IdleTimeout: 5 * time.Second})
	from.say(t, n.target(), "it is heard", func() bool {
		got, _ := n.count()
		return got > 0
	})
	<-time.After(8 * time.Second)
	if _, lost := from.count(); lost > 0 || n.Stats().Inbound != 1 {
		t.Errorf("told unreachable %d times, and %d connections are left, want 1",
			lost, n.Stats().Inbound)
	}
}
