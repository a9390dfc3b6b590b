// Package pigeon carries messages between nodes over UDP: a transport from outside of Tidelock's
// own module. QUIC makes reliable streams of datagrams, and transport/tcp a transport of streams,
// whatever they are made of.
package pigeon

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/plugins"
	"github.com/tidelock-raft/tidelock/transport/link"
	"github.com/tidelock-raft/tidelock/transport/tcp"
)

func init() { plugins.RegisterTransport("pigeon", link.Plugin(Open)) }

// silence is after how long without a datagram a peer is gone: UDP does not tell.
const silence = 3 * time.Second

// Open starts to listen. As for any transport over link, a peer is who it says, unless tls.cert and
// the others are set: the keys that QUIC insists on are made up here.
func Open(c link.Config, inbox core.Inbox) (*link.Transport, error) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	paper := &x509.Certificate{NotAfter: time.Now().AddDate(20, 0, 0)}
	signed, err := x509.CreateCertificate(rand.Reader, paper, paper, key.Public(), key)
	if err != nil {
		return nil, err
	}
	security := &tls.Config{
		Certificates:       []tls.Certificate{{Certificate: [][]byte{signed}, PrivateKey: key}},
		InsecureSkipVerify: true, NextProtos: []string{"pigeon"},
	}
	return open(c, inbox, security)
}

func open(c link.Config, inbox core.Inbox, security *tls.Config) (*link.Transport, error) {
	socket, err := net.ListenPacket("udp", c.Listen)
	if err != nil {
		return nil, err
	}
	loft := &quic.Transport{Conn: socket}
	config := &quic.Config{MaxIdleTimeout: silence, KeepAlivePeriod: silence / 6}
	l, err := loft.Listen(security, config)
	if err != nil {
		return nil, errors.Join(err, socket.Close())
	}
	c.Listener = &listener{l, loft}
	c.Dial = func(ctx context.Context, addr string) (net.Conn, error) {
		to, err := net.ResolveUDPAddr("udp", addr)
		if err != nil {
			return nil, err
		}
		conn, err := loft.Dial(ctx, to, security, config)
		if err != nil {
			return nil, err
		}
		s, err := conn.AcceptStream(ctx)
		if err == nil {
			_, err = io.ReadFull(s, make([]byte, 1))
		}
		if err != nil {
			return nil, errors.Join(err, conn.CloseWithError(0, "no stream"))
		}
		return stream{s, conn}, nil
	}
	return tcp.Open(c, inbox)
}

type listener struct {
	*quic.Listener
	loft *quic.Transport
}

// Accept implements net.Listener. Who accepts opens the stream, and sends a byte for the other side
// to see it: so nobody can make Accept wait.
func (l *listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept(context.Background()) // ended by Close
		if err != nil {
			return nil, err
		}
		if s, err := conn.OpenStream(); err == nil {
			_, _ = s.Write([]byte{0}) // an error comes again when the stream is read
			return stream{s, conn}, nil
		}
	}
}

// Close implements net.Listener: it ends all connections, and gives the port back.
func (l *listener) Close() error { return errors.Join(l.loft.Close(), l.loft.Conn.Close()) }

// stream is a net.Conn: a QUIC connection with one stream.
type stream struct {
	*quic.Stream
	conn *quic.Conn
}

func (s stream) LocalAddr() net.Addr  { return s.conn.LocalAddr() }
func (s stream) RemoteAddr() net.Addr { return s.conn.RemoteAddr() }
func (s stream) Close() error         { return s.conn.CloseWithError(0, "closed") }
