package persisttest

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// Keeper is a keeper of snapshots to be checked.
type Keeper struct {
	// Open opens it in a directory, on this file system or on the machine's, and is called again for
	// the same directory after a crash.
	Open func(fs vfs.FS, dir string) (core.Snapshots, error)
	// Volatile says that nothing is kept over Open.
	Volatile bool
}

// RunSnapshots checks a keeper of snapshots, one subtest for each rule.
func RunSnapshots(t *testing.T, k Keeper) {
	runChecks(t, SnapshotChecks(k), Subject{})
}

// SnapshotChecks returns all checks of a core.Snapshots. Their Run ignores its argument.
func SnapshotChecks(k Keeper) []Check {
	var list []Check
	for _, r := range snapshotRules {
		list = append(list, Check{Name: r.name, Rule: r.rule, Run: func(Subject) error {
			return withBench(Subject{Open: noStore}, func(b *bench) error {
				return r.check(&shelf{Keeper: k, bench: b})
			})
		}})
	}
	return list
}

func noStore(vfs.FS, string) (core.Store, error) { return closed{}, nil }

var snapshotRules = []struct {
	name  string
	rule  string
	check func(*shelf) error
}{
	{"ReadBack", "Open returns the body. Errors: ErrNoSnapshot, ErrCorrupt (the checksum does not " +
		"fit).", checkReadBack},
	{"OnlyOnceCommitted", "it exists only once its writer was committed, whole and durable.",
		checkUncommitted},
	{"CreateAnew", "What an earlier, uncommitted Create left under this name is discarded.",
		checkCreateAnew},
	{"List", "List returns the committed bodies of a group, ascending by position.", checkList},
	{"Retain", "Retain removes the bodies of the group that are not at one of the positions.",
		checkRetain},
	{"CommitPowerCut", "Commit makes the body durable under its name (content, then name, then " +
		"directory) and returns its size in bytes and its checksum (CRC-64/ECMA of the body).",
		checkCommitPowerCut},
}

// shelf is a place where one check of snapshots is made.
type shelf struct {
	Keeper
	bench *bench
}

func (s *shelf) open() (core.Snapshots, error) {
	fs := vfs.NewFaulty(s.bench.disk, func(op vfs.Op) error {
		if s.bench.hook == nil {
			return nil
		}
		return s.bench.hook(op)
	})
	snapshots, err := s.Open(fs, s.bench.dir)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	return snapshots, nil
}

var ecma = crc64.MakeTable(crc64.ECMA)

func randomBody(size int) []byte {
	rng := rand.New(rand.NewPCG(uint64(size), 3))
	body := make([]byte, size)
	for i := range body {
		body[i] = byte(rng.Uint32())
	}
	return body
}

