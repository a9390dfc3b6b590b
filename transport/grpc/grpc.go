package grpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/grpc/peerpb"
	"github.com/tidelock-raft/tidelock/transport/link"
)

// Config says who a node is and what bounds its network.
type Config = link.Config

// Transport is a core.Transport over gRPC.
type Transport = link.Transport

const (
	packetSlack    = 64 << 10 // what a packet may have beyond what codec.Limits allow a frame
	maxReplyBytes  = 1 << 10
	maxHeaderBytes = 8 << 10 // of a call's headers, which mean nothing here
)

// Open starts to listen. The inbox may be called before Open returns.
func Open(c Config, inbox core.Inbox) (*Transport, error) {
	return link.Open(link.Protocol{
		Name: "grpc", ALPN: []string{"h2"}, Connect: connect, Serve: serve,
	}, c, inbox)
}

// session is a stream that was opened from here, on a connection of its own.
type session struct {
	config link.Config
	client *grpc.ClientConn
	stream grpc.BidiStreamingClient[peerpb.Packet, peerpb.Reply]
	cancel context.CancelFunc // ends the stream
	packet peerpb.Packet      // the batch
	size   int
}

// connect opens a stream and shakes hands. gRPC itself does not connect again: a connection is made
// once, and its loss ends the session.
func connect(ctx context.Context, t *Transport, to link.Target) (link.Session, error) {
	var dialled atomic.Bool
	client, err := grpc.NewClient("passthrough:///"+string(to.Addr),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			if dialled.Swap(true) {
				return nil, net.ErrClosed
			}
			return t.Dial(ctx, to)
		}),
		// The connections are package link's, and encrypted there.
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(), grpc.WithIdleTimeout(0), grpc.WithUserAgent("tidelock"),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxReplyBytes),
			grpc.ForceCodecV2(packetCodec{t.Config().Limits})))
	if err != nil {
		return nil, err
	}
	s := &session{config: t.Config(), client: client}
	var life context.Context
	life, s.cancel = context.WithCancel(t.Context())
	stop := context.AfterFunc(ctx, s.cancel) // the handshake is bounded, the stream is not
	err = s.greet(life, t, to.Node)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = s.Close() // it is of no use
		return nil, fmt.Errorf("handshake: %w", err)
	}
	return s, nil
}

func (s *session) greet(ctx context.Context, t *Transport, to core.NodeID) error {
	var err error
	if s.stream, err = peerpb.NewPeerClient(s.client).Carry(ctx); err != nil {
		return err
	}
	h := t.Hello(to)
	if err := s.stream.Send(&peerpb.Packet{Hello: &peerpb.Hello{
		Version: uint32(h.Version), Cluster: uint64(h.Cluster), From: uint64(h.From),
		To: uint64(h.To), Incarnation: h.Incarnation,
	}}); err != nil && err != io.EOF { // which has Recv tell the reason
		return err
	}
	reply, err := s.stream.Recv()
	if err != nil {
		return err
	}
	a := reply.GetAnswer()
	if a.GetVersion() > 1<<16-1 || a.GetStatus() < 0 || a.GetStatus() > 1<<16-1 {
		return errors.New("an answer that is none")
	}
	return t.Check(link.Answer{
		Version: uint16(a.GetVersion()), Status: link.Status(a.GetStatus()),
		Cluster: core.ClusterID(a.GetCluster()), Node: core.NodeID(a.GetNode()),
		Incarnation: a.GetIncarnation(),
	}, to)
}

// Add implements link.Session.
func (s *session) Add(m *core.Message) error {
	size, err := s.config.Limits.Check(m)
	if err != nil {
		return err
	}
	s.packet.Messages = append(s.packet.Messages, toProto(m))
	s.size += size
	return nil
}

// Size implements link.Session.
func (s *session) Size() int { return s.size }

