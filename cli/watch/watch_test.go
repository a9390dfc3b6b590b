package watch

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/cli/internal/remotetest"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
	"github.com/tidelock-raft/tidelock/transport/client"
)

const emitter = `local kv = state.map("kv") return { name = "emitter", version = 1, commands = {
	emit = function(topic, n, size)
		for i = 1, n do emit(topic, size > 0 and ("x"):rep(size) or nil) end
	end, put = function(k, v) kv:set(k, v) end } }`

// replicas is a cluster of two: one that has applied all, and one that may lag. Before it answers,
// things happen.
type replicas struct {
	remote.Client // for what a watcher never does
	t             *testing.T
	nodes         [2]*scripting.Machine
	applied       [2]core.Index
	log           []core.Entry
	events        []scripting.Event // all that ever were
	happen        func(r *replicas) error
	asked         []client.Request
	client        remote.Client // that commands are given
}

func newReplicas(t *testing.T) *replicas {
	r := &replicas{t: t}
	r.client = r
	for i := range r.nodes {
		m, err := scripting.New(scripting.Source{Name: "e.lua", Text: []byte(emitter)},
			scripting.Config{Readers: 1})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = m.Close() })
		r.nodes[i] = m
	}
	r.nodes[0].OnEvents(func(events []scripting.Event) { r.events = append(r.events, events...) })
	return r
}

// emit appends a command to the log; the first replica applies it at once.
func (r *replicas) emit(topic string, n, size int) { r.call("emit", topic, n, size) }

func (r *replicas) call(name string, args ...any) {
	data, err := scripting.EncodeCall(name, args...)
	if err != nil {
		r.t.Fatal(err)
	}
	index := core.Index(len(r.log) + 1)
	r.log = append(r.log, core.Entry{
		Position: core.Position{Term: 1, Index: index}, Kind: core.EntryCommand, Data: data,
	})
	r.apply(0, index)
}

func (r *replicas) apply(node int, to core.Index) {
	results, err := r.nodes[node].Apply(nil, r.log[r.applied[node]:to])
	if err != nil {
		r.t.Fatal(err)
	}
	for _, result := range results {
		if result.Failure != nil {
			r.t.Fatal(result.Failure)
		}
	}
	r.applied[node] = to
}

// Do implements remote.Client: a query that has to wait for what does not happen finds nobody.
func (r *replicas) Do(_ context.Context, q client.Request) (client.Reply, error) {
	if err := r.happen(r); err != nil {
		return client.Reply{}, err
	}
	r.asked = append(r.asked, q)
	node := len(r.asked) % 2
	if q.Level != core.Stale {
		node = 0
	}
	if r.applied[node] < q.AtLeast {
		node = 0
	}
	if r.applied[node] < q.AtLeast {
		return client.Reply{}, client.ErrUnavailable
	}
	result := r.nodes[node].Query(q.Data)
	if result.Failure != nil {
		return client.Reply{}, result.Failure
	}
	return client.Reply{Value: result.Value, Index: r.applied[node]}, nil
}

func (r *replicas) Close() error { return nil }

// watch runs the command line and returns the lines that it prints.
func (r *replicas) watch(words ...string) ([]line, exit.Code) {
	var out, text strings.Builder
	s := program.Streams{In: strings.NewReader(""), Out: &out, Err: &text}
	env := remote.Env{Streams: s, Connect: func(client.Config) (remote.Client, error) {
		return r.client, nil
	}}
	root := &cli.Command{Name: "prog", Subcommands: []*cli.Command{New(env)}}
	code := program.Run(context.Background(), s, root, append([]string{"prog", "watch"}, words...))
	var lines []line
	decoder := json.NewDecoder(strings.NewReader(out.String()))
	for decoder.More() {
		var l line
		if err := decoder.Decode(&l); err != nil {
			r.t.Fatalf("%v in %s%s", err, out.String(), text.String())
		}
		lines = append(lines, l)
	}
	return lines, code
}

type line struct {
	Index  core.Index
	Number uint32
	Topic  string
	Value  any
	Op     string
	Key    any
	Lost   *struct{ From, To core.Index }
	Error  string
}

