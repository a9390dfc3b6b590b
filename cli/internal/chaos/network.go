package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/tidelock-raft/tidelock/cli/internal/trial"
	"github.com/tidelock-raft/tidelock/core"
)

// networkFaults are rules for links. Where a link is cut, it is drawn whether connections are
// reset, or hang and bring later what was kept back.
var networkFaults = []fault{
	{"isolate one", isolating(anyone)},
	{"isolate the leader", isolating(leaders)},
	{"partition", cutting(func(n *nemesis, r *rand.Rand) ([]link, string) {
		all := everyone(n, r)
		side := 1 + r.IntN(len(all)-1)
		return across(all[:side], all[side:]), names(all[:side]) + " | " + names(all[side:])
	})},
	{"bridge", cutting(func(n *nemesis, r *rand.Rand) ([]link, string) {
		all := everyone(n, r)
		middle, rest := all[0], all[1:]
		half := len(rest) / 2
		return across(rest[:half], rest[half:]), fmt.Sprintf("%s | %s, both hear %d",
			names(rest[:half]), names(rest[half:]), middle.id)
	})},
	{"ring", cutting(func(n *nemesis, r *rand.Rand) ([]link, string) {
		var cut []link
		all := everyone(n, r)
		for i, a := range all {
			for j := i + 2; j < len(all) && j-i < len(all)-1; j++ {
				cut = append(cut, across([]*node{a}, all[j:j+1])...)
			}
		}
		return cut, names(all)
	})},
	{"one-way cut", cutting(func(n *nemesis, r *rand.Rand) ([]link, string) {
		all := everyone(n, r)
		return []link{{all[0].id, all[1].id}}, fmt.Sprintf("%d > %d", all[0].id, all[1].id)
	})},
	{"leader unheard", cutting(oneSided(func(l link, id core.NodeID) bool { return l.from == id }))},
	{"leader deaf", cutting(oneSided(func(l link, id core.NodeID) bool { return l.to == id }))},
	{"slow network", slowing(everyone)},
	{"slow node", slowing(anyone)},
	{"connections reset", resetting},
}

// selection draws some links, and says which.
type selection func(n *nemesis, r *rand.Rand) ([]link, string)

// across is both directions between each of some nodes and each of others.
func across(some, others []*node) []link {
	var list []link
	for _, a := range some {
		for _, b := range others {
			if a != b {
				list = append(list, link{a.id, b.id}, link{b.id, a.id})
			}
		}
	}
	return list
}

// rest are the members but for one.
func (n *nemesis) rest(one *node) []*node {
	return slices.DeleteFunc(n.cluster.members(), func(other *node) bool { return other == one })
}

func isolating(of choice) trouble {
	return cutting(func(n *nemesis, r *rand.Rand) ([]link, string) {
		list := of(n, r)
		if len(list) == 0 {
			return nil, ""
		}
		return across(list, n.rest(list[0])), names(list)
	})
}

// oneSided selects one direction of the links of whoever leads.
func oneSided(is func(l link, leader core.NodeID) bool) selection {
	return func(n *nemesis, r *rand.Rand) ([]link, string) {
		list := leaders(n, r)
		if len(list) == 0 {
			return nil, ""
		}
		both := across(list, n.rest(list[0]))
		cut := slices.DeleteFunc(both, func(l link) bool { return !is(l, list[0].id) })
		return cut, names(list)
	}
}

// cutting cuts links until it is healed.
func cutting(which selection) trouble {
	return func(n *nemesis, r *rand.Rand) (func(), string) {
		links, whom := which(n, r)
		if len(links) == 0 {
			return nil, ""
		}
		cut := rule{cut: true, reset: r.IntN(2) == 0}
		rules := map[link]rule{}
		for _, l := range links {
			rules[l] = cut
		}
		if cut.reset {
			whom += ", reset"
		} else {
			whom += ", hanging"
		}
		n.cluster.network.set(rules)
		return func() { n.cluster.network.set(nil) }, whom
	}
}

// slowing delays what nodes say and hear.
func slowing(of choice) trouble {
	return func(n *nemesis, r *rand.Rand) (func(), string) {
		list, rules := of(n, r), map[link]rule{}
		for _, l := range across(list, n.cluster.members()) {
			rules[l] = rule{delay: between(r, 5*time.Millisecond, 200*time.Millisecond)}
		}
		n.cluster.network.set(rules)
		return func() { n.cluster.network.set(nil) }, names(list)
	}
}

// resetPause is the time between two resets of all connections.
const resetPause = 300 * time.Millisecond

// resetting closes all connections again and again.
func resetting(n *nemesis, _ *rand.Rand) (func(), string) {
	all, rules := n.cluster.members(), map[link]rule{}
	for _, l := range across(all, all) {
		rules[l] = rule{cut: true, reset: true}
	}
	ctx, stop := context.WithCancel(context.Background())
	var loop sync.WaitGroup
	loop.Go(func() { // ended by stop
		for trial.Wait(ctx, resetPause) {
			n.cluster.network.set(rules)
			n.cluster.network.set(nil)
		}
	})
	return func() { stop(); loop.Wait() }, names(all)
}
