package node

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/engine"
)

// counting is a journal whose views answer many queries at once: each with its own request, behind
// which stands how many commands there were.
type counting struct {
	*journal
	open *atomic.Int64 // views
}

func (c counting) View() (core.View, error) {
	c.open.Add(1)
	return countingView{fmt.Sprint(" ", len(c.commands)), c.open}, nil
}

type countingView struct {
	commands string
	open     *atomic.Int64
}

func (v countingView) Query(request []byte) core.Result {
	return core.Result{Value: append(request[:len(request):len(request)], v.commands...)}
}

func (v countingView) QueryAll(requests []core.Request, answered func(int, core.Result)) {
	for i := range requests {
		answered(i, v.Query(requests[i].Data))
	}
}

func (v countingView) Release() { v.open.Add(-1) }

// stale has stale queries come, with the tokens lo … hi-1.
func (b *bench) stale(caller core.Caller, lo, hi int) {
	for token := lo; token < hi; token++ {
		b.in.Requests = append(b.in.Requests, core.Request{
			Group: core.DefaultGroup, Kind: core.RequestQuery, Level: core.Stale,
			Token: uint64(token), Caller: caller, Data: strconv.AppendInt(nil, int64(token), 10),
		})
	}
	b.handle()
}

// newCountingBench is a bench with a counting machine that is busy: what comes gathers.
func newCountingBench(t *testing.T, maxRequests int) (*bench, counting) {
	t.Helper()
	machine := counting{newJournal(), new(atomic.Int64)}
	b := newBench(t, func(c *Config) {
		c.MaxRequests, c.QueryLanes = maxRequests, 3
		c.Machine = func(core.GroupID) (core.StateMachine, error) { return machine, nil }
	})
	b.machines[0].busy = true
	return b, machine
}

// goOn has the machine do what has gathered, up to where views are queried.
func (b *bench) goOn() {
	b.machines[0].busy = false
	b.handle()
}

// TestQueriesAreShared by as many lanes as there are, each with a view of the same state, however
// many steps they came in; few are not worth it.
func TestQueriesAreShared(t *testing.T) {
	for queries, lanes := range map[int]int{2: 1, minShare: 1, minShare + 1: 2, 20 * minShare: 3} {
		b, machine := newCountingBench(t, 10_000)
		got := answers{}
		b.stale(got, 0, queries/2)
		b.stale(got, queries/2, queries)
		b.goOn()
		if n := machine.open.Load(); int(n) != lanes || len(b.jobs[LaneQuery]) != lanes {
			t.Errorf("%d queries: %d views, want %d", queries, n, lanes)
		}
		b.work(LaneQuery)
		if len(got) != queries || machine.open.Load() != 0 {
			t.Errorf("%d answers, %d views are open", len(got), machine.open.Load())
		}
		for token, r := range got {
			if want := fmt.Sprint(token, " 0"); string(r.Result.Value) != want {
				t.Errorf("query %d: got %s, want %s", token, r.Result.Value, want)
			}
		}
	}
}

// TestViewsAreTakenAtOnce, unless somebody else has the machine: who applies, or freezes.
func TestViewsAreTakenAtOnce(t *testing.T) {
	b, machine := newCountingBench(t, 10_000)
	b.stale(answers{}, 0, 1)
	if machine.open.Load() != 0 {
		t.Error("a view was taken beside Apply")
	}
	b.goOn()
	if machine.open.Load() != 1 {
		t.Error("no view was taken at once")
	}
	b.handle(b.work(LaneQuery)...)
	b.Freeze(core.DefaultGroup, func(f Frozen) { f.Snapshot.Release() })
	b.stale(answers{}, 0, 1)
	if machine.open.Load() != 0 {
		t.Error("a view was taken beside Snapshot")
	}
	b.handle(b.work(LaneApply)...)
	if machine.open.Load() != 1 || b.machines[0].freezing != 0 {
		t.Errorf("%d views are open, %d freeze", machine.open.Load(), b.machines[0].freezing)
	}
}

// TestMemoryOfQueriesIsLentOnce: it comes back when the last of them is answered, with nothing left
// in it.
func TestMemoryOfQueriesIsLentOnce(t *testing.T) {
	b, _ := newCountingBench(t, 10_000)
	queries := make([]core.Request, 2*minShare)
	for i := range queries {
		queries[i] = core.Request{Level: core.Linearizable, Caller: answers{}}
	}
	m := b.machines[0]
	if err := m.query(&engine.Work{Queries: queries}); err != nil {
		t.Fatal(err)
	}
	for i, done := range b.work(LaneQuery) {
		done()
		if got := b.back.Served[i]; got.Queries != minShare || (got.Room != nil) != (i == 1) {
			t.Errorf("share %d: got %d queries, room %v", i, got.Queries, got.Room != nil)
		}
	}
	if slices.ContainsFunc(queries, func(q core.Request) bool { return q.Caller != nil }) {
		t.Error("a caller is held on to")
	}
}

