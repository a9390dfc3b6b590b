package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/tidelock-raft/tidelock/cli/internal/trial"
	"github.com/tidelock-raft/tidelock/core"
)

// report is what a run came to.
type report struct {
	workload *workload
	nemesis  *nemesis
	healed   time.Duration
	history  []operation
	finals   []operation
	verdicts trial.Verdicts
}

// settle waits until all nodes are at the same index, compares their states and scripts, and
// reports whether they are equal.
func (r *report) settle(ctx context.Context) bool {
	s, err := trial.Agree(ctx, r.workload.cluster.admin, r.workload.cluster.members())
	if r.verdicts.Fail("agreement", err) {
		return false
	}
	took := (r.workload.now() - r.healed).Round(time.Millisecond)
	r.verdicts.Pass("agreement", "%d nodes, index %d, digest %016x, %s, %v after all was healed",
		len(r.workload.cluster.members()), s.AppliedIndex, s.Digest, s.Machine, took)
	return true
}

// key is all that clients saw of one key.
type key struct {
	name    string
	history []operation
	final   operation
}

// keys splits the history.
func (r *report) keys() []key {
	byKey := map[string][]operation{}
	for _, o := range r.history {
		byKey[o.Key] = append(byKey[o.Key], o)
	}
	var list []key
	for _, f := range r.finals {
		list = append(list, key{f.Key, byKey[f.Key], f})
	}
	return list
}

// judge checks the history. What fails is written to files of the directory.
func (r *report) judge(dir string) {
	r.verdicts.Judge("upgrade", upgraded(r.history),
		"no command behind the first of the new script ran the old one")
	keys := r.keys()
	for _, rule := range checks {
		bad := 0
		for _, k := range keys {
			if err := rule.holds(k.history, k.final); err != nil {
				bad++
				r.verdicts.Fail(rule.name, fmt.Errorf("%s: %w", k.name, err))
				r.verdicts.Fail("draw "+k.name, draw(filepath.Join(dir, k.name+".html"), k))
			}
		}
		if bad == 0 && len(keys) > 0 {
			r.verdicts.Pass(rule.name, "%d keys, %d operations", len(keys), len(r.history)+len(keys))
		}
	}
	r.playCanaries(keys)
	for _, err := range r.workload.cluster.findings {
		r.verdicts.Fail("nodes", err)
	}
	if len(r.workload.cluster.findings) == 0 {
		r.verdicts.Pass("nodes", "none ended by itself, all stopped in order")
	}
}

// playCanaries proves on this history that each check can fail.
func (r *report) playCanaries(keys []key) {
	failed := false
	for _, c := range canaries {
		switch played, silent := c.unnoticed(keys); {
		case !played:
			failed = r.verdicts.Fail("canaries", fmt.Errorf("%s: no history has what it takes", c.name))
		case silent:
			failed = r.verdicts.Fail("canaries", fmt.Errorf("%s: %s did not notice", c.name, c.check))
		}
	}
	if !failed {
		r.verdicts.Pass("canaries", "%d of %[1]d changes to this history were played, and noticed",
			len(canaries))
	}
}

// draw writes a picture of a history for browsers.
func draw(path string, k key) error {
	_, info := porcupine.CheckOperationsVerbose(model(), certain(k.history, k.final), decidingTime)
	return porcupine.VisualizePath(model(), info, path)
}

// print prints all, and reports whether every verdict is good.
func (r *report) print(out io.Writer, dir string) (passed bool, err error) {
	r.judge(dir)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	r.printOperations(table)
	r.printFaults(table)
	fmt.Fprintln(table)
	err = table.Flush()
	if passed = r.verdicts.Print(out); !passed {
		err = errors.Join(err, r.save(filepath.Join(dir, "history.json")))
	}
	return passed, err
}

func (r *report) printOperations(out io.Writer) {
	type row struct {
		what    string
		session bool
	}
	counts, total := map[row]map[Fate]int{}, map[Fate]int{}
	for i := range r.history {
		o := &r.history[i]
		what := o.Kind
		if o.Level == core.Lease || o.Level == core.Stale {
			what += map[core.ReadLevel]string{core.Lease: ", lease", core.Stale: ", stale"}[o.Level]
		}
		at := row{what, o.Session || o.isQuery()}
		if counts[at] == nil {
			counts[at] = map[Fate]int{}
		}
		counts[at][o.Fate]++
		total[o.Fate]++
	}
	fmt.Fprintf(out, "\nOPERATION\t%s\t%s\t%s\n", Acked, Refused, Unknown)
	order := slices.SortedFunc(maps.Keys(counts), func(a, b row) int {
		return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
	})
	for _, at := range order {
		what := at.what
		if !at.session {
			what += ", no session"
		}
		fates := counts[at]
		fmt.Fprintf(out, "%s\t%d\t%d\t%d\n", what, fates[Acked], fates[Refused], fates[Unknown])
	}
	fmt.Fprintf(out, "all\t%d\t%d\t%d\n", total[Acked], total[Refused], total[Unknown])
}

func (r *report) printFaults(out io.Writer) {
	counts, lasted := map[string]int{}, map[string]time.Duration{}
	for _, e := range r.nemesis.events {
		counts[e.name]++
		lasted[e.name] += e.ends - e.begin
	}
	fmt.Fprint(out, "\nFAULT\ttimes\tseconds\n")
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(out, "%s\t%d\t%.0f\n", name, counts[name], lasted[name].Seconds())
	}
	closed := r.workload.cluster.network.closed()
	fmt.Fprintf(out, "connections closed by cuts and resets\t%d\n", closed)
	from, gap := r.longestGap()
	fmt.Fprintf(out, "\nlongest time without an acknowledged write: %.1f s, from %.1f s on",
		gap.Seconds(), from.Seconds())
	for _, e := range r.nemesis.events {
		if e.begin < from+gap && e.ends > from {
			fmt.Fprintf(out, "\n  %5.1f s to %5.1f s: %s (%s)", e.begin.Seconds(), e.ends.Seconds(),
				e.name, e.whom)
		}
	}
	fmt.Fprintln(out)
}

// longestGap is the longest time in which no write was acknowledged.
func (r *report) longestGap() (from, gap time.Duration) {
	var acks []time.Duration
	for i := range r.history {
		if o := &r.history[i]; o.Fate == Acked && !o.isQuery() {
			acks = append(acks, o.Return)
		}
	}
	slices.Sort(acks)
	last := time.Duration(0)
	for _, at := range acks {
		if at-last > gap {
			from, gap = last, at-last
		}
		last = at
	}
	return from, gap
}

// save writes all operations to a file, one in a line.
func (r *report) save(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(f)
	for _, o := range append(slices.Clone(r.history), r.finals...) {
		if err := encoder.Encode(o); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return f.Close()
}
