package server

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
	_ "github.com/tidelock-raft/tidelock/plugins/standard"
	"github.com/tidelock-raft/tidelock/scripting"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// patience bounds every wait of these tests.
const patience = 20 * time.Second

// lines is a writer that hands out what is written to it, line by line.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}

// running is a node that runs beside the test.
type running struct {
	api   string
	stop  context.CancelFunc
	ended chan error
}

// runForTest runs a node and waits until it serves clients. Its address comes from its log.
func runForTest(t *testing.T, c Config) *running {
	t.Helper()
	log := make(lines, 1000)
	c.Log = slog.New(slog.NewJSONHandler(log, nil))
	c.Listen, c.APIListen = "127.0.0.1:0", "127.0.0.1:0"
	c.Tick, c.Heartbeat, c.Election = time.Millisecond, 5*time.Millisecond, 20*time.Millisecond
	ctx, stop := context.WithCancel(t.Context())
	r := &running{stop: stop, ended: make(chan error, 1)}
	go func() { r.ended <- Run(ctx, c) }() // ended by stop
	deadline := time.After(patience)
	for {
		select {
		case text := <-log:
			var line struct{ Msg, Clients string }
			if err := json.Unmarshal([]byte(text), &line); err != nil {
				t.Fatal(err)
			}
			if line.Msg == "node is running" {
				r.api = line.Clients
				return r
			}
		case err := <-r.ended:
			t.Fatalf("the node has ended: %v", err)
		case <-deadline:
			t.Fatal("the node does not come up")
		}
	}
}

// do makes one call of the machine.
func (r *running) do(t *testing.T, kind core.RequestKind, name string, args ...any) any {
	t.Helper()
	c, err := client.New(client.Config{Endpoints: []string{r.api}, Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	data, err := scripting.EncodeCall(name, args...)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := c.Do(t.Context(), client.Request{Kind: kind, Data: data})
	if err != nil {
		t.Fatal(err)
	}
	value, err := scripting.DecodeValue(reply.Value)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func (r *running) close(t *testing.T) {
	t.Helper()
	r.stop()
	select {
	case err := <-r.ended:
		if err != nil {
			t.Errorf("the node ended with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the node does not stop")
	}
}

func TestNodeKeepsWhatItAcknowledgedAcrossRestarts(t *testing.T) {
	for _, transport := range []string{"tcp", "memory"} {
		c := Config{ID: 1, Dir: t.TempDir(), Transports: []Choice{{Name: transport}}}
		n := runForTest(t, c)
		if got := n.do(t, core.RequestCommand, "put", "x", "1"); got != "OK" {
			t.Errorf("put: got %v", got)
		}
		n.close(t)
		c.TraceRPC = true
		n = runForTest(t, c)
		if got := n.do(t, core.RequestQuery, "get", "x"); got != "1" {
			t.Errorf("get: got %v", got)
		}
		n.close(t)
	}
}

func TestScriptIsReplicated(t *testing.T) {
	script := filepath.Join(t.TempDir(), "counter.lua")
	write(t, script, `local n = state.value("n", 0)
return { name = "counter", version = 1,
  commands = { add = function(by) n:set(n:get() + by) return n:get() end }, queries = {} }`)
	n := runForTest(t, Config{ID: 1, Dir: t.TempDir(), Machine: Choice{
		Name: "lua", Options: map[string]string{"script": script},
	}})
	defer n.close(t)
	for _, want := range []int64{2, 4} {
		if got := n.do(t, core.RequestCommand, "add", 2); got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsWrongIsToldBeforeTheDiskIsTouched(t *testing.T) {
	script := filepath.Join(t.TempDir(), "bad.lua")
	write(t, script, "return {")
	options := func(name, value string) map[string]string { return map[string]string{name: value} }
	for _, c := range []struct {
		config Config
		code   exit.Code
		text   string
	}{
		{Config{}, exit.Usage, "--id is missing"},
		{Config{Store: Choice{Name: "bolt"}}, exit.Usage, `no store is named "bolt"; built in`},
		{Config{Transports: []Choice{{Name: "udp"}}}, exit.Usage, `no transport is named "udp"`},
		{Config{Machine: Choice{Name: "wasm"}}, exit.Usage, `no machine is named "wasm"`},
		{Config{Store: Choice{Options: options("segment", "1")}}, exit.Usage,
			"store wal: plugins: invalid option: segment is 1, want 4KiB to 1GiB"},
		{Config{Transports: []Choice{{Name: "tcp", Options: options("retry-max", "1")}}}, exit.Usage,
			`transport tcp: option retry-max: "1" is not a duration such as 150ms or 2s`},
		{Config{Machine: Choice{Options: options("script", script)}}, exit.Refused, "bad.lua"},
		{Config{Machine: Choice{Options: options("script", script+"x")}}, exit.Usage,
			"no such file"},
	} {
		if c.text != "--id is missing" {
			c.config.ID = 1
		}
		c.config.Dir = filepath.Join(t.TempDir(), "data")
		err := Run(t.Context(), c.config)
		if exit.Of(err) != c.code || !strings.Contains(err.Error(), c.text) {
			t.Errorf("got code %d, %v\nwant code %d, %s", exit.Of(err), err, c.code, c.text)
		}
		if _, err := os.Stat(c.config.Dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the directory was made: %v", c.text, err)
		}
	}
}

func TestDirectoryInUseIsRefused(t *testing.T) {
	c := Config{ID: 1, Dir: t.TempDir()}
	n := runForTest(t, c)
	defer n.close(t)
	if err := Run(t.Context(), c); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("got %v", err)
	}
}

func TestDamagedLogIsCorruption(t *testing.T) {
	c := Config{ID: 1, Dir: t.TempDir()}
	n := runForTest(t, c)
	for range 20 {
		n.do(t, core.RequestCommand, "put", "needle", "haystack")
	}
	n.close(t)
	segments, err := filepath.Glob(filepath.Join(c.Dir, "wal", "*"))
	if err != nil {
		t.Fatal(err)
	}
	damaged := 0
	for _, path := range segments {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if i := strings.Index(string(content), "needle"); i >= 0 {
			content[i] ^= 1
			write(t, path, string(content))
			damaged++
		}
	}
	if err := Run(t.Context(), c); damaged == 0 || exit.Of(err) != exit.Corrupt {
		t.Errorf("%d files damaged, got %v", damaged, err)
	}
}

func TestAddressInUseIsAnError(t *testing.T) {
	n := runForTest(t, Config{ID: 1, Dir: t.TempDir()})
	defer n.close(t)
	for _, c := range []Config{
		{ID: 2, Dir: t.TempDir(), Listen: n.api, APIListen: "127.0.0.1:0"},
		{ID: 2, Dir: t.TempDir(), Listen: "127.0.0.1:0", APIListen: n.api},
	} {
		if err := Run(t.Context(), c); err == nil || !strings.Contains(err.Error(), "in use") {
			t.Errorf("got %v", err)
		}
	}
}
