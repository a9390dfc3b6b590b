package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/tidelock-raft/tidelock/core"
)

// report is what a run came to.
type report struct {
	options
	cluster  *cluster
	load     *load
	rows     []row
	verdicts []verdict
}

// row is a step that was done.
type row struct {
	step
	begin, done, end time.Duration // end: with the calm after it
}

// verdict is passed or failed, and why.
type verdict struct {
	name, text string
	passed     bool
}

// verdict notes that something is so, or with an error that it is not.
func (r *report) verdict(name string, err error, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if err != nil {
		text = err.Error()
	}
	r.verdicts = append(r.verdicts, verdict{name, text, err == nil})
}

// perform does the steps, up to one that cannot be done.
func (r *report) perform(ctx context.Context) {
	for _, s := range steps {
		begin := r.load.now()
		err := s.do(ctx, r.cluster)
		done := r.load.now()
		if err == nil && !wait(ctx, r.hold) {
			err = ctx.Err()
		}
		r.rows = append(r.rows, row{s, begin, done, r.load.now()})
		if err != nil {
			r.verdict("steps", fmt.Errorf("%s: %w", s.name, err), "")
			return
		}
	}
	r.verdict("steps", nil, "all %d had their effect", len(steps))
}

// judge compares the nodes with each other and with what clients were told.
func (r *report) judge(ctx context.Context) {
	c := r.cluster
	var list []core.GroupStatus
	err := c.await(ctx, "all nodes at the same index", func() bool {
		list = list[:0]
		for _, n := range c.nodes {
			if s, ok := c.status(n); ok && s.AppliedIndex == s.CommitIndex {
				list = append(list, s)
			}
		}
		return len(list) == len(c.nodes) && !slices.ContainsFunc(list,
			func(s core.GroupStatus) bool { return s.AppliedIndex != list[0].AppliedIndex })
	})
	if err == nil && slices.ContainsFunc(list, func(s core.GroupStatus) bool {
		return s.Digest != list[0].Digest || s.Digest == 0
	}) {
		err = fmt.Errorf("states differ at index %d", list[0].AppliedIndex)
	}
	if r.verdict("agreement", err, "%d nodes", len(list)); err == nil {
		r.verdicts[len(r.verdicts)-1].text += fmt.Sprintf(", index %d, digest %016x",
			list[0].AppliedIndex, list[0].Digest)
	}
	for _, n := range c.nodes {
		ledger, err := c.read(ctx, n)
		acked := 0
		if err == nil {
			acked, err = ledger.audit(r.load.writers)
		}
		r.verdict(fmt.Sprintf("node %d", n.id), err, "has all %d acknowledged writes, each once", acked)
	}
	for _, n := range c.nodes {
		err = errors.Join(err, n.end(syscall.SIGTERM))
	}
	r.verdict("end", err, "all nodes stopped in order")
}

// print prints all, and reports whether every verdict is good.
func (r *report) print() (passed bool) {
	table := tabwriter.NewWriter(r.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "STEP\tTOOK\tWRITES\tPER SECOND\tPAUSE\tP99\tWORST\tFAILED\t")
	failed, paused := map[string]int{}, error(nil)
	for _, one := range r.rows {
		f, count := r.load.figures(one.begin, one.end), 0
		for text, n := range f.failed {
			failed[text] += n
			count += n
		}
		fmt.Fprintf(table, "%s\t%.2f s\t%d\t%.0f\t%s\t%s\t%s\t%d\t\n", one.name,
			(one.done - one.begin).Seconds(), f.acked,
			float64(f.acked)/(one.end-one.begin).Seconds(), ms(f.pause), ms(f.p99), ms(f.worst), count)
		if r.pause > 0 && f.pause > r.pause && !one.kills {
			paused = errors.Join(paused, fmt.Errorf("%s: none was acknowledged for %s", one.name,
				ms(f.pause)))
		}
	}
	_ = table.Flush() // to a terminal; nobody could be told
	fmt.Fprintln(r.out)
	for _, text := range slices.Sorted(maps.Keys(failed)) {
		fmt.Fprintf(r.out, "failed %d times: %s\n", failed[text], text)
	}
	var none error
	if len(failed) > 0 {
		none = errors.New("some failed, see above")
	}
	r.verdict("writes", none, "none failed")
	r.verdict("pauses", paused, "none over %v, but where the leader was killed", r.pause)
	passed = true
	for _, v := range r.verdicts {
		word := "PASS"
		if !v.passed {
			word, passed = "FAIL", false
		}
		fmt.Fprintf(r.out, "%s  %-9s  %s\n", word, v.name, v.text)
	}
	return passed
}

func ms(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}
