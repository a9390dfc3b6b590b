package machinetest

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	"github.com/tidelock-raft/tidelock/core"
)

// checkDeterministic carries the commands out one by one, some at a time, and all at once.
func checkDeterministic(b *bench) error {
	entries := b.entries()
	one, want, err := b.after(entries, 1)
	if err != nil {
		return err
	}
	first, err := state(one)
	for _, atOnce := range []int{1, 7, len(entries)} {
		if err != nil {
			return err
		}
		var m core.StateMachine
		var got []core.Result
		if m, got, err = b.after(entries, atOnce); err != nil {
			return err
		}
		for i := range min(len(got), len(want)) {
			if !equal(got[i], want[i]) {
				return fmt.Errorf("command %d: got %s, want %s as the first time", i, show(got[i]),
					show(want[i]))
			}
		}
		err = same(fmt.Sprintf("commands in batches of %d", atOnce), m, first)
	}
	return err
}

func checkResults(b *bench) error {
	m, err := b.open()
	if err != nil {
		return err
	}
	mark := core.Result{Value: []byte("mark")}
	got, err := m.Apply([]core.Result{mark}, b.entries())
	switch {
	case err != nil:
		return err
	case len(got) != 1+len(b.Commands):
		return fmt.Errorf("%d results for %d commands behind 1", len(got), len(b.Commands))
	case !equal(got[0], mark):
		return errors.New("what was in dst has changed")
	}
	return nil
}

func checkReadOnly(b *bench) error {
	entries := b.entries()
	for i := range entries {
		entries[i].Data = bytes.Clone(entries[i].Data)
	}
	if _, _, err := b.after(entries, 7); err != nil {
		return err
	}
	for i := range entries {
		if !bytes.Equal(entries[i].Data, b.Commands[i]) {
			return fmt.Errorf("command %d is %.60q by now, was %.60q", i, entries[i].Data, b.Commands[i])
		}
	}
	return nil
}

func checkFailures(b *bench) error {
	m, err := b.open()
	if err != nil {
		return err
	}
	failed := 0
	for i, e := range b.entries() {
		before, err := state(m)
		if err != nil {
			return err
		}
		results, err := apply(m, []core.Entry{e}, 1)
		if err != nil {
			return err
		}
		if results[0].Failure == nil {
			continue
		}
		failed++
		what := fmt.Sprintf("command %d failed (%s)", i, show(results[0]))
		if err := same(what, m, before); err != nil {
			return err
		}
	}
	if failed == 0 {
		return fmt.Errorf("%w: none of its commands fails", ErrNotApplicable)
	}
	return nil
}

// checkNonsense sends what no client means: beginnings of commands, commands with flipped bits, and
// bytes of all kinds.
func checkNonsense(b *bench) error {
	m, _, err := b.after(b.entries(), 7)
	if err != nil {
		return err
	}
	nonsense := [][]byte{nil, {0}, {255}, bytes.Repeat([]byte{0x91}, 5000), []byte("nonsense")}
	for i, c := range b.Commands[:min(len(b.Commands), 20)] {
		flipped := bytes.Clone(c)
		if len(flipped) > 0 {
			flipped[i%len(flipped)] ^= 0x55
		}
		nonsense = append(nonsense, c[:len(c)/2], flipped)
	}
	for i, data := range nonsense {
		if _, err := apply(m, []core.Entry{entry(len(b.Commands)+i, data)}, 1); err != nil {
			return fmt.Errorf("command %.60q: %w", data, err)
		}
		m.Query(data)
	}
	return nil
}

func checkQueries(b *bench) error {
	m, _, err := b.after(b.entries(), 7)
	if err != nil {
		return err
	}
	before, err := state(m)
	if err != nil {
		return err
	}
	for i, q := range append(b.Queries, b.Commands...) {
		if first, second := m.Query(q), m.Query(q); !equal(first, second) {
			return fmt.Errorf("query %d: got %s, then %s", i, show(first), show(second))
		}
	}
	return same("after queries", m, before)
}

// halves returns a machine that has carried out the first half of the commands, and the rest.
func (b *bench) halves() (m core.StateMachine, rest []core.Entry, err error) {
	entries := b.entries()
	n := len(entries) / 2
	m, _, err = b.after(entries[:n], 7)
	return m, entries[n:], err
}

func checkFrozen(b *bench) error {
	m, rest, err := b.halves()
	if err != nil {
		return err
	}
	want, err := state(m)
	if err != nil {
		return err
	}
	s, err := m.Snapshot()
	if err != nil {
		return err
	}
	defer s.Release()
	if _, err := apply(m, rest, 1); err != nil {
		return err
	}
	got, err := written(s)
	if err == nil && !bytes.Equal(got, want) {
		err = errors.New("commands that came after the snapshot show in it")
	}
	return err
}