// TestAsManyQueriesAreTakenAsThereIsRoomFor, of some that come together.
func TestAsManyQueriesAreTakenAsThereIsRoomFor(t *testing.T) {
	b, _ := newCountingBench(t, 4)
	got := answers{}
	b.stale(got, 0, 5)
	b.goOn()
	b.work(LaneQuery)
	for token, r := range got {
		if refused := errors.Is(r.Err, core.ErrBusy); refused != (token >= 4) {
			t.Errorf("query %d: got %v", token, r.Err)
		}
	}
	if len(got) != 5 || b.queries.Load() != 0 {
		t.Errorf("%d answers, and %d queries wait", len(got), b.queries.Load())
	}
}

// TestQueriesThatAreRefusedAreNotHeldOnTo by the memory that they came in.
func TestQueriesThatAreRefusedAreNotHeldOnTo(t *testing.T) {
	b, _ := newCountingBench(t, 4)
	queries := make([]core.Request, 6)
	for i := range queries {
		queries[i] = core.Request{Caller: answers{}, Data: []byte("x")}
	}
	b.machines[0].add(engine.Work{Queries: queries})
	for i, q := range queries {
		if held := q.Caller != nil; held != (i < 4) {
			t.Errorf("query %d: held %v", i, held)
		}
	}
}

// TestBytesOfQueriesAreBounded while they wait, and not afterwards.
func TestBytesOfQueriesAreBounded(t *testing.T) {
	b, _ := newCountingBench(t, 10_000) // with a query of one byte
	b.config.MaxRequestBytes = 4
	for range 2 {
		got := answers{}
		b.stale(got, 0, 5)
		b.goOn()
		b.work(LaneQuery)
		refused := 0
		for _, r := range got {
			if errors.Is(r.Err, core.ErrBusy) {
				refused++
			}
		}
		if len(got) != 5 || refused == 0 || refused > 2 || b.queryBytes.Load() != 0 {
			t.Errorf("%d answers, %d of them refusals; %d bytes wait",
				len(got), refused, b.queryBytes.Load())
		}
	}
}

// TestQueriesHardlyAllocate on their way from the engine to their callers, when there are many.
func TestQueriesHardlyAllocate(t *testing.T) {
	b, _ := newCountingBench(t, 10_000)
	b.goOn()
	got, data := tally(0), []byte("x")
	allocs := testing.AllocsPerRun(20, func() {
		for range 1000 {
			b.in.Requests = append(b.in.Requests, core.Request{
				Group: core.DefaultGroup, Kind: core.RequestQuery, Level: core.Stale, Caller: &got,
				Data: data,
			})
		}
		b.handle()
		b.handle(b.work(LaneQuery)...)
	})
	// A view makes one answer each; the rest is what lists grow by, and what a batch takes.
	if allocs > 1050 || got != 21_000 {
		t.Errorf("%v allocations for 1000 queries, want 1050 at most; %d answers", allocs, got)
	}
}

// tally counts replies.
type tally int

func (c *tally) Replied(uint64, core.Reply) { *c++ }

// TestWhatWouldWaitIsNoNews: neither commands nor linearizable queries while the handler says so,
// but everything else is, and so are they when it has looked again.
func TestWhatWouldWaitIsNoNews(t *testing.T) {
	command := core.Request{Kind: core.RequestCommand}
	query := core.Request{Kind: core.RequestQuery, Level: core.Linearizable}
	lease := core.Request{Kind: core.RequestQuery, Level: core.Lease}
	for _, c := range []struct {
		commands, queries bool
		requests          []core.Request
		news              bool
	}{
		{false, false, []core.Request{command}, true},
		{false, false, []core.Request{query}, true},
		{true, false, []core.Request{command}, false},
		{true, false, []core.Request{command, query}, true},
		{false, true, []core.Request{query, query}, false},
		{false, true, []core.Request{query, command}, true},
		{true, true, []core.Request{command, query}, false},
		{true, true, []core.Request{lease}, true},
		{true, true, make([]core.Request, 1), true},
		{true, true, slices.Repeat([]core.Request{query}, engine.MaxHeld), true},
		{true, true, nil, false},
	} {
		b := newMailbox(Config{MaxRequests: 1000})
		b.hush(c.commands, c.queries)
		b.requests(c.requests)
		if got := b.news(); got != c.news {
			t.Errorf("%v: got %v", c, got)
		}
		b.take(&engine.Events{}, nil)
		b.requests(c.requests)
		if got := b.news(); got != (len(c.requests) > 0) {
			t.Errorf("%v, after a look: got %v", c, got)
		}
	}
}

// BenchmarkQuery measures what a linearizable query costs in three nodes of one process, disk and
// network and the machine aside.
func BenchmarkQuery(b *testing.B) {
	for _, inFlight := range []int{1, 64, 1024} {
		b.Run(fmt.Sprint(inFlight), func(b *testing.B) {
			benchmarkRequests(b, inFlight, core.Request{
				Kind: core.RequestQuery, Level: core.Linearizable,
			})
		})
	}
}