// keep writes a body in pieces of different lengths and commits it.
func keep(s core.Snapshots, g core.GroupID, at core.Position, body []byte) error {
	w, err := s.Create(g, at)
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	rest := body
	for n := 1; len(rest) > 0; n = n*3 + 1 {
		piece := rest[:min(n, len(rest))]
		if _, err := w.Write(piece); err != nil {
			w.Abort()
			return fmt.Errorf("write body: %w", err)
		}
		rest = rest[len(piece):]
	}
	size, sum, err := w.Commit()
	if wanted := crc64.Checksum(body, ecma); err == nil &&
		(size != int64(len(body)) || sum != wanted) {
		err = fmt.Errorf("got size %d, checksum %x, want %d, %x", size, sum, len(body), wanted)
	}
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// same checks that a body reads back as it was written.
func same(s core.Snapshots, g core.GroupID, at core.Position, body []byte) error {
	r, err := s.Open(g, at)
	if err != nil {
		return fmt.Errorf("open %v of group %d: %w", at, g, err)
	}
	defer r.Close()
	if r.Size() != int64(len(body)) || r.Checksum() != crc64.Checksum(body, ecma) {
		return fmt.Errorf("got size %d, checksum %x, want %d, %x",
			r.Size(), r.Checksum(), len(body), crc64.Checksum(body, ecma))
	}
	got, err := io.ReadAll(io.NewSectionReader(r, 0, 1<<40))
	if err != nil || !bytes.Equal(got, body) {
		return fmt.Errorf("read %d bytes: got %d, %w, equal %v",
			len(body), len(got), err, bytes.Equal(got, body))
	}
	rng := rand.New(rand.NewPCG(5, 5))
	for range 50 {
		off := rng.IntN(len(body) + 1)
		buf := make([]byte, rng.IntN(200_000))
		n, err := r.ReadAt(buf, int64(off))
		wanted := min(len(buf), len(body)-off)
		if n != wanted || !bytes.Equal(buf[:n], body[off:off+n]) ||
			(err != nil) != (n < len(buf)) || err != nil && err != io.EOF {
			return fmt.Errorf("read %d bytes at %d of %d: got %d, %w", len(buf), off, len(body), n, err)
		}
	}
	return nil
}

func at(i core.Index) core.Position { return core.Position{Term: core.Term(i)/10 + 1, Index: i} }

func checkReadBack(s *shelf) error {
	k, err := s.open()
	if err != nil {
		return err
	}
	for i, size := range []int{0, 1, 1000, 65_535, 65_536, 65_537, 131_072, 1_000_003} {
		body := randomBody(size)
		if err := errors.Join(keep(k, 1, at(core.Index(i+1)), body),
			same(k, 1, at(core.Index(i+1)), body)); err != nil {
			return fmt.Errorf("body of %d bytes: %w", size, err)
		}
	}
	for _, p := range []core.Position{at(100), {Term: 9, Index: 1}} {
		_, err := k.Open(1, p)
		if err := want("open of no snapshot", err, core.ErrNoSnapshot); err != nil {
			return err
		}
	}
	_, err = k.Open(2, at(1))
	return want("open of another group's", err, core.ErrNoSnapshot)
}

func checkUncommitted(s *shelf) error {
	k, err := s.open()
	if err != nil {
		return err
	}
	for _, end := range []func(core.SnapshotWriter){core.SnapshotWriter.Abort,
		func(core.SnapshotWriter) {}} {
		w, err := k.Create(1, at(7))
		if err != nil {
			return err
		}
		if _, err := w.Write(randomBody(100_000)); err != nil {
			return err
		}
		end(w)
		_, err = k.Open(1, at(7))
		if err := want("open of what was not committed", err, core.ErrNoSnapshot); err != nil {
			return err
		}
		if list, err := k.List(1); err != nil || len(list) > 0 {
			return fmt.Errorf("list of what was not committed: got %v, %w", list, err)
		}
	}
	return nil
}

func checkCreateAnew(s *shelf) error {
	k, err := s.open()
	if err != nil {
		return err
	}
	w, err := k.Create(1, at(7))
	if err != nil {
		return err
	}
	if _, err := w.Write(randomBody(300_000)); err != nil {
		return err
	}
	body := randomBody(1000)
	return errors.Join(keep(k, 1, at(7), body), same(k, 1, at(7), body))
}

func checkList(s *shelf) error {
	k, err := s.open()
	if err != nil {
		return err
	}
	for _, i := range []core.Index{300, 20, 1, 100} {
		if err := errors.Join(keep(k, 1, at(i), randomBody(10)), keep(k, 2, at(i+5), nil)); err != nil {
			return err
		}
	}
	return listed(k, 1, at(1), at(20), at(100), at(300))
}

func listed(k core.Snapshots, g core.GroupID, wanted ...core.Position) error {
	got, err := k.List(g)
	if err != nil || !slices.Equal(got, wanted) {
		return fmt.Errorf("list of group %d: got %v, %v, want %v", g, got, err, wanted)
	}
	return nil
}

func checkRetain(s *shelf) error {
	k, err := s.open()
	if err != nil {
		return err
	}
	for i := range core.Index(5) {
		if err := errors.Join(keep(k, 1, at(i), randomBody(10)), keep(k, 2, at(i), nil)); err != nil {
			return err
		}
	}
	err = errors.Join(k.Retain(1, at(3), at(1), at(99)), listed(k, 1, at(1), at(3)),
		same(k, 1, at(3), randomBody(10)), k.Retain(1), listed(k, 1),
		listed(k, 2, at(0), at(1), at(2), at(3), at(4)))
	if err != nil {
		return err
	}
	_, err = k.Open(1, at(3))
	return want("open of what was not retained", err, core.ErrNoSnapshot)
}

// checkCommitPowerCut cuts the power before every operation: a body that was committed is there and
// whole, and one that was not is there whole or not at all.
func checkCommitPowerCut(s *shelf) error {
	for n := 1; n < maxOps; n++ {
		cut := &countdown{at: n, more: true, fault: errPower}
		fresh := &shelf{Keeper: s.Keeper,
			bench: &bench{disk: vfs.NewMemory(uint64(n)), hook: cut.hook, dir: s.bench.dir}}
		committed := map[core.Index]bool{}
		k, err := fresh.open()
		for i := core.Index(1); i <= 3 && err == nil; i++ {
			err = keep(k, 1, at(i), randomBody(70_000*int(i)))
			committed[i] = err == nil
		}
		if cut.at == n || s.Volatile {
			return ErrNotApplicable
		}
		fresh.bench.disk, fresh.bench.hook = fresh.bench.disk.Crash(), nil
		if err := fresh.survived(committed); err != nil {
			return fmt.Errorf("power cut before %v: %w", cut.hit, err)
		}
		if cut.at > 0 {
			return nil
		}
	}
	return fmt.Errorf("more than %d operations", maxOps)
}

func (s *shelf) survived(committed map[core.Index]bool) error {
	k, err := s.open()
	if err != nil {
		return err
	}
	list, err := k.List(1)
	if err != nil {
		return err
	}
	for i := core.Index(1); i <= 3; i++ {
		body := randomBody(70_000 * int(i))
		if slices.Contains(list, at(i)) {
			err = same(k, 1, at(i), body)
		} else if committed[i] {
			err = fmt.Errorf("snapshot %v was committed and is not there", at(i))
		} else {
			err = errors.Join(keep(k, 1, at(i), body), same(k, 1, at(i), body))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
