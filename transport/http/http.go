package http

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/link"
)

// Config says who a node is and what bounds its network. A body has at most twice the bytes that
// Limits allow a frame.
type Config = link.Config

// Transport is a core.Transport over HTTP.
type Transport = link.Transport

// Open starts to listen. The inbox may be called before Open returns.
func Open(c Config, inbox core.Inbox) (*Transport, error) {
	return link.Open(link.Protocol{
		Name: "http", ALPN: []string{"http/1.1"}, Connect: connect, Serve: serve,
	}, c, inbox)
}

// maxBody is how long a body may be.
func maxBody(c *link.Config) int { return 2 * c.Limits.MaxFrameBytes }

const (
	maxHeaderBytes = 8 << 10
	maxReplyBytes  = 8 << 10 // of what a server answers
)

// session sends to one node. At most one request is under way.
type session struct {
	t      *Transport
	to     core.NodeID
	config link.Config
	client http.Client
	base   url.URL
	header http.Header
	ctx    context.Context
	cancel context.CancelFunc
	posts  []post // the batch
	size   int
}

// post is one request: messages of one shape.
type post struct {
	path string
	body bytes.Buffer
}

// connect shakes hands.
func connect(ctx context.Context, t *Transport, to link.Target) (link.Session, error) {
	s := &session{
		t: t, to: to.Node,
		config: t.Config(), base: url.URL{Scheme: "http", Host: string(to.Addr)},
		header: identify(t.Hello(to.Node)),
	}
	s.client.Transport = &http.Transport{
		// The connections are package link's, and encrypted there.
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return t.Dial(ctx, to)
		},
		MaxConnsPerHost: 1, DisableCompression: true, MaxResponseHeaderBytes: maxReplyBytes,
	}
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // a peer does not send us elsewhere
	}
	s.ctx, s.cancel = context.WithCancel(t.Context())
	if err := s.do(ctx, http.MethodGet, helloPath, nil); err != nil {
		_ = s.Close() // it is of no use
		return nil, fmt.Errorf("handshake: %w", err)
	}
	return s, nil
}

// do makes a request, and returns an error unless it was carried out.
func (s *session) do(
	ctx context.Context, method, path string, body *bytes.Buffer,
) error {
	u := s.base
	u.Path = path
	var content io.Reader = http.NoBody
	if body != nil {
		content = body
	}
	request, err := http.NewRequestWithContext(ctx, method, u.String(), content)
	if err != nil {
		return err
	}
	request.Header = s.header
	if body != nil {
		request.Header = s.header.Clone()
		request.Header.Set(headerChecksum, checksum(crc32.Checksum(body.Bytes(), castagnoli)))
	}
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxReplyBytes))
	switch {
	case err != nil:
		return err
	case response.StatusCode == http.StatusForbidden, path == helloPath:
		var a link.Answer
		if err := json.Unmarshal(text, &a); err != nil || a.Version == 0 {
			return fmt.Errorf("%s: peer does not speak the tidelock protocol", response.Status)
		}
		return s.t.Check(a, s.to)
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("%s: %s", response.Status, bytes.TrimSpace(text))
	}
	return nil
}

// Add implements link.Session.
func (s *session) Add(m *core.Message) error {
	if _, err := s.config.Limits.Check(m); err != nil {
		return err
	}
	path, text, err := encode(m)
	if err == nil && len(text) > maxBody(&s.config)-2 {
		err = fmt.Errorf("%w: %d bytes, limit %d", core.ErrTooLarge, len(text), maxBody(&s.config)-2)
	}
	if err != nil {
		return err
	}
	if n := len(s.posts); n == 0 || s.posts[n-1].path != path ||
		s.posts[n-1].body.Len()+len(text) > maxBody(&s.config)-2 {
		s.posts = append(s.posts, post{path: path})
	}
	body := &s.posts[len(s.posts)-1].body
	if body.Len() == 0 {
		body.WriteByte('[')
	} else {
		body.WriteByte(',')
	}
	body.Write(text)
	s.size += len(text)
	return nil
}

// Size implements link.Session.
func (s *session) Size() int { return s.size }

// Flush implements link.Session: a request for each run of messages of one shape, in order.
func (s *session) Flush() error {
	ctx, cancel := context.WithTimeout(s.ctx, s.config.WriteTimeout)
	defer cancel()
	posts := s.posts
	s.posts, s.size = nil, 0
	if len(posts) == 0 {
		posts = []post{{path: messagePath}}
		posts[0].body.WriteByte('[')
	}
	for i := range posts {
		posts[i].body.WriteByte(']')
		if err := s.do(ctx, http.MethodPost, posts[i].path, &posts[i].body); err != nil {
			return err
		}
	}
	return nil
}

// Watch implements link.Session. The sign of life is that requests are answered.
func (s *session) Watch() error {
	<-s.ctx.Done()
	return s.ctx.Err()
}

// Close implements link.Session.
func (s *session) Close() error {
	s.cancel()
	s.client.CloseIdleConnections()
	return nil
}

