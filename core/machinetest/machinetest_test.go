package machinetest_test

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/machinetest"
)

// ledger counts letters: a command is one letter, or a minus in front of one to forget it. It keeps
// the contract but for what is in flaw, which is the name of the check that has to see it.
type ledger struct {
	flaw   string
	mu     sync.Mutex
	counts map[byte]int
	calls  int
}

func (l *ledger) Apply(dst []core.Result, entries []core.Entry) ([]core.Result, error) {
	for _, e := range entries {
		r, err := l.apply(e.Data)
		if err != nil {
			return nil, err
		}
		if dst = append(dst, r); l.flaw == "Results" && len(entries) > 1 {
			dst = append(dst, r)
		}
	}
	return dst, nil
}

func (l *ledger) apply(data []byte) (core.Result, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	switch {
	case l.flaw == "ReadOnly" && len(data) > 0:
		data[0] ^= 1
	case l.flaw == "Deterministic" && rand.IntN(4) == 0:
		return core.Result{Value: []byte("?")}, nil
	}
	switch {
	case len(data) == 1 && data[0] >= 'a' && data[0] <= 'z':
		l.counts[data[0]]++
		return core.Result{Value: fmt.Append(nil, l.counts[data[0]])}, nil
	case len(data) == 2 && data[0] == '-' && l.counts[data[1]] > 0:
		delete(l.counts, data[1])
		return core.Result{}, nil
	case l.flaw == "Nonsense" && len(data) > 100:
		return core.Result{}, errors.New("what is that?")
	case l.flaw == "FailureLeavesNoTrace":
		l.counts['!']++
	}
	return core.Result{Failure: &core.Failure{Code: "no", Message: "no such letter"}}, nil
}

func (l *ledger) Query(request []byte) core.Result {
	if l.flaw == "QueryReads" {
		l.counts['?']++
	}
	return core.Result{Value: fmt.Append(nil, l.text())}
}

func (l *ledger) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	letters := slices.Sorted(maps.Keys(l.counts))
	for _, letter := range letters {
		fmt.Fprintf(&b, "%c%d;", letter, l.counts[letter])
	}
	if l.flaw == "EqualStates" { // history shows
		fmt.Fprintf(&b, "#%d;", l.calls)
	}
	return b.String()
}

func (l *ledger) Snapshot() (core.Snapshot, error) {
	if l.flaw == "SnapshotIsFrozen" || l.flaw == "SnapshotBesideApply" {
		return late{l, l.called()}, nil
	}
	return frozen(l.text()), nil
}

type frozen string

func (f frozen) WriteTo(w io.Writer) (int64, error) {
	n, err := io.WriteString(w, string(f))
	return int64(n), err
}
func (frozen) Release() {}

// late looks at the machine when it is written, and waits a moment for it to go on.
type late struct {
	of   *ledger
	when int
}

func (s late) WriteTo(w io.Writer) (int64, error) {
	for range 100 {
		if s.of.called() > s.when {
			break
		}
		<-time.After(time.Millisecond)
	}
	return frozen(s.of.text()).WriteTo(w)
}
func (late) Release() {}

func (l *ledger) called() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calls
}

func (l *ledger) Restore(r io.Reader) error {
	body, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if l.flaw != "RestoreReplaces" {
		clear(l.counts)
	}
	for rest := body; len(rest) > 0; {
		var line []byte
		var letter byte
		var n int
		line, rest, _ = bytes.Cut(rest, []byte(";"))
		if _, err = fmt.Sscanf(string(line), "%c%d", &letter, &n); err != nil {
			break
		}
		l.counts[letter] = n
	}
	if l.flaw != "RestoreRefuses" && l.text() != string(body) {
		return &core.CorruptError{Path: "snapshot", Offset: -1, Err: errors.New("not canonical")}
	}
	return nil
}

func (l *ledger) Close() error { return nil }

func (l *ledger) View() (core.View, error) {
	if l.flaw == "View" {
		return view{l, l.calls}, nil
	}
	return view{&ledger{flaw: l.flaw, counts: maps.Clone(l.counts)}, 0}, nil
}

type view struct {
	*ledger
	when int
}

func (v view) Query(request []byte) core.Result {
	if v.flaw == "View" {
		return core.Result{Value: fmt.Append(nil, v.when, rand.IntN(1000))}
	}
	return v.ledger.Query(request)
}

// QueryAll implements core.BatchView.
func (v view) QueryAll(requests []core.Request, answered func(int, core.Result)) {
	for i := range requests {
		switch v.flaw {
		case "another's answer":
			answered(i, core.Result{Value: []byte("another's")})
		case "no answer":
		case "disorder":
			answered(len(requests)-i, v.Query(requests[i].Data))
		default:
			answered(i, v.Query(requests[i].Data))
		}
	}
}

func (view) Release() {}

func TestViewsThatAnswerManyAtOnceAreChecked(t *testing.T) {
	for _, flaw := range []string{"another's answer", "no answer", "disorder"} {
		for _, c := range machinetest.Checks() {
			if err := subject(flaw).Verify(c); (err != nil) != (c.Name == "View") {
				t.Errorf("%s: %s: got %v", flaw, c.Name, err)
			}
		}
	}
}

func (l *ledger) Digest() uint64 {
	hash := fnv.New64a()
	_, _ = io.WriteString(hash, l.text()) // never fails, says package hash
	if l.flaw == "Digest" {
		return hash.Sum64() & 7
	}
	return hash.Sum64()
}

func subject(flaw string) machinetest.Subject {
	s := machinetest.Subject{Queries: [][]byte{[]byte("all")}}
	for i := range 60 {
		letter := byte('a' + i%5)
		s.Commands = append(s.Commands, []byte{letter}, []byte{'-', letter}, []byte{'-', 'z'},
			[]byte{letter + 1})
	}
	s.Commands = append(s.Commands, []byte("x"))
	s.Open = func() (core.StateMachine, error) {
		return &ledger{flaw: flaw, counts: map[byte]int{}}, nil
	}
	return s
}

func TestSoundMachinePasses(t *testing.T) { machinetest.Run(t, subject("")) }

func TestEveryCheckSeesItsFlaw(t *testing.T) {
	for _, c := range machinetest.Checks() {
		err := subject(c.Name).Verify(c)
		if err == nil || !strings.Contains(err.Error(), c.Rule) {
			t.Errorf("%s: got %v, want it to name the rule %q", c.Name, err, c.Rule)
		}
	}
}

// bare offers nothing that is optional.
type bare struct{ core.StateMachine }

func TestOptionalChecksDoNotApplyToABareMachine(t *testing.T) {
	s := subject("")
	open := s.Open
	s.Open = func() (core.StateMachine, error) {
		m, err := open()
		return bare{m}, err
	}
	for _, c := range machinetest.Checks() {
		err := s.Verify(c)
		if optional := c.Name == "View" || c.Name == "Digest"; optional !=
			errors.Is(err, machinetest.ErrNotApplicable) || !optional && err != nil {
			t.Errorf("%s: got %v", c.Name, err)
		}
	}
}
