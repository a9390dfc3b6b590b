package system

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
	"github.com/tidelock-raft/tidelock/scripting/value"
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
	var written bytes.Buffer
	n, err := kv.View().WriteTo(&written)
	if err != nil || n != int64(written.Len()) {
		t.Fatalf("wrote %d of %d bytes: %v", n, written.Len(), err)
	}
	if err := other.Restore(&written); err != nil {
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

// TestViewStays has a view, and one of a copy, keep what they held while everything is overwritten.
func TestViewStays(t *testing.T) {
	var kv KV
	put := func(value string, items int) {
		var b Batch
		for i := range items {
			b = AppendPut(b, fmt.Sprint(i), []byte(value))
		}
		if err := kv.Batch(func(put func([]byte) error) error { return put(b) }); err != nil {
			t.Fatal(err)
		}
	}
	var views []View
	for n := range 3 {
		put(fmt.Sprint(n), (n+1)*shards)
		views = append(views, kv.View())
	}
	put("new", 3*shards)
	put("newer", 4*shards)
	for n, v := range views {
		items := 0
		for _, shard := range v {
			for key, number := range shard.numbers {
				if items++; string(shard.values[number]) != fmt.Sprint(n) {
					t.Fatalf("view %d: %s is %s", n, key, shard.values[number])
				}
			}
		}
		if items != (n+1)*shards {
			t.Errorf("view %d has %d items, want %d", n, items, (n+1)*shards)
		}
	}
	if got, err := kv.Get("0"); err != nil || string(got) != "newer" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestKVRefusesWhatIsNoBatch(t *testing.T) {
	whole := AppendPut(AppendPut(nil, "a", []byte("1")), "b", []byte("2"))
	for n := range whole {
		err := new(KV).Batch(func(put func([]byte) error) error { return put(whole[:n]) })
		if fits := n == len(whole)/2; fits != (err == nil) || !fits && !errors.Is(err, errCommand) {
			t.Errorf("%d bytes: got %v", n, err)
		}
	}
}

func FuzzKVRestore(f *testing.F) {
	var kv KV
	_ = kv.put(AppendPut(nil, "key", []byte("v")))
	var written bytes.Buffer
	_, _ = kv.View().WriteTo(&written)
	f.Add(written.Bytes())
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		var kv, again KV
		if kv.Restore(bytes.NewReader(data)) != nil {
			return
		}
		var written bytes.Buffer
		if _, err := kv.View().WriteTo(&written); err != nil {
			t.Fatal(err)
		}
		if err := again.Restore(&written); err != nil {
			t.Fatal(err)
		}
		for _, shard := range kv.View() {
			for key, number := range shard.numbers {
				if got, err := again.Get(key); err != nil || !bytes.Equal(got, shard.values[number]) {
					t.Errorf("%q: got %q, %v, want %q", key, got, err, shard.values[number])
				}
			}
		}
	})
}

// TestTidelockPutsBatches has its script put two keys, one of them twice, and read that one.
func TestTidelockPutsBatches(t *testing.T) {
	m, err := scripting.New(scripting.Default(), scripting.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var b Batch
	for _, pair := range []string{"b1", "a0", "b2"} {
		b = AppendPut(b, pair[:1], []byte(pair[1:]))
	}
	data, err := putsCall(b)
	if err != nil {
		t.Fatal(err)
	}
	results, err := m.Apply(nil, []core.Entry{{
		Position: core.Position{Term: 1, Index: 1}, Kind: core.EntryCommand, Data: data,
	}})
	if err != nil || results[0].Failure != nil {
		t.Fatalf("got %v, %v", results, err)
	}
	got := m.Query(newCall("get", "b", 1, 0))
	if want := value.AppendString(nil, "2"); !bytes.Equal(got.Value, want) {
		t.Errorf("got %+v, want %x", got, want)
	}
	if _, err := putsCall(Batch("torn")); !errors.Is(err, errCommand) {
		t.Errorf("got %v", err)
	}
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
