package backup

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"

	"github.com/tidelock-raft/tidelock/core"
)

var sample = Meta{
	Cluster: 0x0102030405060708, Node: 3, Group: 1, Taken: 1_700_000_000_000_000_001,
	Machine: "kv v1", Version: "v2",
	Snapshot: core.SnapshotMeta{
		Position: core.Position{Term: 4, Index: 500}, Time: 1_700_000_000_000_000_000,
		Membership: core.Membership{Members: []core.Member{
			{ID: 1, Role: core.Voter, Addr: "a:1"}, {ID: 3, Role: core.Learner, Addr: "c:3"},
		}},
	},
}

func written(t testing.TB, m Meta, body []byte) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := NewWriter(&file, m)
	if err != nil {
		t.Fatal(err)
	}
	for rest := body; len(rest) > 0; { // in pieces that are no blocks
		n := min(len(rest), 10_007)
		if _, err := w.Write(rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); !errors.Is(err, core.ErrClosed) {
		t.Errorf("second Close: got %v, want %v", err, core.ErrClosed)
	}
	return file.Bytes()
}

func read(file []byte) (Meta, []byte, error) {
	r, err := NewReader(bytes.NewReader(file), "file")
	if err != nil {
		return Meta{}, nil, err
	}
	body, err := io.ReadAll(r)
	return r.Meta(), body, err
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	for _, size := range []int{0, 1, blockBytes - 1, blockBytes, blockBytes + 1, 3*blockBytes + 17} {
		body := bytes.Repeat([]byte("tidelock "), size/9+1)[:size]
		got, content, err := read(written(t, sample, body))
		if err != nil || !bytes.Equal(content, body) {
			t.Fatalf("%d bytes: got %d, %v", size, len(content), err)
		}
		want := sample
		want.Snapshot.Size, want.Snapshot.Checksum = int64(size), got.Snapshot.Checksum
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

// TestGolden keeps the format as it is.
func TestGolden(t *testing.T) {
	const want = "746964656261636b0100000060000000080706050403020103000000000000000100000000000000" +
		"01002a36fe9c971705006b76207631020076320400000000000000f40100000000000000002a36fe" +
		"9c97170000000000000000000000000000000002010103613a31030403633a33e9c1372e04000000" +
		"34d3a881626f6479000000000400000000000000313a8b937b1d8fcd46667504"
	if got := hex.EncodeToString(written(t, sample, []byte("body"))); got != want {
		t.Fatalf("the format has changed:\n%s", got)
	}
}

// TestEveryDamageIsFound turns every bit of a file round, cuts it everywhere, and adds to it.
func TestEveryDamageIsFound(t *testing.T) {
	file := written(t, sample, bytes.Repeat([]byte("x"), 300))
	check := func(what string, damaged []byte) {
		t.Helper()
		_, _, err := read(damaged)
		var corrupt *core.CorruptError
		if errors.Is(err, ErrVersion) {
			return
		}
		if !errors.As(err, &corrupt) || corrupt.Path != "file" || corrupt.Offset < 0 ||
			corrupt.Offset > int64(len(damaged)) {
			t.Fatalf("%s: got %v, want damage and where it is", what, err)
		}
	}
	for bit := range 8 * len(file) {
		damaged := bytes.Clone(file)
		damaged[bit/8] ^= 1 << (bit % 8)
		check(fmt.Sprintf("bit %d", bit), damaged)
	}
	for n := range file {
		check(fmt.Sprintf("cut to %d bytes", n), file[:n])
	}
	check("a byte more", append(bytes.Clone(file), 0))
}

// TestBlocksCannotBeMoved exchanges two full blocks, each of which is whole.
func TestBlocksCannotBeMoved(t *testing.T) {
	body := append(bytes.Repeat([]byte("a"), blockBytes), bytes.Repeat([]byte("b"), blockBytes)...)
	file := written(t, sample, body)
	const block = blockHead + blockBytes
	from := len(file) - endBytes - sumBytes - 2*block
	moved := append(bytes.Clone(file[:from]), file[from+block:from+2*block]...)
	moved = append(append(moved, file[from:from+block]...), file[from+2*block:]...)
	if _, _, err := read(moved); !errors.Is(err, core.ErrCorrupt) {
		t.Errorf("moved: got %v", err)
	}
	if _, _, err := read(append(bytes.Clone(file[:from]), file[from+block:]...)); !errors.Is(err,
		core.ErrCorrupt) {
		t.Errorf("left out: got %v", err)
	}
}

func TestErrorsOfReaderAndWriterComeThrough(t *testing.T) {
	broken := errors.New("broken")
	if _, err := NewReader(iotest.ErrReader(broken), "file"); !errors.Is(err, broken) {
		t.Errorf("read: got %v", err)
	}
	file := written(t, sample, []byte("body"))
	r, err := NewReader(io.MultiReader(bytes.NewReader(file), iotest.ErrReader(broken)), "file")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); !errors.Is(err, broken) {
		t.Errorf("an error behind the end: got %v", err)
	}
	in, out := io.Pipe()
	in.CloseWithError(broken)
	if _, err := NewWriter(out, sample); !errors.Is(err, broken) {
		t.Errorf("write: got %v", err)
	}
	long := sample
	long.Machine = string(make([]byte, MaxNameBytes+1))
	if _, err := NewWriter(io.Discard, long); !errors.Is(err, core.ErrTooLarge) {
		t.Errorf("a long name: got %v", err)
	}
}

func FuzzReader(f *testing.F) {
	f.Add(written(f, sample, []byte("body")))
	f.Add(written(f, sample, nil))
	f.Fuzz(func(t *testing.T, file []byte) {
		m, body, err := read(file)
		if err != nil {
			if !errors.Is(err, core.ErrCorrupt) && !errors.Is(err, ErrVersion) {
				t.Errorf("got %v", err)
			}
			return
		}
		if again := written(t, m, body); !bytes.Equal(again, file) {
			t.Errorf("a file that is not what the writer writes was read")
		}
	})
}