func checkBeside(b *bench) error {
	m, rest, err := b.halves()
	if err != nil {
		return err
	}
	want, err := state(m)
	if err != nil {
		return err
	}
	s, err := m.Snapshot()
	if err != nil {
		return err
	}
	var got []byte
	var failed error
	var writing sync.WaitGroup
	writing.Go(func() { // ended by itself
		got, failed = written(s)
		s.Release()
	})
	_, err = apply(m, rest, 1)
	writing.Wait()
	if err = errors.Join(err, failed); err == nil && !bytes.Equal(got, want) {
		err = errors.New("commands that were carried out beside WriteTo show in it")
	}
	return err
}

// checkEqualStates compares a machine that has carried out everything with one that was restored
// half-way.
func checkEqualStates(b *bench) error {
	replayed, _, err := b.after(b.entries(), 7)
	if err != nil {
		return err
	}
	want, err := state(replayed)
	if err != nil {
		return err
	}
	half, rest, err := b.halves()
	if err != nil {
		return err
	}
	restored, err := b.copyOf(half)
	if err != nil {
		return err
	}
	if _, err := apply(restored, rest, 1); err != nil {
		return err
	}
	return same("restored half-way", restored, want)
}

// copyOf opens a machine and restores in it the state of another.
func (b *bench) copyOf(m core.StateMachine) (core.StateMachine, error) {
	body, err := state(m)
	if err != nil {
		return nil, err
	}
	fresh, err := b.open()
	if err != nil {
		return nil, err
	}
	return fresh, restore(fresh, body)
}

func restore(m core.StateMachine, body []byte) error {
	if err := m.Restore(bytes.NewReader(body)); err != nil {
		return fmt.Errorf("restore %d bytes: %w", len(body), err)
	}
	return nil
}

func checkRestoreReplaces(b *bench) error {
	half, _, err := b.halves()
	if err != nil {
		return err
	}
	want, err := state(half)
	if err != nil {
		return err
	}
	used, _, err := b.after(b.entries(), 7)
	if err != nil {
		return err
	}
	if err := restore(used, want); err != nil {
		return err
	}
	return same("restored in a machine with a state", used, want)
}

// damages is how many places of a snapshot are damaged.
const damages = 64

func checkRestoreRefuses(b *bench) error {
	m, _, err := b.after(b.entries(), 7)
	if err != nil {
		return err
	}
	sound, err := state(m)
	if err != nil {
		return err
	}
	bad := [][]byte{append(bytes.Clone(sound), 0), bytes.Repeat([]byte{0xff}, 4096)}
	for i := 0; i < len(sound); i += 1 + len(sound)/damages {
		flipped := bytes.Clone(sound)
		flipped[i] ^= 0x10
		bad = append(bad, sound[:i], flipped)
	}
	for _, body := range bad {
		err := m.Restore(bytes.NewReader(body))
		if err == nil { // then it has to be what a Snapshot writes
			err = same("damage was accepted", m, body)
		} else if errors.Is(err, core.ErrCorrupt) {
			err = nil
		}
		if err != nil {
			return fmt.Errorf("%.60q: %w", body, err)
		}
		if err := restore(m, sound); err != nil {
			return fmt.Errorf("after a Restore that failed: %w", err)
		}
	}
	return same("restored after damage", m, sound)
}

func checkView(b *bench) error {
	m, rest, err := b.halves()
	if err != nil {
		return err
	}
	reader, ok := m.(core.Reader)
	if !ok {
		return fmt.Errorf("%w: it is no core.Reader", ErrNotApplicable)
	}
	var want []core.Result
	for _, q := range b.Queries {
		want = append(want, m.Query(q))
	}
	view, err := reader.View()
	if err != nil {
		return err
	}
	var failed error
	var asking sync.WaitGroup
	asking.Go(func() { // ended by itself
		defer view.Release()
		for i, q := range b.Queries {
			if got := view.Query(q); !equal(got, want[i]) {
				failed = fmt.Errorf("query %d of a view: got %s, want %s", i, show(got), show(want[i]))
			}
		}
	})
	_, err = apply(m, rest, 1)
	asking.Wait()
	return errors.Join(err, failed)
}

// checkDigest takes the digest after each command: it tells the states apart that snapshots do.
func checkDigest(b *bench) error {
	m, err := b.open()
	if err != nil {
		return err
	}
	d, ok := m.(core.Digester)
	if !ok {
		return fmt.Errorf("%w: it is no core.Digester", ErrNotApplicable)
	}
	digests, states := map[string]uint64{}, map[uint64]string{}
	for i, e := range b.entries() {
		if _, err := apply(m, []core.Entry{e}, 1); err != nil {
			return err
		}
		body, err := state(m)
		if err != nil {
			return err
		}
		digest, held := d.Digest(), string(body)
		if known, ok := digests[held]; ok && known != digest {
			return fmt.Errorf("command %d: a state seen before has digest %x, had %x", i, digest, known)
		}
		if known, ok := states[digest]; ok && known != held {
			return fmt.Errorf("command %d: two states have digest %x", i, digest)
		}
		digests[held], states[digest] = digest, held
	}
	restored, err := b.copyOf(m)
	if err != nil {
		return err
	}
	if got := restored.(core.Digester).Digest(); got != d.Digest() {
		return fmt.Errorf("restored, the digest is %x, want %x", got, d.Digest())
	}
	return nil
}
