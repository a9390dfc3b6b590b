package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// ledger is which writes a node has, as machine.lua notes them: of each client all numbers up to
// the newest, but for gaps, and what came late or twice.
type ledger struct {
	newest map[int]int
	gaps   map[place]int // from a number up to, and not including, the place's
	late   map[place]int
}

// place is a write: a number of a client.
type place struct{ client, number int }

// maxNotes bounds gaps and late writes, of which hardly any are expected.
const maxNotes = 10_000

// read asks a node for its own ledger.
func (c *cluster) read(ctx context.Context, n *node) (l ledger, err error) {
	var newest map[place]int
	for query, into := range map[string]*map[place]int{
		"newest": &newest, "gaps": &l.gaps, "late": &l.late,
	} {
		if *into, err = c.query(ctx, n, query); err != nil {
			return l, fmt.Errorf("read %s of node %d: %w", query, n.id, err)
		}
	}
	l.newest = map[int]int{}
	for at, number := range newest {
		l.newest[at.number] = number // the key is the client alone
	}
	return l, nil
}

func (c *cluster) query(ctx context.Context, n *node, name string) (map[place]int, error) {
	data, err := scripting.EncodeCall(name, maxNotes)
	if err != nil {
		return nil, err
	}
	reply, err := c.admin.Do(ctx, client.Request{
		Kind: core.RequestQuery, Level: core.Stale, Data: data, Target: n.api, Local: true,
	})
	if err != nil {
		return nil, err
	}
	value, err := scripting.DecodeValue(reply.Value)
	if err != nil {
		return nil, err
	}
	rows, _ := value.([]any) // an empty table is a map
	if len(rows) == maxNotes {
		return nil, errors.New("too many to be told")
	}
	found := make(map[place]int, len(rows))
	for _, row := range rows {
		pair, _ := row.([]any)
		if len(pair) != 2 {
			return nil, fmt.Errorf("%v is no pair", row)
		}
		number, client, _ := strings.Cut(fmt.Sprint(pair[0]), ":")
		at := place{}
		at.number, _ = strconv.Atoi(number)
		at.client, _ = strconv.Atoi(client)
		found[at], _ = strconv.Atoi(fmt.Sprint(pair[1]))
	}
	return found, nil
}

// times is how often each of a client's writes was carried out, number n at n-1, and how many more
// there are than it made.
func (l ledger) times(client, made int) (times []int, more int) {
	times = make([]int, max(made, l.newest[client]))
	for n := range l.newest[client] {
		times[n] = 1
	}
	for at, from := range l.gaps {
		if at.client == client {
			clear(times[from-1 : at.number-1])
		}
	}
	for at, count := range l.late {
		if at.client == client {
			times[at.number-1] += count
		}
	}
	for _, count := range times[made:] {
		more += count
	}
	return times[:made], more
}

// audit compares what a node has with what clients were told: an acknowledged write is there once,
// one of unknown outcome at most once, and no other is there.
func (l ledger) audit(writers []*writer) (acked int, err error) {
	lost, twice, wrong := 0, 0, 0
	for number, w := range writers {
		times, more := l.times(number, len(w.writes))
		wrong += more
		for i, one := range w.writes {
			switch told := one.err; {
			case told == nil && times[i] == 0:
				lost++
			case times[i] > 1:
				twice++
			case told != nil && !errors.Is(told, core.ErrUnknownOutcome) && times[i] > 0:
				wrong++
			case told == nil:
				acked++
			}
		}
	}
	if lost+twice+wrong > 0 {
		err = fmt.Errorf("%d acknowledged writes are lost, %d are there twice or more, %d are there "+
			"that were refused or never made", lost, twice, wrong)
	}
	return acked, err
}
