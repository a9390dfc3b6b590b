package system

import (
	"bytes"
	"errors"
	"testing"
)

// fill puts pairs of keys and values.
func fill(t *testing.T, kv *KV, pairs ...string) {
	t.Helper()
	err := kv.Batch(func(put func([]byte) error) error {
		for i := 0; i < len(pairs); i += 2 {
			if err := put(AppendPut(nil, pairs[i], []byte(pairs[i+1]))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestKVKeepsTheNewestValue(t *testing.T) {
	var kv, other KV
	fill(t, &kv, "a", "1", "b", "2", "a", "3")
	fill(t, &other, "c", "4")
	if err := other.Decode(kv.Encode()); err != nil {
		t.Fatal(err)
	}
	for _, kv := range []*KV{&kv, &other} {
		for key, want := range map[string]string{"a": "3", "b": "2"} {
			if got, err := kv.Get(key); err != nil || string(got) != want {
				t.Errorf("%s: got %q, %v, want %q", key, got, err, want)
			}
		}
		if _, err := kv.Get("c"); !errors.Is(err, ErrNotFound) {
			t.Errorf("got %v", err)
		}
	}
}

func FuzzKVDecode(f *testing.F) {
	var kv KV
	_ = kv.Batch(func(put func([]byte) error) error { return put(AppendPut(nil, "key", []byte("v"))) })
	f.Add(kv.Encode())
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		var kv, again KV
		if kv.Decode(data) != nil {
			return
		}
		if err := again.Decode(kv.Encode()); err != nil {
			t.Fatal(err)
		}
		for key, value := range kv.items {
			if got, err := again.Get(key); err != nil || !bytes.Equal(got, *value) {
				t.Errorf("%q: got %q, %v, want %q", key, got, err, *value)
			}
		}
	})
}

// TestProposalsAreSettledInOrder has those that a new leader has dropped fail, and those of other
// replicas pass by.
func TestProposalsAreSettledInOrder(t *testing.T) {
	n := &etcdNode{id: 2}
	var slots []*slot
	for id := range uint64(3) {
		s := newSlot()
		s.id = id + 1
		slots = append(slots, s)
	}
	n.ahead = slots
	entry := func(id, node uint64) []byte { return []byte{byte(id<<2 | node), 0, 0, 0, 0, 0, 0, 0, 1} }
	n.settle(entry(3, 1), nil)
	n.settle(nil, nil)
	if len(n.ahead) != 3 {
		t.Fatalf("%d wait, want 3", len(n.ahead))
	}
	n.settle(entry(2, 2), nil)
	for i, want := range []error{errDropped, nil} {
		if err := slots[i].Wait(); !errors.Is(err, want) {
			t.Errorf("%d: got %v, want %v", i, err, want)
		}
	}
	if len(n.ahead) != 1 {
		t.Errorf("%d wait, want 1", len(n.ahead))
	}
}