// TestWatchMissesNothingUnsaid has a cluster emit at random while it is watched, at two replicas in
// turn of which one lags, with more events than are kept. What is printed is all that there was, in
// order, but for what was said to be lost; and of what was said to be lost something was.
func TestWatchMissesNothingUnsaid(t *testing.T) {
	lost, split, alarms := 0, 0, 0
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 3))
		r := newReplicas(t)
		for range rng.IntN(5) {
			r.emit("before", 3, 0)
		}
		from, topic := core.Index(1+rng.IntN(6)), ""
		words := []string{"--from", fmt.Sprint(from)}
		if rng.IntN(2) == 0 {
			topic = "a"
			words = append(words, topic)
		}
		steps := 30
		r.happen = func(r *replicas) error {
			if steps--; steps < 0 && len(r.asked) > 0 && r.applied[1] == r.applied[0] && steps < -20 {
				return core.ErrClosed
			}
			for n := rng.IntN(4) * rng.IntN(8); steps > 0 && n > 0; n-- {
				r.emit(string("abc"[rng.IntN(3)]), rng.IntN(1000), rng.IntN(2)*rng.IntN(900))
			}
			lag := core.Index(rng.IntN(3))
			if steps <= 0 {
				lag = 0
			}
			if to := r.applied[0] - min(lag, r.applied[0]); to > r.applied[1] {
				r.apply(1, to)
			}
			if steps > 0 && len(r.asked) > 0 && rng.IntN(8) == 0 {
				return client.ErrUnavailable
			}
			return nil
		}
		lines, code := r.watch(words...)
		if code != exit.Unavailable || len(lines) == 0 || lines[len(lines)-1].Error != "closed" {
			t.Fatalf("seed %d: ended with code %d and %d lines", seed, code, len(lines))
		}
		v := verdict{t: t, seed: seed, all: topic == "", lines: lines[:len(lines)-1]}
		for _, e := range r.events {
			if e.Index >= from && (topic == "" || e.Topic == topic) {
				v.want = append(v.want, e)
			}
		}
		v.check()
		lost, split, alarms = lost+v.lost, split+v.split, alarms+v.alarms
	}
	if lost == 0 || split == 0 {
		t.Errorf("%d times something was lost, %d times within an entry: the test does not test",
			lost, split)
	}
	// It may drop while the watcher asks whether it has.
	if alarms > 0 && alarms > lost/20 {
		t.Errorf("%d times something was lost, and %d times too much was said to be", lost, alarms)
	}
}

// verdict compares what was printed with what there was.
type verdict struct {
	t     *testing.T
	seed  uint64
	all   bool // topics were watched
	lines []line
	want  []scripting.Event

	lost, split, alarms int // how often something was lost, within an entry, or only said to be
}

func (v *verdict) check() {
	for i, l := range v.lines {
		if l.Lost != nil {
			v.lost++
			v.skip(i)
			continue
		}
		if len(v.want) == 0 || v.want[0].Index != l.Index || v.want[0].Number != l.Number ||
			v.want[0].Topic != l.Topic {
			v.t.Fatalf("seed %d, line %d: got %+v, want %+v", v.seed, i, l, v.want[:min(1, len(v.want))])
		}
		if l.Number > 0 && i > 0 && v.lines[i-1].Lost != nil {
			v.split++
		}
		v.want = v.want[1:]
	}
	if len(v.want) > 0 {
		v.t.Errorf("seed %d: %d events were not printed, the first is %+v", v.seed, len(v.want),
			v.want[0])
	}
}

// skip takes away what line i says to be lost and does not follow.
func (v *verdict) skip(i int) {
	lost, before, next := v.lines[i].Lost, len(v.want), line{}
	if i+1 < len(v.lines) {
		next = v.lines[i+1]
	}
	for len(v.want) > 0 && v.want[0].Index <= lost.To && v.want[0].Index >= lost.From &&
		(v.want[0].Index != next.Index || v.want[0].Number < next.Number) {
		v.want = v.want[1:]
	}
	if v.all && len(v.want) == before {
		v.alarms++
		if lost.From < lost.To {
			v.t.Errorf("seed %d: nothing was lost of %+v", v.seed, *lost)
		}
	}
}

func TestWatchBeginsWithWhatIsNewAndEndsByCount(t *testing.T) {
	r := newReplicas(t)
	r.emit("old", 2, 0)
	r.happen = func(r *replicas) error {
		if len(r.asked) > 2 {
			r.emit("new", 2, 3)
		}
		return nil
	}
	lines, code := r.watch("--from", "1.1", "--count", "1")
	want := []line{{Index: 1, Number: 1, Topic: "old"}}
	if code != exit.OK || !reflect.DeepEqual(lines, want) {
		t.Errorf("got code %d, %+v", code, lines)
	}
	r.asked = nil
	lines, code = r.watch("--count", "3")
	want = []line{
		{Index: 2, Topic: "new", Value: "xxx"}, {Index: 2, Number: 1, Topic: "new", Value: "xxx"},
		{Index: 3, Topic: "new", Value: "xxx"},
	}
	if code != exit.OK || !reflect.DeepEqual(lines, want) {
		t.Errorf("got code %d, %+v", code, lines)
	}
	if q := r.asked[0]; q.Level != core.Linearizable {
		t.Errorf("began at level %d", q.Level)
	}
	for _, q := range r.asked[1:] {
		if q.Level != core.Stale || q.AtLeast == 0 {
			t.Errorf("asked %+v, want at any node that is far enough", q)
		}
	}
}

