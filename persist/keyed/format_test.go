package keyed

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

func sampleState() core.State {
	return core.State{
		Hard:  core.HardState{Term: 0x11, Vote: 0x12, Commit: 0x13},
		Start: core.Position{Term: 0x14, Index: 0x15}, Last: core.Position{Term: 0x16, Index: 0x17},
		Snapshot: core.SnapshotMeta{Position: core.Position{Term: 0x18, Index: 0x19}, Time: 0x1a,
			Size: 0x1b, Checksum: 0x1c, Membership: core.Membership{
				Members: []core.Member{{ID: 0x1d, Role: core.Voter, Addr: "a:1"}}}},
	}
}

func sampleEntry() core.Entry {
	return core.Entry{Position: core.Position{Term: 0x21, Index: 0x22}, Time: 0x23,
		Kind: core.EntryCommand, Data: []byte("data")}
}

// TestGoldenBytes keeps the format: what was written once must be read for ever.
func TestGoldenBytes(t *testing.T) {
	st, e := sampleState(), sampleEntry()
	stateK, entryK := appendStateKey(nil, 0x31), appendEntryKey(nil, 0x31, e.Index)
	stateV, entryV := appendState(nil, stateK, &st), appendEntry(nil, entryK, &e)
	for what, c := range map[string]struct {
		got  []byte
		want string
	}{
		"format":    {appendFormat(nil), goldenFormat},
		"state key": {stateK, "010000000000000031"},
		"entry key": {entryK, "0200000000000000310000000000000022"},
		"entry":     {entryV, goldenEntry},
	} {
		if got := hex.EncodeToString(c.got); got != c.want {
			t.Errorf("%s: got %s, want %s", what, got, c.want)
		}
	}
	if got := hex.EncodeToString(stateV[:stateFixed]); got != goldenState {
		t.Errorf("state: got %s, want %s", got, goldenState)
	}
	if got, err := decodeState(stateK, stateV); err != nil || !reflect.DeepEqual(got, st) {
		t.Errorf("state: got %+v, %v, want %+v", got, err, st)
	}
	if got, err := decodeEntry(entryK, entryV); err != nil || !reflect.DeepEqual(got, e) {
		t.Errorf("entry: got %+v, %v, want %+v", got, err, e)
	}
}

const (
	goldenFormat = "746964656b65790a01000000aab6fa7c"
	goldenEntry  = "21000000000000002300000000000000026461746112b8c8e8"
	goldenState  = "11000000000000001200000000000000130000000000000014000000000000001500000000000000" +
		"16000000000000001700000000000000"
)

func TestEveryFlippedBitIsFound(t *testing.T) {
	st, e := sampleState(), sampleEntry()
	stateK, entryK := appendStateKey(nil, 0x31), appendEntryKey(nil, 0x31, e.Index)
	for what, c := range map[string]struct {
		key, value []byte
		decode     func(key, value []byte) error
	}{
		"format": {formatKey, appendFormat(nil), func(_, value []byte) error {
			return checkFormat(value)
		}},
		"state": {stateK, appendState(nil, stateK, &st), func(key, value []byte) error {
			_, err := decodeState(key, value)
			return err
		}},
		"entry": {entryK, appendEntry(nil, entryK, &e), func(key, value []byte) error {
			_, err := decodeEntry(key, value)
			return err
		}},
	} {
		if err := c.decode(c.key, c.value); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		for bit := range 8 * (len(c.value)) {
			value := bytes.Clone(c.value)
			value[bit/8] ^= 1 << (bit % 8)
			if c.decode(c.key, value) == nil {
				t.Errorf("%s: bit %d is not found", what, bit)
			}
		}
		other := bytes.Clone(c.key)
		other[len(other)-1] ^= 1
		if what != "format" && c.decode(other, c.value) == nil {
			t.Errorf("%s: verifies under another key", what)
		}
	}
	if err := checkFormat([]byte("somebody else's")); !errors.Is(err, ErrForeign) {
		t.Errorf("got %v, want ErrForeign", err)
	}
}

func FuzzDecode(f *testing.F) {
	st, e := sampleState(), sampleEntry()
	stateK, entryK := appendStateKey(nil, 0x31), appendEntryKey(nil, 0x31, e.Index)
	f.Add(stateK, appendState(nil, stateK, &st))
	f.Add(entryK, appendEntry(nil, entryK, &e))
	f.Add(formatKey, appendFormat(nil))
	f.Fuzz(func(t *testing.T, key, value []byte) {
		sealed := appendSum(bytes.Clone(value), 0, key) // so that more than the sum is tried
		for _, value := range [][]byte{value, sealed} {
			if st, err := decodeState(key, value); err == nil {
				if got := appendState(nil, key, &st); !bytes.Equal(got, value) {
					t.Errorf("state: got %x, want %x", got, value)
				}
			}
			if e, err := decodeEntry(key, value); err == nil {
				if got := appendEntry(nil, key, &e); !bytes.Equal(got, value) {
					t.Errorf("entry: got %x, want %x", got, value)
				}
			}
			_ = checkFormat(value) // must not panic
		}
	})
}