// Flush implements link.Session.
func (s *session) Flush() error {
	slow := time.AfterFunc(s.config.WriteTimeout, s.cancel)
	err := s.stream.Send(&s.packet)
	if !slow.Stop() {
		err = errors.Join(err, context.DeadlineExceeded)
	}
	clear(s.packet.Messages)
	s.packet.Messages, s.size = s.packet.Messages[:0], 0
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// Watch implements link.Session.
func (s *session) Watch() error {
	silent := time.AfterFunc(s.config.IdleTimeout, s.cancel)
	defer silent.Stop()
	for {
		if _, err := s.stream.Recv(); err != nil {
			return fmt.Errorf("wait for a sign of life: %w", err)
		}
		silent.Reset(s.config.IdleTimeout)
	}
}

// Close implements link.Session.
func (s *session) Close() error {
	s.cancel()
	return s.client.Close()
}

// serve serves connections until the listener is closed.
func serve(t *Transport, l net.Listener) {
	c := t.Config()
	limit := c.Limits.MaxFrameBytes + packetSlack
	server := grpc.NewServer(grpc.Creds(&revealing{insecure.NewCredentials()}),
		grpc.MaxRecvMsgSize(limit), grpc.MaxConcurrentStreams(1), grpc.WaitForHandlers(true),
		grpc.ConnectionTimeout(c.HandshakeTimeout), grpc.ForceServerCodecV2(packetCodec{c.Limits}),
		grpc.MaxHeaderListSize(maxHeaderBytes),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: c.IdleTimeout}))
	peerpb.RegisterPeerServer(server, &service{t: t})
	_ = server.Serve(l) // it ends with the listener
	server.Stop()
}

// revealing hands a connection to the handlers of its streams. What is encrypted is so already.
type revealing struct {
	credentials.TransportCredentials
}

type revealed struct {
	credentials.CommonAuthInfo
	conn *link.Conn
}

// AuthType implements credentials.AuthInfo.
func (revealed) AuthType() string { return "link" }

// ServerHandshake implements credentials.TransportCredentials.
func (r *revealing) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return raw, revealed{conn: raw.(*link.Conn)}, nil
}

// service is what peers call.
type service struct {
	peerpb.UnimplementedPeerServer
	t *Transport
}

// Carry implements peerpb.PeerServer. A connection without a stream ends by itself.
func (s *service) Carry(stream grpc.BidiStreamingServer[peerpb.Packet, peerpb.Reply]) error {
	p, _ := peer.FromContext(stream.Context())
	conn := p.AuthInfo.(revealed).conn
	err := s.receive(stream, conn)
	if err == nil || status.Code(err) == codes.Canceled {
		return err
	}
	conn.Ended(err)
	return status.Error(codes.InvalidArgument, err.Error())
}

// receive shakes hands, and delivers messages until the stream ends. A refusal was logged already,
// and is no error.
func (s *service) receive(
	stream grpc.BidiStreamingServer[peerpb.Packet, peerpb.Reply], conn *link.Conn,
) error {
	c := s.t.Config()
	silent := time.AfterFunc(c.IdleTimeout, func() { _ = conn.Close() })
	defer silent.Stop()
	packet, err := stream.Recv()
	if err != nil {
		return err
	}
	reply, refused := welcome(conn, packet.GetHello())
	if err := stream.Send(reply); err != nil || refused != nil {
		return err
	}
	var msgs []core.Message
	for {
		if packet, err = stream.Recv(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		silent.Reset(c.IdleTimeout)
		if msgs, err = fromProto(msgs[:0], packet.GetMessages(), c.Limits); err != nil {
			return err
		}
		if len(msgs) == 0 {
			err = stream.Send(&peerpb.Reply{})
		} else {
			_, err = conn.Deliver(msgs)
		}
		if err != nil {
			return err
		}
		clear(msgs)
	}
}

// welcome answers a hello.
func welcome(conn *link.Conn, h *peerpb.Hello) (*peerpb.Reply, error) {
	a, err := conn.Welcome(link.Hello{
		Version: uint16(min(h.GetVersion(), 1<<16-1)), Cluster: core.ClusterID(h.GetCluster()),
		From: core.NodeID(h.GetFrom()), To: core.NodeID(h.GetTo()), Incarnation: h.GetIncarnation(),
	})
	return &peerpb.Reply{Answer: &peerpb.Answer{
		Version: uint32(a.Version), Status: peerpb.Status(a.Status), Cluster: uint64(a.Cluster),
		Node: uint64(a.Node), Incarnation: a.Incarnation,
	}}, err
}