// TestLostBeginsBehindWhatWasSeenToBeEmpty has a log grow without events before too many come.
func TestLostBeginsBehindWhatWasSeenToBeEmpty(t *testing.T) {
	r := newReplicas(t)
	r.happen = func(r *replicas) error {
		switch n := len(r.asked); {
		case n == 0 || n > 6:
		case n < 6:
			r.emit("none", 0, 0)
		default:
			for range 5 {
				r.emit("many", 1000, 0)
			}
		}
		return nil
	}
	lines, _ := r.watch("--count", "1")
	if len(lines) != 2 || lines[0].Lost == nil || lines[0].Lost.From != 6 || lines[0].Lost.To != 6 ||
		lines[1].Index != 6 {
		t.Errorf("got %+v", lines)
	}
}

// TestWatchOfKeysPrintsEveryChange writes at random while keys are watched at two replicas in turn
// of which one lags, and then more at once than they keep.
func TestWatchOfKeysPrintsEveryChange(t *testing.T) {
	r := newReplicas(t)
	r.call("put", "a-old", "0")
	rng := rand.New(rand.NewPCG(1, 2))
	var want []line
	has := map[any]bool{}
	put := func(key any, value any) {
		r.call("put", key, value)
		had, index := has[key], core.Index(len(r.log))
		has[key] = value != nil
		switch {
		case !strings.HasPrefix(fmt.Sprint(key), "a") || !had && value == nil:
		case value == nil:
			want = append(want, line{Index: index, Op: "del", Key: key})
		default:
			want = append(want, line{Index: index, Op: "put", Key: key, Value: value})
		}
	}
	many := 0
	r.happen = func(r *replicas) error {
		switch n := len(r.asked); {
		case n < 6: // until both replicas have heard that somebody watches
			r.apply(1, r.applied[0])
		case n < 60:
			for range rng.IntN(5) {
				put([]any{"a1", "b1", "a2", 7}[rng.IntN(4)], []any{"x", nil, "y"}[rng.IntN(3)])
			}
			r.apply(1, max(r.applied[1], r.applied[0]-core.Index(rng.IntN(2))))
		case n == 60:
			many = len(want)
			for i := range scripting.MaxRecent + 10 {
				put(fmt.Sprint("a", i), "z")
			}
			r.apply(1, r.applied[0])
		case n > 140:
			return core.ErrClosed
		}
		return nil
	}
	lines, code := r.watch("--keys", "a", "--target", "1")
	if code != exit.Unavailable || many < 20 || len(lines) < many+scripting.MaxRecent {
		t.Fatalf("got code %d, %d lines, at first %d", code, len(lines), many)
	}
	printed := 0
	for i, l := range lines[:len(lines)-1] {
		if l.Lost != nil {
			for want[printed].Index <= l.Lost.To {
				printed++
			}
			if printed != many+10 {
				t.Errorf("%d lost, want 10 behind %d", printed-many, many)
			}
			continue
		}
		if !reflect.DeepEqual(l, want[printed]) {
			t.Fatalf("line %d: got %+v, want %+v", i, l, want[printed])
		}
		printed++
	}
	if printed != len(want) {
		t.Errorf("%d changes were printed or lost, want %d", printed, len(want))
	}
}

// far is replicas that are asked over a slow network, each by its own endpoint.
type far struct {
	*replicas
	mu   sync.Mutex
	down int // for how many requests more the second does not run
}

