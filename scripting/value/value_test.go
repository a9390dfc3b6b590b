package value

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

// TestCanonicalForm holds the bytes: they are in logs and snapshots for ever.
func TestCanonicalForm(t *testing.T) {
	for _, c := range []struct {
		v    any
		want string
	}{
		{nil, "c0"}, {false, "c2"}, {true, "c3"},
		{0, "00"}, {math.Copysign(0, -1), "00"}, {127, "7f"}, {128, "cc80"}, {255, "ccff"},
		{256, "cd0100"}, {65535, "cdffff"}, {65536, "ce00010000"}, {uint32(math.MaxUint32), "ceffffffff"},
		{int64(1 << 32), "cf0000000100000000"}, {int64(MaxInteger), "cf0020000000000000"},
		{-1, "ff"}, {-32, "e0"}, {-33, "d0df"}, {-128, "d080"}, {-129, "d1ff7f"}, {-32769, "d2ffff7fff"},
		{int64(math.MinInt32) - 1, "d3ffffffff7fffffff"}, {int64(-MaxInteger), "d3ffe0000000000000"},
		{3.0, "03"}, {0.5, "cb3fe0000000000000"}, {float32(0.5), "cb3fe0000000000000"},
		{1e300, "cb7e37e43c8800759c"}, {math.Inf(-1), "cbfff0000000000000"},
		{math.NaN(), "cb7ff8000000000000"}, {json.Number("12"), "0c"},
		{json.Number("1.5"), "cb3ff8000000000000"},
		{"", "a0"}, {"abc", "a3616263"}, {[]byte{0xff}, "a1ff"},
		{strings.Repeat("a", 32), "d920" + strings.Repeat("61", 32)},
		{strings.Repeat("a", 256), "da0100" + strings.Repeat("61", 256)},
		{strings.Repeat("a", 65536), "db00010000" + strings.Repeat("61", 65536)},
		{[]any{}, "90"}, {map[string]any{}, "90"}, {[]any{1, nil}, "9201c0"},
		{make([]any, 16), "dc0010" + strings.Repeat("c0", 16)},
		{map[string]any{"b": 1, "a": 2}, "82a16102a16201"},
		{map[any]any{"a": 1, -1: 2, 300: 3, "B": 4}, "84ff02cd012c03a14204a16101"},
		{map[any]any{1: "x", 2.0: "y"}, "92a178a179"},
		{map[string]any{"gone": nil, "a": 1}, "81a16101"},
	} {
		got, err := FromAny(nil, c.v)
		if err != nil || hex.EncodeToString(got) != c.want {
			t.Errorf("%v: got %x %v, want %s", c.v, got, err, c.want)
			continue
		}
		if err := Check(got); err != nil {
			t.Errorf("%v: %v", c.v, err)
		}
		checkCanonical(t, got)
		checkCanonical(t, append(got, 0))
		var peer any // another implementation must be able to read it
		if err := msgpack.Unmarshal(got, &peer); err != nil && !strings.Contains(c.want, "ff02") {
			t.Errorf("%v: %v", c.v, err)
		}
	}
}

