package grpc_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	stock "google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/grpc"
	"github.com/tidelock-raft/tidelock/transport/grpc/peerpb"
)

// printer is an inbox that passes on what it hears.
type printer chan string

func (p printer) Deliver(msgs []core.Message) int {
	for _, m := range msgs {
		p <- m.String()
	}
	return len(msgs)
}

func (p printer) Unreachable(core.Addr) {}

func ExampleOpen() {
	heard := make(printer, 1)
	b, err := grpc.Open(grpc.Config{Node: 2, Cluster: 7, Listen: "127.0.0.1:0"}, heard)
	if err != nil {
		panic(err)
	}
	a, err := grpc.Open(grpc.Config{Node: 1, Cluster: 7, Listen: "127.0.0.1:0"}, heard)
	if err != nil {
		panic(err)
	}
	a.Send(b.Addr(), []core.Message{{Kind: core.MsgTimeoutNow, Group: 1, From: 1, To: 2, Term: 3}})
	fmt.Println(<-heard)
	_, _ = a.Close(), b.Close()
	// Output: 1->2 TimeoutNow group=1 term=3
}

// open starts node 2 of cluster 7.
func open(t *testing.T, idle time.Duration) *grpc.Transport {
	t.Helper()
	n, err := grpc.Open(grpc.Config{
		Node: 2, Cluster: 7, Listen: "127.0.0.1:0", IdleTimeout: idle,
	}, make(printer, 10))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

// A client of the stock library that does not add the checksum is told so.
func TestPacketWithoutChecksumIsRefused(t *testing.T) {
	n := open(t, 0)
	client, err := stock.NewClient(string(n.Addr()),
		stock.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	stream, err := peerpb.NewPeerClient(client).Carry(ctx)
	if err == nil {
		err = stream.Send(&peerpb.Packet{Hello: &peerpb.Hello{Version: 1}})
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.Internal ||
		!bytes.Contains([]byte(err.Error()), []byte("no checksum")) {
		t.Errorf("got %v", err)
	}
}

// raw opens a stream by hand.
func raw(t *testing.T, n *grpc.Transport) (net.Conn, *http2.Framer) {
	t.Helper()
	conn, err := net.Dial("tcp", string(n.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	framer := http2.NewFramer(conn, conn)
	var block bytes.Buffer
	fields := hpack.NewEncoder(&block)
	for _, f := range [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":authority", "x"},
		{":path", peerpb.Peer_Carry_FullMethodName}, {"content-type", "application/grpc"},
		{"te", "trailers"},
	} {
		err = errors.Join(err, fields.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}))
	}
	_, failed := io.WriteString(conn, http2.ClientPreface)
	err = errors.Join(err, failed, framer.WriteSettings(), framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true,
	}))
	if err != nil {
		t.Fatal(err)
	}
	return conn, framer
}

// refused waits until the stream is over.
func refused(t *testing.T, conn net.Conn, framer *http2.Framer) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for {
		f, err := framer.ReadFrame()
		if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
			t.Fatal("the stream lives on")
		}
		if err != nil {
			return
		}
		switch f := f.(type) {
		case *http2.HeadersFrame:
			if f.StreamEnded() {
				return
			}
		case *http2.RSTStreamFrame:
			return
		}
	}
}

// What is claimed costs nothing; only what arrives does.
func TestClaimedLengthAllocatesNothing(t *testing.T) {
	n := open(t, 0)
	cost := func(length uint32) uint64 {
		var before, after runtime.MemStats
		least := ^uint64(0)
		for range 10 {
			runtime.ReadMemStats(&before)
			conn, framer := raw(t, n)
			head := binary.BigEndian.AppendUint32([]byte{0}, length)
			if err := framer.WriteData(1, true, head); err != nil {
				t.Fatal(err)
			}
			refused(t, conn, framer)
			_ = conn.Close()
			runtime.ReadMemStats(&after)
			least = min(least, after.TotalAlloc-before.TotalAlloc)
		}
		return least
	}
	base := cost(0)
	for _, length := range []uint32{1<<32 - 1, 8 << 20} {
		if got := cost(length); got > base+64<<10 {
			t.Errorf("a length of %d: %d bytes allocated, %d for none", length, got, base)
		}
	}
}

// A packet has to arrive in time, however it trickles.
func TestSlowWriterIsGivenUp(t *testing.T) {
	n := open(t, time.Second)
	conn, framer := raw(t, n)
	go func() { _, _ = io.Copy(io.Discard, conn) }() // ended by closing conn
	hello, err := proto.Marshal(&peerpb.Packet{Hello: &peerpb.Hello{
		Version: 1, Cluster: 7, From: 1, To: 2, Incarnation: 5,
	}})
	if err != nil {
		t.Fatal(err)
	}
	sum := crc32.Checksum(hello, crc32.MakeTable(crc32.Castagnoli))
	hello = binary.LittleEndian.AppendUint32(append(hello, 3<<3|5), sum)
	head := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(hello)))
	head = append(append(head, hello...), 0, 0, 1, 0, 0) // and a packet of 64 KiB
	if err := framer.WriteData(1, false, head); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		if framer.WriteData(1, false, []byte{0}) != nil {
			return
		}
		<-time.After(20 * time.Millisecond)
	}
	t.Error("the connection lives on")
}
