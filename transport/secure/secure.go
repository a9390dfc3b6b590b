// Package secure is how nodes prove to each other who they are: TLS on both sides, with
// certificates of an authority that signs for one cluster. It is the same for every transport.
//
// A node's certificate names the node: among its subject alternative names is the DNS name node-N,
// where N is the node's id. Nothing else about it matters, so a node may move to another host. A
// dialler takes only the certificate of the node that it wants to reach; who is dialled asks for a
// certificate, and refuses one that names no node before it reads a byte of what is said. That the
// name is the one that the other side goes by is for the transport to check, with Verify.
//
// The files are looked at on each new connection, and read again when one has changed. What was
// connected before stays connected. Files that do not fit together (a new certificate beside an old
// key) are not used: what was read before is, and the log says so.
package secure

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/tidelock-raft/tidelock/core"
)

// maxFileBytes bounds each of the files.
const maxFileBytes = 1 << 20

// Files name where a node's credentials are, all in PEM. Either all are set or none.
type Files struct {
	Cert string // the node's certificate, and those between it and the authority's
	Key  string // its private key
	CA   string // the authorities that may sign for a node of this cluster
}

// Enabled reports whether any file is named.
func (f Files) Enabled() bool { return f != Files{} }

// Validate reads the files, and returns an error that names the option which has to change.
func (f Files) Validate() error {
	if !f.Enabled() {
		return nil
	}
	_, err := f.read()
	return err
}

// named are the files with the options that name them, in the order in which they are read.
func (f Files) named() [3]struct{ option, path string } {
	return [...]struct{ option, path string }{
		{"tls.cert", f.Cert}, {"tls.key", f.Key}, {"tls.ca", f.CA},
	}
}

// credentials are what the files hold.
type credentials struct {
	certificate tls.Certificate
	authorities *x509.CertPool
}

func (f Files) read() (*credentials, error) {
	var content [3][]byte
	for i, file := range f.named() {
		if file.path == "" {
			return nil, fmt.Errorf("option %s: is required for TLS", file.option)
		}
		info, err := os.Stat(file.path)
		if err == nil && info.Size() > maxFileBytes {
			err = fmt.Errorf("%s: %d bytes, limit %d", file.path, info.Size(), maxFileBytes)
		}
		if err == nil {
			content[i], err = os.ReadFile(file.path)
		}
		if err != nil {
			return nil, fmt.Errorf("option %s: %w", file.option, err)
		}
	}
	certificate, err := tls.X509KeyPair(content[0], content[1])
	if err != nil {
		return nil, fmt.Errorf("options tls.cert and tls.key: %w", err)
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(content[2]) {
		return nil, fmt.Errorf("option tls.ca: %s holds no certificate", f.CA)
	}
	return &credentials{certificate: certificate, authorities: authorities}, nil
}

// Name is what a certificate has to say of a node.
func Name(node core.NodeID) string { return fmt.Sprintf("node-%d", node) }

// ErrStranger is returned for a certificate that is not that of the node in question.
var ErrStranger = errors.New("secure: certificate is for another node")

// Verify reports whether the other side of a connection has proved to be the node.
func Verify(state tls.ConnectionState, node core.NodeID) error {
	if len(state.PeerCertificates) == 0 {
		return fmt.Errorf("%w: got none, want %s", ErrStranger, Name(node))
	}
	return names(state.PeerCertificates[0], node)
}

func names(certificate *x509.Certificate, node core.NodeID) error {
	for _, name := range certificate.DNSNames {
		if name == Name(node) {
			return nil
		}
	}
	return fmt.Errorf("%w: got %q, want %s", ErrStranger, certificate.DNSNames, Name(node))
}

// namesNode refuses what is no node's certificate.
func namesNode(state tls.ConnectionState) error {
	for _, name := range state.PeerCertificates[0].DNSNames {
		if strings.HasPrefix(name, "node-") {
			return nil
		}
	}
	return fmt.Errorf("%w: got %q, want node-N", ErrStranger, state.PeerCertificates[0].DNSNames)
}

// Identity is one node's credentials, kept up to date with their files. Its methods may be called
// from several goroutines.
type Identity struct {
	files Files
	node  core.NodeID
	log   *slog.Logger

	mu     sync.Mutex
	held   *credentials
	stamps [3]stamp
}

// stamp tells one content of a file from another.
type stamp struct {
	modified time.Time
	size     int64
}

// Load reads the files of a node. An error names the option that has to change.
func Load(f Files, node core.NodeID, log *slog.Logger) (*Identity, error) {
	d := &Identity{files: f, node: node, log: log, stamps: f.stamps()}
	var err error
	if d.held, err = d.read(); err != nil {
		return nil, err
	}
	return d, nil
}

// read reads the files and checks that they are this node's.
func (d *Identity) read() (*credentials, error) {
	held, err := d.files.read()
	if err != nil {
		return nil, err
	}
	leaf := held.certificate.Leaf
	if err := names(leaf, d.node); err != nil {
		return nil, fmt.Errorf("option tls.cert: %s: %w", d.files.Cert, err)
	}
	if time.Now().After(leaf.NotAfter) {
		return nil, fmt.Errorf("option tls.cert: %s: expired at %v", d.files.Cert, leaf.NotAfter)
	}
	return held, nil
}

func (f Files) stamps() [3]stamp {
	var stamps [3]stamp
	for i, file := range f.named() {
		if info, err := os.Stat(file.path); err == nil {
			stamps[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return stamps
}

// current returns what the files hold by now.
func (d *Identity) current() *credentials {
	stamps := d.files.stamps()
	d.mu.Lock()
	defer d.mu.Unlock()
	if stamps == d.stamps {
		return d.held
	}
	d.stamps = stamps // tried once for each change, so that the log is not flooded
	held, err := d.read()
	if err != nil {
		d.log.Warn("new TLS credentials do not fit, the old ones stay", "error", err)
		return d.held
	}
	d.log.Info("new TLS credentials", "expire", held.certificate.Leaf.NotAfter)
	d.held = held
	return held
}

// Server returns the configuration of the side that is dialled. Nobody's earlier session is
// resumed: each connection proves itself.
func (d *Identity) Server(protocols ...string) *tls.Config {
	base := &tls.Config{MinVersion: tls.VersionTLS12, SessionTicketsDisabled: true}
	base.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		held := d.current()
		c := base.Clone()
		c.GetConfigForClient = nil
		c.Certificates, c.ClientCAs = []tls.Certificate{held.certificate}, held.authorities
		c.ClientAuth, c.VerifyConnection = tls.RequireAndVerifyClientCert, namesNode
		c.NextProtos = protocols
		return c, nil
	}
	return base
}

// Client returns the configuration of the side that dials a node.
func (d *Identity) Client(to core.NodeID, protocols ...string) *tls.Config {
	held := d.current()
	return &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: Name(to), RootCAs: held.authorities,
		Certificates: []tls.Certificate{held.certificate}, NextProtos: protocols,
	}
}
