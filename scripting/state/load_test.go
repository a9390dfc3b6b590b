package state

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tidelock-raft/tidelock/scripting/value"
)

// large is a Space of more items than the loader enters at once, some of them long.
func large(random *rand.Rand) *Space {
	s := New([]string{"first", "none", "second"})
	for i := range 8 * loadBatch {
		key := StringKey(nil, strings.Repeat("k", i%7)+fmt.Sprint(i))
		if i%5 == 0 {
			key = IntegerKey(nil, int64(i))
		}
		long := random.IntN(60)
		if i%1000 == 0 {
			long = 9000
		}
		s.Set(i%2*2, key, value.AppendString(nil, strings.Repeat("v", long)))
	}
	s.Commit()
	return s
}

// slowly reads through a buffer in which hardly any item is whole: they are read byte by byte.
func slowly(b []byte) (*Space, error) {
	return Read(bufio.NewReaderSize(bytes.NewReader(b), 16))
}

func quickly(b []byte) (*Space, error) {
	return Read(bufio.NewReaderSize(bytes.NewReader(b), 64<<10))
}

func TestHoweverItIsReadItIsTheSame(t *testing.T) {
	was := large(rand.New(rand.NewPCG(1, 2)))
	good := write(t, was)
	for name, read := range map[string]func([]byte) (*Space, error){
		"slowly": slowly, "quickly": quickly,
		"copied": func(b []byte) (*Space, error) {
			s, err := quickly(b)
			return s.Live().Copy(), err
		},
	} {
		s, err := read(good)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if again := write(t, s); !bytes.Equal(again, good) || s.Digest() != was.Digest() {
			t.Errorf("%s: another state was read", name)
		}
		v := was.Live()
		for i := range was.collections {
			for _, p := range v.Page(nil, i, "", "", len(good)) {
				if got, _ := s.Live().Get(i, raw(p.Key)); got != p.Val {
					t.Fatalf("%s: %q is %q, want %q", name, p.Key, got, p.Val)
				}
			}
			if got := s.Live().Len(i); got != v.Len(i) {
				t.Errorf("%s: %d items, want %d", name, got, v.Len(i))
			}
		}
	}
}

// TestDamageIsFoundWhereverItIs changes or cuts a long state anywhere, and compares what is said of
// it with what reading byte by byte says.
func TestDamageIsFoundWhereverItIs(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	good := write(t, large(random))
	for n := range 120 {
		at := random.IntN(len(good))
		if n%3 == 0 {
			at = max(0, len(good)-1-n)
		}
		bad := bytes.Clone(good)
		if bad[at] ^= byte(1 + random.IntN(255)); n%4 == 0 {
			bad = good[:at]
		}
		_, quick := quickly(bad)
		_, slow := slowly(bad)
		if !errors.Is(quick, ErrFormat) || slow == nil || quick.Error() != slow.Error() {
			t.Fatalf("at %d of %d: got %v, want %v", at, len(good), quick, slow)
		}
	}
}

// TestLengthsAreRefusedAlike gives an item lengths that are not written shortest, or too great.
func TestLengthsAreRefusedAlike(t *testing.T) {
	text := func(n int, head ...byte) string { return string(head) + strings.Repeat("x", n) }
	item := func(key, val string) []byte { return []byte("\x01\x01c\x01" + key + val) }
	for want, b := range map[string][]byte{
		"not a shortest number":       item(text(4, 0x85, 0x00, stringKey), text(3, 0x04, 0xa3)),
		"not a shortest number ":      item(text(4, 0x05, stringKey), text(3, 0x84, 0x00, 0xa3)),
		"number 4098, at most 4097":   item(text(4097, 0x82, 0x20, stringKey), text(3, 0x04, 0xa3)),
		"number 1048577, at most 104": item(text(4, 0x05, stringKey), text(1<<20, 0x81, 0x80, 0x40)),
	} {
		quick, slow := error(nil), error(nil)
		_, quick = Read(bufio.NewReaderSize(bytes.NewReader(b), 2<<20))
		_, slow = slowly(b)
		if quick == nil || slow == nil || quick.Error() != slow.Error() ||
			!strings.Contains(quick.Error(), strings.TrimSpace(want)) {
			t.Errorf("got %v, read slowly %v, want %s", quick, slow, want)
		}
	}
}

func TestReadersErrorEndsTheLoading(t *testing.T) {
	good := write(t, large(rand.New(rand.NewPCG(5, 6))))
	broken := errors.New("broken")
	for _, n := range []int{0, 1, 100, len(good) / 2, len(good) - 1} {
		r := io.MultiReader(bytes.NewReader(good[:n]), iotest.ErrReader(broken))
		if _, err := Read(bufio.NewReader(r)); !errors.Is(err, broken) || errors.Is(err, ErrFormat) {
			t.Errorf("after %d bytes: got %v", n, err)
		}
	}
}

// TestItemsOfOneHashAreLoaded loads items of which most have the hash of another.
func TestItemsOfOneHashAreLoaded(t *testing.T) {
	s := New(nil)
	s.spread = 0x1f
	l, c := newLoader(s), s.add("c", 0)
	const items = 3*loadBatch + 7
	val := func(i int) []byte { return value.AppendNumber(nil, float64(i)) }
	for i := range items {
		l.add(c, IntegerKey(nil, int64(i)), val(i))
	}
	l.end()
	for i := range items {
		if got, _ := s.Live().Get(0, IntegerKey(nil, int64(i))); got != string(val(i)) {
			t.Fatalf("item %d is %x", i, got)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	s := New([]string{"kv"})
	val := value.AppendString(nil, strings.Repeat("v", 128))
	for i := range 1_000_000 {
		s.Set(0, StringKey(nil, fmt.Sprintf("key%08d", i)), val)
		s.Commit()
	}
	body := write(b, s)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := quickly(body); err != nil {
			b.Fatal(err)
		}
	}
}