// The headers that say who speaks to whom.
const (
	headerVersion     = "Tidelock-Version"
	headerCluster     = "Tidelock-Cluster"
	headerFrom        = "Tidelock-From"
	headerTo          = "Tidelock-To"
	headerIncarnation = "Tidelock-Incarnation"
	headerChecksum    = "Tidelock-Checksum" // of the body; may be left out
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(sum uint32) string { return fmt.Sprintf("%08x", sum) }

func identify(h link.Hello) http.Header {
	header := http.Header{"Content-Type": {"application/json"}}
	for name, v := range map[string]uint64{
		headerVersion: uint64(h.Version), headerCluster: uint64(h.Cluster),
		headerFrom: uint64(h.From), headerTo: uint64(h.To), headerIncarnation: h.Incarnation,
	} {
		header.Set(name, strconv.FormatUint(v, 10))
	}
	return header
}

// identity reads what identify wrote.
func identity(header http.Header) (link.Hello, error) {
	var err error
	number := func(name string, bits int) uint64 {
		v, failed := strconv.ParseUint(header.Get(name), 10, bits)
		if failed != nil && err == nil {
			err = fmt.Errorf("header %s: got %q, want a number of %d bits", name, header.Get(name), bits)
		}
		return v
	}
	h := link.Hello{
		Version: uint16(number(headerVersion, 16)), Cluster: core.ClusterID(number(headerCluster, 64)),
		From: core.NodeID(number(headerFrom, 64)), To: core.NodeID(number(headerTo, 64)),
		Incarnation: number(headerIncarnation, 64),
	}
	return h, err
}

// server is what peers call.
type server struct {
	t      *Transport
	config link.Config

	mu      sync.Mutex
	ended   bool           // no request begins any more
	running sync.WaitGroup // requests
}

// connKey is the key of a request's *link.Conn.
type connKey struct{}

// serve serves connections until the listener is closed.
func serve(t *Transport, l net.Listener) {
	s := &server{t: t, config: t.Config()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+helloPath, s.counted(s.hello))
	mux.HandleFunc("POST "+appendPath, s.deliver(decodeAppend))
	mux.HandleFunc("POST "+votePath, s.deliver(decodeVote))
	mux.HandleFunc("POST "+messagePath, s.deliver(decodeMessage))
	c := &s.config
	h := &http.Server{
		Handler: mux, ReadHeaderTimeout: c.HandshakeTimeout, ReadTimeout: c.IdleTimeout,
		WriteTimeout: c.IdleTimeout + c.WriteTimeout, IdleTimeout: c.IdleTimeout,
		MaxHeaderBytes: maxHeaderBytes, ErrorLog: slog.NewLogLogger(c.Logger.Handler(), slog.LevelWarn),
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, conn)
		},
	}
	_ = h.Serve(l) // it ends with the listener
	_ = h.Close()
	s.end()
}

// begin counts a request in, unless the server has ended. Close of a http.Server leaves it open
// whether a request that has just been read still begins.
func (s *server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.running.Add(1)
	}
	return !s.ended
}

// end waits for requests, and lets no other begin.
func (s *server) end() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.running.Wait()
}

// counted is a handler whose requests end waits for.
func (s *server) counted(do http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.begin() {
			fail(w, http.StatusServiceUnavailable, core.ErrClosed)
			return
		}
		defer s.running.Done()
		do(w, r)
	}
}

// welcome answers a request that comes from nobody that is listened to.
func (s *server) welcome(w http.ResponseWriter, r *http.Request) (*link.Conn, link.Answer, bool) {
	conn := r.Context().Value(connKey{}).(*link.Conn)
	h, err := identity(r.Header)
	if err != nil {
		w.Header().Set("Connection", "close")
		fail(w, http.StatusBadRequest, err)
		return nil, link.Answer{}, false
	}
	a, err := conn.Welcome(h)
	if err != nil {
		w.Header().Set("Connection", "close")
		reply(w, http.StatusForbidden, refusal{a, a.Status.String()})
		return nil, a, false
	}
	return conn, a, true
}

// refusal is an answer for people, too.
type refusal struct {
	link.Answer
	Error string `json:"error"`
}

func (s *server) hello(w http.ResponseWriter, r *http.Request) {
	if _, a, ok := s.welcome(w, r); ok {
		reply(w, http.StatusOK, a)
	}
}

// deliver returns the handler of messages of one shape.
func (s *server) deliver(decode decoder) http.HandlerFunc {
	return s.counted(func(w http.ResponseWriter, r *http.Request) {
		conn, _, ok := s.welcome(w, r)
		if !ok {
			return
		}
		if r.ContentLength > int64(maxBody(&s.config)) {
			s.violated(w, conn, http.StatusRequestEntityTooLarge, fmt.Errorf("%w: %d bytes, limit %d",
				core.ErrTooLarge, r.ContentLength, maxBody(&s.config)))
			return
		}
		sum := crc32.New(castagnoli)
		body := http.MaxBytesReader(w, r.Body, int64(maxBody(&s.config)))
		msgs, err := readBody(io.TeeReader(body, sum), s.config.Limits, decode)
		got, want := checksum(sum.Sum32()), r.Header.Get(headerChecksum)
		if err == nil && want != "" && got != want {
			err = fmt.Errorf("%w: checksum: got %s, want %s", errMalformed, got, want)
		}
		if err != nil {
			s.violated(w, conn, http.StatusBadRequest, err)
			return
		}
		n := 0
		if len(msgs) > 0 {
			if n, err = conn.Deliver(msgs); err != nil {
				s.violated(w, conn, http.StatusBadRequest, err)
				return
			}
		}
		reply(w, http.StatusOK, outcome{Delivered: n, Refused: len(msgs) - n})
	})
}

// outcome says how many messages found room in the inbox.
type outcome struct {
	Delivered int `json:"delivered"`
	Refused   int `json:"refused"`
}

// violated ends a connection on which something was sent that no node sends.
func (s *server) violated(w http.ResponseWriter, conn *link.Conn, status int, err error) {
	if !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.ErrUnexpectedEOF) {
		conn.Ended(err)
	}
	w.Header().Set("Connection", "close")
	fail(w, status, err)
}

func fail(w http.ResponseWriter, status int, err error) {
	reply(w, status, map[string]string{"error": err.Error()})
}

func reply(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte("{}")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // who has gone does not hear it
}
