package http

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/codec"
	"github.com/tidelock-raft/tidelock/transport/transporttest"
)

var rewrite = flag.Bool("rewrite", false, "write the golden file anew")

// decoders are those of the paths.
var decoders = map[string]decoder{
	appendPath: decodeAppend, votePath: decodeVote, messagePath: decodeMessage,
}

func encoded(t testing.TB, m *core.Message) (string, []byte) {
	t.Helper()
	path, text, err := encode(m)
	if err != nil {
		t.Fatal(err)
	}
	return path, text
}

func read(path string, body []byte) ([]core.Message, error) {
	return readBody(bytes.NewReader(body), codec.Limits{}.OrDefaults(), decoders[path])
}

// The format is a promise to other versions: these words may not change.
func TestFormatIsAsRecorded(t *testing.T) {
	var got bytes.Buffer
	for _, m := range transporttest.Samples(1, 2) {
		path, text := encoded(t, &m)
		got.WriteString("POST " + path + "\n" + string(text) + "\n")
		decoded, err := read(path, text)
		if err != nil || len(decoded) != 1 || !transporttest.Equal(&decoded[0], &m) {
			t.Errorf("%v:\ngot  %+v, %v\nwant %+v", m.Kind, decoded, err, m)
		}
	}
	path := filepath.Join("testdata", "samples.txt")
	if *rewrite {
		if err := os.WriteFile(path, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(golden) {
		t.Fatalf("the format has changed:\n%s", got.String())
	}
}

func TestBodyIsOneMessageOrAnArray(t *testing.T) {
	const one = `{"kind": "TimeoutNow", "term": 3, "from": 1, "to": 2, "group": 1}`
	for body, want := range map[string]int{
		one: 1, " \n\t" + one + "\n": 1, "[]": 0, "[" + one + "]": 1, "[" + one + ", " + one + "]": 2,
	} {
		if got, err := read(messagePath, []byte(body)); err != nil || len(got) != want {
			t.Errorf("%s: got %d messages, want %d: %v", body, len(got), want, err)
		}
	}
}

func TestServerRefusesWhatNoNodeSends(t *testing.T) {
	const valid = `"term": 2, "leader_id": 1, "prev_log_index": 5, "prev_log_term": 2`
	for body, want := range map[string]string{
		``: "nothing there", `   `: "nothing there", `{`: "unexpected EOF", `[{` + valid + `}`: "EOF",
		`7`:                            "cannot unmarshal",
		`{` + valid + `} {}`:           "something follows",
		`[{` + valid + `}] []`:         "something follows",
		`{` + valid + `, "x": 1}`:      `unknown field "x"`,
		`{` + valid + `, "to":-1}`:     "cannot unmarshal number -1",
		`{` + valid + `, "offset":-1}`: "offset -1",
		`{` + valid + `, "entries":[{"index":7,"term":2,"kind":"noop"}]}`:        "t2/i7 after t2/i5",
		`{` + valid + `, "entries":[{"index":6,"term":2,"kind":"?"}]}`:           "of kind(",
		`{` + valid + `, "entries":[{"index":6,"term":2,"kind":"noop","x":[]}]}`: `unknown field "x"`,
		`{` + valid + `, "entries":{}}`:                                          "want an array",
		`{` + valid + `, "snapshot":{"checksum":"1"}}`:                           "membership",
	} {
		_, err := read(appendPath, []byte(body))
		if !errors.Is(err, errMalformed) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want …%s…", body, err, want)
		}
	}
	if _, err := read(messagePath, []byte(`{"kind": "Nonsense"}`)); err == nil ||
		!strings.Contains(err.Error(), `kind "Nonsense" is not known`) {
		t.Errorf("got %v", err)
	}
}

// A few bytes of JSON must not become many in memory.
func TestCountsAreHeldAgainstLimits(t *testing.T) {
	message := `{"kind":"TimeoutNow"},`
	messages := `[` + strings.Repeat(message, codec.DefaultMessages) + message[:len(message)-1] + `]`
	entries := `{"kind":"AppendEntries","entries":[` + strings.Repeat("{},", 1<<20) + `{}]}`
	for name, body := range map[string]string{"messages": messages, "entries": entries} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := read(messagePath, []byte(body))
		runtime.ReadMemStats(&after)
		spent := after.TotalAlloc - before.TotalAlloc
		if !errors.Is(err, core.ErrTooLarge) {
			t.Errorf("%s: got %v, want %v", name, err, core.ErrTooLarge)
		}
		if spent > 120<<20 {
			t.Errorf("%s: refusing %d bytes took %d", name, len(body), spent)
		}
	}
}

// FuzzBody: what is accepted is what would be sent, and is accepted again.
func FuzzBody(f *testing.F) {
	for _, m := range transporttest.Samples(1, 2) {
		path, text := encoded(f, &m)
		f.Add(path, text)
		f.Add(path, []byte("["+string(text)+"]"))
	}
	f.Fuzz(func(t *testing.T, path string, body []byte) {
		if decoders[path] == nil {
			path = messagePath
		}
		msgs, err := read(path, body)
		if err != nil {
			return
		}
		for i := range msgs {
			path, text := encoded(t, &msgs[i])
			again, err := read(path, text)
			if err != nil || len(again) != 1 || !transporttest.Equal(&again[0], &msgs[i]) {
				t.Fatalf("got  %+v, %v\nwant %+v", again, err, msgs[i])
			}
		}
	})
}
