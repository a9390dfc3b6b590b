package native_test

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/api/native"
)

// pipes is a listener for connections in memory, whose time is that of the test.
type pipes struct {
	incoming chan net.Conn
	closed   chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case link := <-p.incoming:
		return link, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial() net.Conn {
	here, there := net.Pipe()
	p.incoming <- there
	return here
}

// inMemory runs a test of a server in virtual time. What the test leaves running fails it.
func inMemory(
	t *testing.T, c native.Config, s core.Service, test func(*testing.T, *pipes, *native.Server),
) {
	synctest.Test(t, func(t *testing.T) {
		p := &pipes{incoming: make(chan net.Conn), closed: make(chan struct{})}
		c.Open = func(string, string) (net.Listener, error) { return p, nil }
		server, err := native.Serve(c, s)
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		test(t, p, server)
	})
}

// endsAfter checks that the server hangs up when so much time has gone by since start, not before.
func endsAfter(t *testing.T, link net.Conn, start time.Time, want time.Duration) {
	t.Helper()
	_ = link.SetReadDeadline(time.Time{})
	_, err := io.Copy(io.Discard, link)
	if got := time.Since(start); errors.Is(err, os.ErrDeadlineExceeded) || got != want {
		t.Errorf("the connection ended after %v (%v), want %v", got, err, want)
	}
}

func TestRequestThatStopsHalfwayIsGivenUp(t *testing.T) {
	inMemory(t, native.Config{StallTimeout: 3 * time.Second}, newService(true),
		func(t *testing.T, p *pipes, _ *native.Server) {
			client := greet(t, p.dial(), hello)
			half := command(1, "half of it")
			client.write(half.AppendFrame(nil)[:9])
			synctest.Wait()
			endsAfter(t, client, time.Now(), 3*time.Second)
		})
}

func TestSilenceBetweenRequestsIsNoStall(t *testing.T) {
	inMemory(t, native.Config{StallTimeout: time.Second}, newService(true),
		func(t *testing.T, p *pipes, _ *native.Server) {
			client := greet(t, p.dial(), hello)
			_ = client.SetDeadline(time.Time{})
			for id := range uint64(3) {
				request := command(id+1, "in two pieces")
				frame := request.AppendFrame(nil)
				client.write(frame[:9])
				<-time.After(999 * time.Millisecond)
				client.write(frame[9:])
				client.next()
				<-time.After(time.Hour)
			}
		})
}

func TestHandshakeHasToComeInTime(t *testing.T) {
	inMemory(t, native.Config{HandshakeTimeout: time.Second}, newService(true),
		func(t *testing.T, p *pipes, _ *native.Server) {
			link := p.dial()
			endsAfter(t, link, time.Now(), time.Second)
		})
}

func TestClientThatStopsReadingIsGivenUp(t *testing.T) {
	inMemory(t, native.Config{StallTimeout: 2 * time.Second}, newService(true),
		func(t *testing.T, p *pipes, _ *native.Server) {
			client := greet(t, p.dial(), hello)
			client.send(command(1, "x"))
			<-time.After(2 * time.Second)
			synctest.Wait()
			endsAfter(t, client, time.Now(), 0)
		})
}

// exhausted is a listener without file descriptors.
type exhausted struct {
	*pipes
	asked int
}

func (e *exhausted) Accept() (net.Conn, error) {
	e.asked++
	return nil, errors.New("too many open files")
}

func TestServerThatCannotAcceptTriesAndSaysSoNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log syncBuffer
		listener := &exhausted{pipes: &pipes{closed: make(chan struct{})}}
		server, err := native.Serve(native.Config{
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Open:   func(string, string) (net.Listener, error) { return listener, nil },
		}, newService(true))
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(10 * time.Minute)
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		lines := strings.Count(log.String(), "too many open files")
		if n := listener.asked; n < 100 || n > 700 || lines < 9 || lines > 11 {
			t.Errorf("tried %d times and said so %d times in ten minutes", n, lines)
		}
	})
}

// TestCloseDoesNotWaitForEver has a request that is never answered, and a stranger at the door.
func TestCloseDoesNotWaitForEver(t *testing.T) {
	s := newService(false)
	inMemory(t, native.Config{Grace: 2 * time.Second}, s,
		func(t *testing.T, p *pipes, server *native.Server) {
			client := greet(t, p.dial(), hello)
			client.send(command(1, "never answered"))
			s.await(1)
			stranger := p.dial()
			start := time.Now()
			if err := server.Close(); err != nil || time.Since(start) != 2*time.Second {
				t.Errorf("Close: %v after %v, want 2s", err, time.Since(start))
			}
			endsAfter(t, client, time.Now(), 0)
			endsAfter(t, stranger, time.Now(), 0)
		})
}

// TestClientThatDoesNotHangUpIsLeft keeps a client connected after the server's last word.
func TestClientThatDoesNotHangUpIsLeft(t *testing.T) {
	inMemory(t, native.Config{Grace: time.Minute}, newService(true),
		func(t *testing.T, p *pipes, server *native.Server) {
			client := greet(t, p.dial(), hello)
			start := time.Now()
			go func() { client.next() }()
			if err := server.Close(); err != nil || time.Since(start) != time.Second {
				t.Errorf("Close: %v after %v, want 1s", err, time.Since(start))
			}
		})
}
