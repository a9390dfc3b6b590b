package state

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/scripting/value"
)

// sample is a Space with something in every field of the format.
func sample() *Space {
	s := New([]string{"accounts", "empty", "next"})
	s.Set(0, IntegerKey(nil, -7), value.AppendString(nil, "minus seven"))
	s.Set(0, StringKey(nil, "alice"), value.AppendNumber(nil, 300))
	s.Set(2, StringKey(nil, ""), value.AppendNumber(nil, 2.5))
	return s
}

func write(t testing.TB, s *Space) []byte {
	t.Helper()
	var buf bytes.Buffer
	if _, err := s.Live().WriteTo(&buf); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// TestFormatIsGolden holds the bytes and the digest: both are kept on disk and compared between
// replicas, so neither may change from one version to the next.
func TestFormatIsGolden(t *testing.T) {
	const want = "03" + "086163636f756e7473" + "02" +
		"09" + "017ffffffffffffff9" + "0c" + "ab6d696e757320736576656e" +
		"06" + "02616c696365" + "03" + "cd012c" +
		"05656d707479" + "00" +
		"046e657874" + "01" + "01" + "02" + "09" + "cb4004000000000000"
	got := hex.EncodeToString(write(t, sample()))
	if body := got[:len(got)-16]; body != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
	const digest = "ec0b11bde699ecdf"
	if tail := got[len(got)-16:]; tail != digest {
		t.Errorf("digest bytes %s, want %s", tail, digest)
	}
}

// TestReadRefusesEveryDamage flips every bit and cuts at every byte.
func TestReadRefusesEveryDamage(t *testing.T) {
	good := write(t, sample())
	refuse := func(what string, i int, b []byte) {
		_, err := Read(bufio.NewReader(bytes.NewReader(b)))
		if !errors.Is(err, ErrFormat) {
			t.Fatalf("%s at %d: got %v, want ErrFormat", what, i, err)
		}
	}
	for i := range good {
		refuse("cut", i, good[:i])
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			refuse("bit flip", i, bad)
		}
	}
}

func TestReadTellsItsReadersErrorsApart(t *testing.T) {
	good := write(t, sample())
	broken := bufio.NewReader(&failing{bytes.NewReader(good[:20])})
	if _, err := Read(broken); !errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, ErrFormat) {
		t.Errorf("got %v, want the reader's own error", err)
	}
}

// failing ends with an error that is not io.EOF.
type failing struct{ r *bytes.Reader }

func (f *failing) Read(b []byte) (int, error) {
	if f.r.Len() == 0 {
		return 0, os.ErrDeadlineExceeded
	}
	return f.r.Read(b)
}

func FuzzRead(f *testing.F) {
	f.Add(write(f, sample()))
	f.Add(write(f, New(nil)))
	f.Add([]byte(strings.Repeat("\xff", 40)))
	f.Fuzz(func(t *testing.T, b []byte) {
		in := bufio.NewReader(bytes.NewReader(b))
		s, err := Read(in)
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		if again := write(t, s); !bytes.HasPrefix(b, again) {
			t.Fatalf("read %x and wrote %x", b, again)
		}
	})
}