func TestCheckRefusesEveryOtherForm(t *testing.T) {
	deep := strings.Repeat("91", MaxDepth) + "c0"
	for name, src := range map[string]string{
		"nothing": "", "two values": "c0c0", "wide int": "cc7f", "wide negative": "d0ff",
		"positive as signed": "d17fff", "integer as float": "cb4008000000000000", "float32": "ca3fc00000",
		"minus zero": "cb8000000000000000", "other NaN": "cb7ff8000000000001", "wide string": "d90161",
		"binary": "c40161", "wide array": "dc0001c0", "empty map": "80", "wide map": "de0001a161c0",
		"array as map": "820102" + "0203", "keys out of order": "82a16201a16102",
		"key twice": "82a16101a16102", "integer behind string": "82a161010102",
		"nil in a map": "81a161c0",
		"boolean key":  "81c301", "fraction as key": "81cb3fe000000000000001", "extension": "d40000",
		"integer beyond 2^53": "cf0020000000000001", "cut string": "a261", "cut map": "81a161",
		"huge array": "ddffffffff", "huge string": "dbffffffff", "too deep": "91" + deep,
		"long key": "81da1001" + strings.Repeat("61", 4097) + "01",
	} {
		b, err := hex.DecodeString(src)
		if err != nil {
			t.Fatal(name, err)
		}
		if err := Check(b); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
	if b, _ := hex.DecodeString(deep); Check(b) != nil {
		t.Errorf("%d tables in each other are allowed", MaxDepth)
	}
	if Check(AppendString(nil, strings.Repeat("a", MaxSize))) == nil {
		t.Error("a value beyond MaxSize passed")
	}
}

// TestShortStringsAreCheckedAlike gives all heads of two bytes to the check of short strings, and
// holds it against that of all values.
func TestShortStringsAreCheckedAlike(t *testing.T) {
	body := make([]byte, 300)
	for head := range 1 << 16 {
		body[0], body[1] = byte(head>>8), byte(head)
		short, long := head>>8&0x1f, head&0xff
		for _, n := range []int{0, 1, 2, 1 + short, 2 + short, 1 + long, 2 + long} {
			src := body[:n]
			want := check(src) == nil
			if got := Check(src) == nil; got != want {
				t.Fatalf("%x, %d bytes: got %v, want %v", src[:min(n, 2)], n, got, want)
			}
		}
	}
}

// TestReaderTakesEveryWidth reads what a generous encoder writes.
func TestReaderTakesEveryWidth(t *testing.T) {
	for src, want := range map[string]any{
		"cf0000000000000001": int64(1), "d3ffffffffffffffff": int64(-1), "d0ff": int64(-1),
		"ca3fc00000": 1.5, "cb3ff0000000000000": int64(1), "db0000000161": "a", "c60000000161": "a",
		"dd00000001c3": []any{true}, "df00000001a161c2": map[string]any{"a": false},
		"81cc05a161": map[any]any{int64(5): "a"}, "80": map[string]any{},
	} {
		b, _ := hex.DecodeString(src)
		checkCanonical(t, b)
		if got, err := ToAny(b); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %#v %v, want %#v", src, got, err, want)
		}
	}
}

func TestFromAnyRefusesWhatItCannotKeep(t *testing.T) {
	cyclic := []any{nil}
	cyclic[0] = cyclic
	for _, v := range []any{int64(MaxInteger + 1), uint64(math.MaxUint64),
		json.Number("9007199254740993"),
		json.Number("x"), struct{}{}, map[any]any{true: 1}, map[any]any{1: 1, 1.0: 2},
		map[any]any{1.5: 1},
		cyclic, []any{complex(1, 1)}} {
		if got, err := FromAny(nil, v); !errors.Is(err, ErrInvalid) {
			t.Errorf("%T: got %x %v, want ErrInvalid", v, got, err)
		}
	}
}

// checkText demands that Text reads what Next reads, or nothing.
func checkText(t *testing.T, src []byte) {
	t.Helper()
	for r := NewReader(src); r.More(); {
		fast, tag := r, src[r.Pos()]
		got, ok := fast.Text()
		want, err := r.Next()
		short := err == nil && want.Kind == String && (tag <= tagBin8 || tag == tagStr8)
		if ok != short || ok && (!bytes.Equal(got, want.Bytes) || fast.Pos() != r.Pos()) {
			t.Fatalf("%x at %d: got %q %v, want %q %v", src, r.pos, got, ok, want.Bytes, err)
		}
		if err != nil {
			return
		}
	}
}

// checkCanonical holds that Canonical reads what Next does if Check agrees, but neither nil nor a
// table.
func checkCanonical(t *testing.T, src []byte) {
	t.Helper()
	r, plain := NewReader(src), NewReader(src)
	token, err := plain.Next()
	want := err == nil && token.Kind != Nil && token.Kind <= String &&
		len(src[:plain.Pos()]) <= MaxSize && check(src[:plain.Pos()]) == nil
	b, ok := r.Canonical()
	if ok != want {
		t.Fatalf("%x: Canonical is not %v", src, want)
	}
	if ok && (r.Pos() != plain.Pos() || !bytes.Equal(b, src[:r.Pos()])) || !ok && r.Pos() != 0 {
		t.Fatalf("%x: Canonical has read %x", src, b)
	}
}

