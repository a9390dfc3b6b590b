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
	for _, atOnce := range []int{1, 7, len(b.Commands)} {
		m, err := b.open()
		if err != nil {
			return err
		}
		got, err := apply(m, b.entries(), atOnce)
		if err != nil {
			return err
		}
		for i := range min(len(got), len(b.results)) {
			if !equal(got[i], b.results[i]) {
				return fmt.Errorf("command %d: got %s, want %s as the first time", i, show(got[i]),
					show(b.results[i]))
			}
		}
		if err := same(fmt.Sprintf("commands in batches of %d", atOnce), m, b.state); err != nil {
			return err
		}
	}
	return nil
}

func checkResults(b *bench) error {
	mark := core.Result{Value: []byte("mark")}
	got, err := b.machine.Apply([]core.Result{mark}, b.rest)
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
	for i := range b.rest {
		b.rest[i].Data = bytes.Clone(b.rest[i].Data)
	}
	if _, err := apply(b.machine, b.rest, 7); err != nil {
		return err
	}
	for i, e := range b.rest {
		if !bytes.Equal(e.Data, b.Commands[i]) {
			return fmt.Errorf("command %d is %.60q by now, was %.60q", i, e.Data, b.Commands[i])
		}
	}
	return nil
}

func checkFailures(b *bench) error {
	failed := 0
	for i, e := range b.rest {
		before, err := state(b.machine)
		if err != nil {
			return err
		}
		results, err := apply(b.machine, []core.Entry{e}, 1)
		if err != nil {
			return err
		}
		if results[0].Failure == nil {
			continue
		}
		failed++
		what := fmt.Sprintf("command %d failed (%s)", i, show(results[0]))
		if err := same(what, b.machine, before); err != nil {
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
	nonsense := [][]byte{nil, {0}, {255}, bytes.Repeat([]byte{0x91}, 5000), []byte("nonsense")}
	for i, c := range b.Commands[:min(len(b.Commands), 20)] {
		flipped := bytes.Clone(c)
		if len(flipped) > 0 {
			flipped[i%len(flipped)] ^= 0x55
		}
		nonsense = append(nonsense, c[:len(c)/2], flipped)
	}
	for i, data := range nonsense {
		e := entry(len(b.Commands)+i, data)
		if _, err := apply(b.machine, []core.Entry{e}, 1); err != nil {
			return fmt.Errorf("command %.60q: %w", data, err)
		}
		b.machine.Query(data)
	}
	return nil
}

func checkQueries(b *bench) error {
	for i, q := range append(b.Queries, b.Commands...) {
		if first, second := b.machine.Query(q), b.machine.Query(q); !equal(first, second) {
			return fmt.Errorf("query %d: got %s, then %s", i, show(first), show(second))
		}
	}
	return same("after queries", b.machine, b.state)
}

func checkFrozen(b *bench) error {
	s, err := b.machine.Snapshot()
	if err != nil {
		return err
	}
	defer s.Release()
	if _, err := apply(b.machine, b.rest, 1); err != nil {
		return err
	}
	return b.holds(s, "commands that came after the snapshot show in it")
}

func checkBeside(b *bench) error {
	s, err := b.machine.Snapshot()
	if err != nil {
		return err
	}
	return b.beside(func() error {
		defer s.Release()
		return b.holds(s, "commands that were carried out beside WriteTo show in it")
	})
}

// holds reports otherwise if a snapshot does not hold the state that the machine began with.
func (b *bench) holds(s core.Snapshot, otherwise string) error {
	got, err := written(s)
	if err == nil && !bytes.Equal(got, b.state) {
		err = errors.New(otherwise)
	}
	return err
}

// beside does something in a goroutine of its own while the machine carries out the rest.
func (b *bench) beside(do func() error) error {
	var failed error
	var doing sync.WaitGroup
	doing.Go(func() { failed = do() }) // ended by itself
	_, err := apply(b.machine, b.rest, 1)
	doing.Wait()
	return errors.Join(err, failed)
}

// checkEqualStates compares a machine that has carried out everything with one that was restored
// half-way.
func checkEqualStates(b *bench) error {
	restored, err := b.copy()
	if err != nil {
		return err
	}
	for _, m := range []core.StateMachine{b.machine, restored} {
		if _, err := apply(m, b.rest, 1); err != nil {
			return err
		}
	}
	want, err := state(b.machine)
	if err != nil {
		return err
	}
	return same("restored half-way", restored, want)
}

// copy opens a machine and restores in it the state of the bench's own, as it is by now.
func (b *bench) copy() (core.StateMachine, error) {
	body, err := state(b.machine)
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
	if _, err := apply(b.machine, b.rest, 7); err != nil {
		return err
	}
	if err := restore(b.machine, b.state); err != nil {
		return err
	}
	return same("restored in a machine with a state", b.machine, b.state)
}

// damages is how many places of a snapshot are damaged.
const damages = 64

func checkRestoreRefuses(b *bench) error {
	bad := [][]byte{append(bytes.Clone(b.state), 0), bytes.Repeat([]byte{0xff}, 4096)}
	for i := 0; i < len(b.state); i += 1 + len(b.state)/damages {
		flipped := bytes.Clone(b.state)
		flipped[i] ^= 0x10
		bad = append(bad, b.state[:i], flipped)
	}
	for _, body := range bad {
		err := b.machine.Restore(bytes.NewReader(body))
		if err == nil { // then it has to be what a Snapshot writes
			err = same("damage was accepted", b.machine, body)
		} else if errors.Is(err, core.ErrCorrupt) {
			err = nil
		}
		if err != nil {
			return fmt.Errorf("%.60q: %w", body, err)
		}
		if err := restore(b.machine, b.state); err != nil {
			return fmt.Errorf("after a Restore that failed: %w", err)
		}
	}
	return same("restored after damage", b.machine, b.state)
}

func checkView(b *bench) error {
	reader, ok := b.machine.(core.Reader)
	if !ok {
		return fmt.Errorf("%w: it is no core.Reader", ErrNotApplicable)
	}
	var want []core.Result
	for _, q := range b.Queries {
		want = append(want, reader.Query(q))
	}
	view, err := reader.View()
	if err != nil {
		return err
	}
	return b.beside(func() error {
		defer view.Release()
		for i, q := range b.Queries {
			if got := view.Query(q); !equal(got, want[i]) {
				return fmt.Errorf("query %d of a view: got %s, want %s", i, show(got), show(want[i]))
			}
		}
		return b.queryAll(view, want)
	})
}

// queryAll compares what a view answers to many queries at once, if it can.
func (b *bench) queryAll(view core.View, want []core.Result) (err error) {
	all, ok := view.(core.BatchView)
	if !ok {
		return nil
	}
	requests, next := make([]core.Request, len(b.Queries)), 0
	for i, q := range b.Queries {
		requests[i].Data = q
	}
	all.QueryAll(requests, func(i int, got core.Result) {
		if err == nil && (i != next || !equal(got, want[i])) {
			err = fmt.Errorf("answer %d of many is to query %d: got %s", next, i, show(got))
		}
		next++
	})
	if err == nil && next != len(want) {
		err = fmt.Errorf("%d answers to %d queries at once", next, len(want))
	}
	return err
}

// checkDigest takes the digest after each command: it tells the states apart that snapshots do.
func checkDigest(b *bench) error {
	d, ok := b.machine.(core.Digester)
	if !ok {
		return fmt.Errorf("%w: it is no core.Digester", ErrNotApplicable)
	}
	digests, states := map[string]uint64{}, map[uint64]string{}
	for i, e := range b.rest {
		if _, err := apply(d, []core.Entry{e}, 1); err != nil {
			return err
		}
		body, err := state(d)
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
	restored, err := b.copy()
	if err != nil {
		return err
	}
	if got := restored.(core.Digester).Digest(); got != d.Digest() {
		return fmt.Errorf("restored, the digest is %x, want %x", got, d.Digest())
	}
	return nil
}
