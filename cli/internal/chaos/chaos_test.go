package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tidelock-raft/tidelock/core"
)

// made is a history of one key that is as it should be: operations overlap, take effect at a moment
// between call and return, some are refused, some never answered and carried out or not.
func made(r *rand.Rand, kind string) key {
	k := key{name: kind}
	outcome := slices.Repeat([]Fate{Acked}, 20)
	if r.IntN(4) > 0 {
		outcome[0], outcome[1] = Unknown, Refused
	}
	state, previous := "", ""
	for n := range 200 {
		moment := time.Duration(n * 100)
		o := operation{
			Client: n % 20, Key: kind, Fate: Acked, Kind: reads[kind], Level: core.Linearizable,
			Call: moment - time.Duration(r.IntN(400)), Return: moment + time.Duration(1+r.IntN(400)),
		}
		if r.IntN(2) == 0 {
			o.Kind, o.Arg = map[string]string{"register": "put", "list": "append"}[kind], fmt.Sprint("v", n)
			o.Level = 0
			switch {
			case kind == "counter":
				o.Kind, o.Arg = "incr", ""
			case kind == "register" && previous != "" && r.IntN(2) == 0:
				o.Kind, o.Old = "cas", previous
			}
			o.Fate = outcome[r.IntN(len(outcome))]
		} else if r.IntN(4) == 0 {
			o.Level = core.Stale
		}
		if o.Fate == Acked || o.Fate == Unknown && r.IntN(2) == 0 {
			previous = state
			o.Told, state = carryOut(o, state)
		}
		if o.Told == "" && !o.isQuery() {
			o.Told = "1"
		}
		k.history = append(k.history, o)
	}
	slices.SortStableFunc(k.history, func(a, b operation) int { return int(a.Call - b.Call) })
	k.final = operation{
		Kind: reads[kind], Key: kind, Level: core.Linearizable, Fate: Acked, Told: state,
		Call: time.Hour, Return: time.Hour + 1,
	}
	if k.final.Told == "" && kind == "counter" {
		k.final.Told = "0"
	}
	return k
}

// TestGoodHistoriesPassAndBadOnesFail plays every canary on histories that are as they should be.
func TestGoodHistoriesPassAndBadOnesFail(t *testing.T) {
	played := map[string]int{}
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 0))
		for _, kind := range kinds {
			k := made(r, kind)
			for _, rule := range checks {
				if err := rule.holds(k.history, k.final); err != nil {
					t.Fatalf("seed %d, a good history of a %s: %s: %v", seed, kind, rule.name, err)
				}
			}
			for _, c := range canaries {
				could, silent := c.unnoticed([]key{k})
				if silent {
					t.Errorf("seed %d, %s: %s did not notice: %s", seed, kind, c.check, c.name)
				}
				if could {
					played[c.name]++
				}
			}
		}
	}
	for _, c := range canaries {
		if played[c.name] == 0 {
			t.Errorf("never played: %s", c.name)
		}
	}
}

// TestCountersAreExact tells a counter's history by hand, with one thing wrong at a time.
func TestCountersAreExact(t *testing.T) {
	incr := func(call, ret int, fate Fate, told string) operation {
		return operation{Kind: "incr", Fate: fate, Told: told, Call: time.Duration(call),
			Return: time.Duration(ret)}
	}
	for _, c := range []struct {
		history []operation
		final   int
		want    string
	}{
		{[]operation{incr(0, 9, Acked, "2"), incr(1, 5, Acked, "1")}, 2, ""},
		{[]operation{incr(0, 9, Acked, "2"), incr(1, 5, Unknown, "")}, 2, ""},
		{[]operation{incr(0, 9, Acked, "1"), incr(1, 5, Unknown, "")}, 1, ""},
		{[]operation{incr(0, 9, Acked, "1"), incr(1, 5, Acked, "1")}, 1, "both told 1"},
		{[]operation{incr(0, 9, Acked, "1")}, 0, "was told 1, and there are 0"},
		{[]operation{incr(0, 9, Acked, "1")}, 2, "nobody can have added"},
		{[]operation{incr(0, 9, Refused, "")}, 1, "nobody can have added"},
		{[]operation{incr(0, 3, Acked, "2"), incr(4, 9, Acked, "1")}, 2, "answered earlier"},
	} {
		final := operation{Kind: "count", Told: strconv.Itoa(c.final), Fate: Acked}
		err := exactlyOnce(c.history, final)
		if c.want == "" && err != nil || c.want != "" &&
			(err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: got %v, want %q", c.history, err, c.want)
		}
	}
}

// TestOldScriptDoesNotComeBack is the check of an upgrade.
func TestOldScriptDoesNotComeBack(t *testing.T) {
	put := func(call, ret int, told string) operation {
		return operation{Kind: "put", Fate: Acked, Told: told, Call: time.Duration(call),
			Return: time.Duration(ret)}
	}
	if err := upgraded([]operation{put(0, 5, "2"), put(1, 9, "1"), put(6, 7, "2")}); err != nil {
		t.Errorf("got %v for commands that overlap", err)
	}
	if upgraded([]operation{put(0, 5, "2"), put(6, 9, "1")}) == nil {
		t.Error("the old script came back, unnoticed")
	}
}

// TestProxyKeepsRules sends through a proxy what is to pass, to hang until it is healed, and to be
// reset, from the one node that the rules are about and from another.
func TestProxyKeepsRules(t *testing.T) {
	target, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	w := newNetwork()
	defer w.close()
	p, err := w.open(2, target.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	one, far := dialThrough(t, p, target, 1)
	other, otherFar := dialThrough(t, p, target, 3)
	passes(t, one, far)
	passes(t, far, one)

	w.set(map[link]rule{{1, 2}: {cut: true}})
	passes(t, far, one)
	passes(t, other, otherFar)
	send(t, one)
	if err := far.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := far.Read(make([]byte, 1)); err == nil {
		t.Errorf("%d bytes pass a link that is cut", n)
	}
	w.set(map[link]rule{{1, 2}: {delay: time.Millisecond}})
	receive(t, far) // what was kept back

	w.set(map[link]rule{{1, 2}: {cut: true, reset: true}})
	passes(t, other, otherFar)
	for _, end := range []net.Conn{one, far} {
		if err := end.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := end.Read(make([]byte, 1)); err == nil || w.closed() != 1 {
			t.Errorf("got %v, %d connections closed, want an error and one", err, w.closed())
		}
	}
}

// dialThrough makes a connection from a node, and returns both ends.
func dialThrough(
	t *testing.T, p *proxy, target net.Listener, from core.NodeID,
) (near, far net.Conn) {
	t.Helper()
	near, err := net.Dial("tcp", p.address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = near.Close() })
	hello := make([]byte, helloBytes)
	binary.BigEndian.PutUint64(hello[helloFrom:], uint64(from))
	if _, err := near.Write(hello); err != nil {
		t.Fatal(err)
	}
	if far, err = target.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = far.Close() })
	if _, err := io.ReadFull(far, hello); err != nil {
		t.Fatal(err)
	}
	return near, far
}

func passes(t *testing.T, from, to net.Conn) {
	t.Helper()
	send(t, from)
	receive(t, to)
}

func send(t *testing.T, from net.Conn) {
	t.Helper()
	if _, err := from.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, to net.Conn) {
	t.Helper()
	if err := to.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(to, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}