// checkShort holds that IsString is Check for strings, and Array is Next for small arrays.
func checkShort(t *testing.T, src []byte) {
	t.Helper()
	r := NewReader(src)
	token, err := r.Next()
	want := err == nil && token.Kind == String && check(src) == nil && len(token.Bytes) < 1<<16
	if IsString(src) != want {
		t.Fatalf("%x: IsString is not %v", src, want)
	}
	small := NewReader(src)
	n, ok := small.Array()
	if want := err == nil && token.Kind == Array && src[0] < tagFixStr; ok != want {
		t.Fatalf("%x: an array is read: %v, want %v", src, ok, want)
	}
	if ok && (n != token.Len || small.Pos() != r.Pos()) || !ok && small.Pos() != 0 {
		t.Fatalf("%x: an array of %d, want %d", src, n, token.Len)
	}
}

// TestStringsOfEverySize are recognised with their own head, and with no other.
func TestStringsOfEverySize(t *testing.T) {
	for _, n := range []int{0, 1, 31, 32, 33, 255, 256, 257, 1<<16 - 1, 1 << 16} {
		body := make([]byte, n)
		for _, head := range [][]byte{
			{tagFixStr | byte(n&31)}, {tagStr8, byte(n)}, {tagStr8 + 1, byte(n >> 8), byte(n)},
			{tagStr8 + 2, 0, byte(n >> 16), byte(n >> 8), byte(n)}, {tagBin8, byte(n)}, {tagNil},
		} {
			checkShort(t, append(head, body...))
			checkShort(t, append(head, body[:max(0, n-1)]...))
		}
	}
}

// FuzzAny holds that whatever can be read is written canonically, and then stays as it is.
func FuzzAny(f *testing.F) {
	for _, s := range []string{"c0", "82a16102a16201", "93cb3fe0000000000000ff90", "81cc05a161",
		"ddffffffff"} {
		b, _ := hex.DecodeString(s)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		checkText(t, src)
		checkCanonical(t, src)
		checkShort(t, src)
		canonical := Check(src) == nil
		v, err := ToAny(src)
		if err != nil {
			if canonical || !errors.Is(err, ErrInvalid) {
				t.Fatalf("%x: %v", src, err)
			}
			return
		}
		again, err := FromAny(nil, v)
		if err != nil {
			t.Fatalf("%x: read %#v, and: %v", src, v, err)
		}
		if canonical != bytes.Equal(src, again) && len(src) <= MaxSize {
			t.Fatalf("%x: canonical is %v, yet written as %x", src, canonical, again)
		}
		if err := Check(again); err != nil && len(again) <= MaxSize {
			t.Fatalf("%x: wrote %x: %v", src, again, err)
		}
	})
}

// TestPairsAreAMap compares AppendPairs with FromAny of the same map, for keys that differ in their
// first bytes or their last, are part of others, or come twice.
func TestPairsAreAMap(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for round := range 3_000 {
		items, pairs := map[any]any{}, []Pair(nil)
		prefix := strings.Repeat("p", random.IntN(12))
		for i := range random.IntN(100) {
			key := make([]byte, random.IntN(1+round%13))
			for j := range key {
				key[j] = "\x00a\xff"[random.IntN(3)]
			}
			p := Pair{append([]byte(prefix), key...), fmt.Append(nil, i)}
			items[string(p.Key)], pairs = string(p.Value), append(pairs, p)
		}
		want, err := FromAny(nil, items)
		if got := AppendPairs([]byte("x"), pairs); err != nil || !bytes.Equal(got[1:], want) {
			t.Fatalf("pairs %q: got %q, want %q (%v)", pairs, got[1:], want, err)
		}
		named := map[string]any{}
		for k, v := range items {
			named[k.(string)] = v
		}
		if got, err := FromAny(nil, named); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("map %q: got %q, want %q (%v)", named, got, want, err)
		}
	}
}

// TestMapOfStringsHardlyAllocates: its pairs and their order, and room for most of what is written.
func TestMapOfStringsHardlyAllocates(t *testing.T) {
	items := map[string]any{}
	for i := range 1000 {
		items[fmt.Sprintf("key%08d", i*7919)] = "a value"
	}
	n := testing.AllocsPerRun(100, func() { _, _ = FromAny(nil, items) })
	if n > 8 {
		t.Errorf("%v allocations for a map of %d", n, len(items))
	}
}

func BenchmarkAppendPairs(b *testing.B) {
	random, pairs := rand.New(rand.NewPCG(7, 8)), make([]Pair, 64)
	for i := range pairs {
		pairs[i] = Pair{fmt.Appendf(nil, "key%08d", random.IntN(100_000)), make([]byte, 128)}
	}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendPairs(buf[:0], pairs)
	}
}
