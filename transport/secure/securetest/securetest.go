// Package securetest issues certificates for tests: those that nodes need, and those that have to
// be refused.
package securetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/secure"
)

// Authority signs certificates and keeps them as files of one directory.
type Authority struct {
	dir         string
	path        string
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
	issued      atomic.Int64
}

// New makes an authority that writes into dir.
func New(dir string) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	a := &Authority{dir: dir, key: key, path: filepath.Join(dir, "ca.pem")}
	a.certificate = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Tidelock test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	signed, err := x509.CreateCertificate(rand.Reader, a.certificate, a.certificate, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return a, write(a.path, "CERTIFICATE", signed)
}

// Node issues what a node needs.
func (a *Authority) Node(id core.NodeID) (secure.Files, error) {
	return a.Issue(func(c *x509.Certificate) { c.DNSNames = []string{secure.Name(id)} })
}

// Issue issues a certificate that change has had its way with. By default it is valid for an hour,
// for both sides of a connection, and has no name.
func (a *Authority) Issue(change func(*x509.Certificate)) (secure.Files, error) {
	n := a.issued.Add(1)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1 + n), Subject: pkix.Name{CommonName: fmt.Sprint("test ", n)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	change(c)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return secure.Files{}, err
	}
	signed, err := x509.CreateCertificate(rand.Reader, c, a.certificate, key.Public(), a.key)
	if err != nil {
		return secure.Files{}, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return secure.Files{}, err
	}
	f := secure.Files{
		Cert: filepath.Join(a.dir, fmt.Sprintf("cert-%d.pem", n)),
		Key:  filepath.Join(a.dir, fmt.Sprintf("key-%d.pem", n)), CA: a.path,
	}
	return f, errors.Join(write(f.Cert, "CERTIFICATE", signed), write(f.Key, "PRIVATE KEY", secret))
}

func write(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
