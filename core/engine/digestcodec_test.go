package engine

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

var (
	someParts   = []core.NamedDigest{{Name: "kv", Digest: 0x0807060504030201}, {Name: "q", Digest: 9}}
	someVerdict = verdict{ruling: undecided, parts: []string{"kv", "q"}}
)

// The formats are promises to other versions: these bytes may not change.
func TestDigestFormatsAreStable(t *testing.T) {
	for _, c := range []struct {
		got  []byte
		want string
	}{
		{AppendParts(nil, someParts), "02" + "026b76" + "0102030405060708" + "0171" + "0900000000000000"},
		{someVerdict.append(nil), "03" + "02" + "026b76" + "0171"},
	} {
		if got := hex.EncodeToString(c.got); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
	parts, err := decodeParts(AppendParts(nil, someParts))
	if err != nil || !slices.Equal(parts, someParts) {
		t.Errorf("got %v, %v, want %v", parts, err, someParts)
	}
	v, err := decodeVerdict(someVerdict.append(nil))
	if err != nil || !reflect.DeepEqual(v, someVerdict) {
		t.Errorf("got %v, %v, want %v", v, err, someVerdict)
	}
}

// What exceeds a limit is cut off, and what is left can be read.
func TestPartsAreBounded(t *testing.T) {
	var many []core.NamedDigest
	for i := range 3 * maxParts {
		name := fmt.Sprint(i) + strings.Repeat("n", 2*maxPartBytes)
		many = append(many, core.NamedDigest{Name: name, Digest: uint64(i)})
	}
	data := AppendParts(nil, many)
	got, err := decodeParts(data)
	if err != nil || len(got) != maxParts || len(got[0].Name) != maxPartBytes ||
		len(data) > maxPartsBytes {
		t.Errorf("got %d parts in %d bytes, %v", len(got), len(data), err)
	}
}

func TestDamagedPartsAreRefused(t *testing.T) {
	parts, sample := AppendParts(nil, someParts), someVerdict.append(nil)
	for n := range len(parts) {
		if _, err := decodeParts(parts[:n]); err == nil {
			t.Errorf("parts cut to %d bytes: no error", n)
		}
	}
	for n := range len(sample) {
		if _, err := decodeVerdict(sample[:n]); err == nil {
			t.Errorf("verdict cut to %d bytes: no error", n)
		}
	}
	for _, data := range [][]byte{append(parts, 0), {65}, {0xff, 0xff, 0xff, 0xff, 0x0f}} {
		if _, err := decodeParts(data); err == nil {
			t.Errorf("parts %x: no error", data)
		}
	}
	for _, data := range [][]byte{append(sample, 0), {0, 0}, {4, 0}, {1, 65}} {
		if _, err := decodeVerdict(data); err == nil {
			t.Errorf("verdict %x: no error", data)
		}
	}
}

func FuzzParts(f *testing.F) {
	f.Add(AppendParts(nil, someParts))
	f.Fuzz(func(t *testing.T, data []byte) {
		parts, err := decodeParts(data)
		if err != nil {
			return
		}
		again, err := decodeParts(AppendParts(nil, parts))
		if err != nil || !slices.Equal(again, parts) {
			t.Errorf("got %v, %v, want %v", again, err, parts)
		}
	})
}

func FuzzVerdict(f *testing.F) {
	f.Add(someVerdict.append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := decodeVerdict(data)
		if err != nil {
			return
		}
		again, err := decodeVerdict(v.append(nil))
		if err != nil || !bytes.Equal(again.append(nil), v.append(nil)) {
			t.Errorf("got %v, %v, want %v", again, err, v)
		}
	})
}