func (f *far) Do(ctx context.Context, q client.Request) (client.Reply, error) {
	node := 0
	if q.Target != "" {
		<-time.After(10 * time.Millisecond)
		node = int(q.Target[len(q.Target)-1] - '1')
	} else if q.Level == core.Stale {
		node = 1
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down--; f.down >= 0 && node == 1 {
		if q.Target != "" {
			return client.Reply{}, client.ErrUnavailable
		}
		node = 0
	}
	f.call("put", fmt.Sprint("a", len(f.log)), "x")
	f.apply(1, f.applied[0])
	result := f.nodes[node].Query(q.Data)
	return client.Reply{Value: result.Value, Index: f.applied[node]}, ctx.Err()
}

// TestWatchOfKeysLosesNothingAsItBegins writes before each answer, and has the first pages come
// from a node that takes a while to hear that somebody watches, or that is started only later.
func TestWatchOfKeysLosesNothingAsItBegins(t *testing.T) {
	for _, down := range []int{0, 8} {
		synctest.Test(t, func(t *testing.T) {
			f := &far{replicas: newReplicas(t), down: down}
			f.client = f
			lines, code := f.watch("--keys", "a", "--count", "20", "--endpoints", "1=h:1,2=h:2")
			if code != exit.OK || len(lines) != 20 {
				t.Fatalf("got code %d, %+v", code, lines)
			}
			for i, l := range lines {
				if l.Lost != nil || l.Index != lines[0].Index+core.Index(i) {
					t.Fatalf("line %d: got %+v, want the change behind %+v", i, l, lines[max(0, i-1)])
				}
			}
		})
	}
}

// TestWatchOfKeysFromAnotherNode asks one that knows of nothing since it was started, while another
// knows more changes than a page has.
func TestWatchOfKeysFromAnotherNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const count = 2*pageSize + 500
		r := newReplicas(t)
		data, err := scripting.EncodeCall(changes, nil, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		for range patience { // so that the first keeps changes
			r.nodes[0].Query(data)
			r.call("put", "b", "x")
		}
		from := len(r.log) + 1
		for i := range count {
			r.call("put", fmt.Sprint("a", i), "x")
		}
		r.apply(1, r.applied[0])
		for range patience { // changes of other keys
			r.nodes[1].Query(data)
			r.call("put", "b", "x")
			r.apply(1, r.applied[0])
		}
		r.client = &remotePair{r}
		lines, code := r.watch("--keys", "a", "--from", fmt.Sprint(from), "--count", fmt.Sprint(count),
			"--endpoints", "1=h:1,2=h:2", "--timeout", "1s")
		if code != exit.OK || len(lines) != count {
			t.Fatalf("got code %d, %d lines, want %d", code, len(lines), count)
		}
		for i, l := range lines {
			if l.Lost != nil || l.Index != core.Index(from+i) {
				t.Fatalf("line %d: got %+v, want the change at %d", i, l, from+i)
			}
		}
	})
}

// remotePair has stale queries of nobody in particular answered by the second of replicas. It ends
// the watching when nothing new comes.
type remotePair struct{ *replicas }

func (p *remotePair) Do(_ context.Context, q client.Request) (client.Reply, error) {
	node := 0
	switch {
	case q.Target != "":
		node = int(q.Target[len(q.Target)-1] - '1')
	case q.Level == core.Stale:
		node = 1
	}
	if p.applied[node] < q.AtLeast {
		return client.Reply{}, core.ErrClosed
	}
	result := p.nodes[node].Query(q.Data)
	return client.Reply{Value: result.Value, Index: p.applied[node]}, nil
}

func TestWatchRefuses(t *testing.T) {
	cluster := &remotetest.Cluster{Value: "a page?"}
	got := cluster.Run(t, New, "", "watch", "paid")
	want := `{"error":"error","message":"reply of : it is no page of events"}` + "\n"
	if got != (remotetest.Outcome{Code: exit.Failed, Out: want}) {
		t.Errorf("got %+v", got)
	}
	for _, words := range [][]string{{"a", "b"}, {"--from", "0"}, {"--from", "x"},
		{"a", "--keys", "b"}, {"--from", "1.-1"}, {"--from", "1."},
		{"--from", "-1"}, {"--from", "1.2.3"}} {
		got = cluster.Run(t, New, "", append([]string{"watch"}, words...)...)
		if got.Code != exit.Usage || len(cluster.Calls) != 1 {
			t.Errorf("%q: got %+v", words, got)
		}
	}
	cluster = &remotetest.Cluster{Answer: func(string) (any, error) {
		return nil, &core.Failure{Code: "unknown_query"}
	}}
	if got = cluster.Run(t, New, "", "watch"); got.Code != exit.Failed {
		t.Errorf("got %+v", got)
	}
	cluster.Answer = func(string) (any, error) { return nil, client.ErrUnavailable }
	if got = cluster.Run(t, New, "", "watch"); got.Code != exit.Unavailable {
		t.Errorf("nobody there: got %+v", got)
	}
}
