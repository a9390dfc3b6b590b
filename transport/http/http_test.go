package http_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	tidelock "github.com/tidelock-raft/tidelock/transport/http"
)

// inbox hands messages to a test.
type inbox chan core.Message

func (b inbox) Deliver(msgs []core.Message) int {
	for _, m := range msgs {
		b <- m
	}
	return len(msgs)
}

func (b inbox) Unreachable(core.Addr) {}

// open starts node 2 of cluster 7.
func open(t *testing.T, change func(*tidelock.Config)) (string, inbox) {
	t.Helper()
	in := make(inbox, 10)
	c := tidelock.Config{Node: 2, Cluster: 7, Listen: "127.0.0.1:0"}
	if change != nil {
		change(&c)
	}
	n, err := tidelock.Open(c, in)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return string(n.Addr()), in
}

const headers = "Host: x\r\nTidelock-Version: 1\r\nTidelock-Cluster: 7\r\nTidelock-From: 1\r\n" +
	"Tidelock-To: 2\r\nTidelock-Incarnation: 5\r\n"

// post is what curl would send.
func post(path, more, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\n%s%sContent-Length: %d\r\n\r\n%s",
		path, headers, more, len(body), body)
}

// exchange sends text, and returns the response and whether the connection then ended.
func exchange(t *testing.T, addr, text string) (status int, body string, ended bool) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	said, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.Close {
		if _, err := r.ReadByte(); errors.Is(err, io.EOF) {
			ended = true
		}
	}
	return response.StatusCode, strings.TrimSpace(string(said)), ended
}

const vote = `{"term":3,"candidate_id":1,"last_log_index":9,"last_log_term":2,"to":2,"group":1}`

func TestAnyHTTPClientMaySpeak(t *testing.T) {
	addr, in := open(t, nil)
	status, body, _ := exchange(t, addr, post("/raft/request_vote", "", vote))
	if status != 200 || body != `{"delivered":1,"refused":0}` {
		t.Errorf("got %d %s", status, body)
	}
	want := core.Message{
		Kind: core.MsgVote, Group: 1, From: 1, To: 2, Term: 3, Log: core.Position{Term: 2, Index: 9},
	}
	if got := <-in; got.String() != want.String() {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestRefusalsSayWhy(t *testing.T) {
	addr, in := open(t, nil)
	with := func(old, changed string) string {
		return strings.Replace(post("/raft/request_vote", "", vote), old, changed, 1)
	}
	for name, c := range map[string]struct {
		text   string
		status int
		want   string
	}{
		"another cluster": {with("Cluster: 7", "Cluster: 8"), 403, `"error":"another cluster"`},
		"another version": {with("Version: 1", "Version: 2"), 403, `"error":"another protocol version"`},
		"another node":    {with("To: 2", "To: 3"), 403, `"node":2`},
		"no cluster":      {with("Tidelock-Cluster: 7\r\n", ""), 400, "header Tidelock-Cluster"},
		"no number":       {with("From: 1", "From: me"), 400, `got \"me\"`},
		"not its own": {strings.ReplaceAll(post("/raft/request_vote", "", vote), `"candidate_id":1`,
			`"candidate_id":4`), 400, "node 1 sent a message from 4 to 2"},
		"damaged": {post("/raft/request_vote", "Tidelock-Checksum: 00000000\r\n", vote), 400,
			"checksum: got"},
		"not JSON":  {post("/raft/request_vote", "", "hello"), 400, "malformed"},
		"no path":   {post("/raft/x", "", vote), 404, ""},
		"no method": {"GET /raft/request_vote HTTP/1.1\r\n" + headers + "\r\n", 405, ""},
		"4 GiB": {"POST /raft/message HTTP/1.1\r\n" + headers + "Content-Length: 4294967295\r\n\r\n",
			413, "too large"},
	} {
		status, body, ended := exchange(t, addr, c.text)
		if status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s: got %d %s, want %d …%s…", name, status, body, c.status, c.want)
		}
		if c.want != "" && !ended {
			t.Errorf("%s: the connection lives on", name)
		}
	}
	if len(in) > 0 {
		t.Errorf("%v was delivered", <-in)
	}
}

// What is claimed costs nothing; only what arrives does.
func TestClaimedLengthAllocatesNothing(t *testing.T) {
	addr, _ := open(t, nil)
	cost := func(length string) uint64 {
		var before, after runtime.MemStats
		least := ^uint64(0)
		for range 10 {
			runtime.ReadMemStats(&before)
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(conn, "POST /raft/message HTTP/1.1\r\n"+headers+length+
				"\r\n"); err != nil {
				t.Fatal(err)
			}
			_ = conn.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
			runtime.ReadMemStats(&after)
			least = min(least, after.TotalAlloc-before.TotalAlloc)
		}
		return least
	}
	base := cost("Content-Length: 0\r\n")
	for _, length := range []string{
		"Content-Length: 4294967295\r\n", "Content-Length: 16000000\r\n",
		"Transfer-Encoding: chunked\r\n\r\nffffffff\r\n[",
	} {
		if got := cost(length); got > base+64<<10 {
			t.Errorf("%q: %d bytes allocated, %d for an empty body", length, got, base)
		}
	}
}

// A body has to arrive in time, however it trickles.
func TestSlowWriterIsGivenUp(t *testing.T) {
	addr, _ := open(t, func(c *tidelock.Config) { c.IdleTimeout = time.Second })
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, strings.Replace(post("/raft/message", "", "["),
		"Content-Length: 1", "Content-Length: 100000", 1)); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		if _, err := io.WriteString(conn, " "); err != nil {
			return
		}
		<-time.After(20 * time.Millisecond)
	}
	t.Error("the connection lives on")
}

// printer passes on what it hears.
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
	b, err := tidelock.Open(tidelock.Config{Node: 2, Cluster: 7, Listen: "127.0.0.1:0"}, heard)
	if err != nil {
		panic(err)
	}
	a, err := tidelock.Open(tidelock.Config{Node: 1, Cluster: 7, Listen: "127.0.0.1:0"}, heard)
	if err != nil {
		panic(err)
	}
	a.Send(b.Addr(), []core.Message{{Kind: core.MsgTimeoutNow, Group: 1, From: 1, To: 2, Term: 3}})
	fmt.Println(<-heard)
	_, _ = a.Close(), b.Close()
	// Output: 1->2 TimeoutNow group=1 term=3
}
