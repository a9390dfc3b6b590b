package client_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// shortLived is a connection that breaks after so many bytes.
type shortLived struct {
	net.Conn
	left int
}

func (c *shortLived) Read(p []byte) (int, error) {
	if c.left <= 0 {
		_ = c.Close()
		return 0, io.ErrUnexpectedEOF
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// TestBackupSurvivesBrokenConnections has connections break in the midst of pieces, and a node that
// forgets to answer.
func TestBackupSurvivesBrokenConnections(t *testing.T) {
	const pieces = 20
	content := func(i uint64) []byte { return bytes.Repeat([]byte{byte(i)}, 50_000) }
	nodes := newCluster(t, 2)
	var stream atomic.Uint64
	nodes[1].set(func(r core.Request) *core.Reply {
		asked, err := core.DecodeBackupRequest(r.Data)
		if first := stream.Load(); err != nil || r.Kind != core.RequestBackup ||
			!stream.CompareAndSwap(0, asked.Stream) && first != asked.Stream {
			t.Errorf("got %+v, %v of stream %d", r, err, first)
		}
		if nodes[1].asked.Load()%5 == 4 {
			return &core.Reply{Err: core.ErrUnknownOutcome}
		}
		if asked.Piece == pieces {
			return &core.Reply{}
		}
		return &core.Reply{Result: core.Result{Value: content(asked.Piece)}}
	})
	var dials atomic.Int64
	c := open(t, client.Config{
		Endpoints: nodes.addrs(),
		Dial: func(ctx context.Context, address string) (net.Conn, error) {
			dials.Add(1)
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
			return &shortLived{conn, 220_000}, err
		},
	})
	var got, want bytes.Buffer
	for i := range uint64(pieces) {
		want.Write(content(i))
	}
	if err := c.Backup(t.Context(), nodes[1].addr(), &got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want.Bytes()) {
		t.Errorf("got %d bytes, want %d", got.Len(), want.Len())
	}
	if dials.Load() < 3 || nodes[0].asked.Load() > 0 {
		t.Errorf("%d connections were made; the other node was asked %d times", dials.Load(),
			nodes[0].asked.Load())
	}
}

func TestBackupTellsThatItWasGivenUp(t *testing.T) {
	nodes := newCluster(t, 1)
	c := open(t, client.Config{Endpoints: nodes.addrs()})
	nodes[0].set(func(core.Request) *core.Reply {
		return &core.Reply{Result: core.Result{Failure: &core.Failure{Code: "backup", Message: "gone"}}}
	})
	if err := c.Backup(t.Context(), nodes[0].addr(), io.Discard); !errors.Is(err, client.ErrBackup) {
		t.Errorf("got %v, want %v", err, client.ErrBackup)
	}
	nodes[0].set(refuse(core.ErrQuarantined))
	err := c.Backup(t.Context(), nodes[0].addr(), io.Discard)
	if !errors.Is(err, core.ErrQuarantined) {
		t.Errorf("got %v, want %v", err, core.ErrQuarantined)
	}
	nodes[0].set(nodes[0].echo)
	broken := errors.New("broken")
	in, out := io.Pipe()
	in.CloseWithError(broken)
	if err := c.Backup(t.Context(), nodes[0].addr(), out); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
	if err := c.Backup(t.Context(), "", io.Discard); !errors.Is(err, client.ErrInvalid) {
		t.Errorf("of no node: got %v, want %v", err, client.ErrInvalid)
	}
}
