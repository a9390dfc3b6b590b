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

	"github.com/tidelock-raft/tidelock/cli/internal/trial"
)

// report is what a run came to.
type report struct {
	options
	cluster  *cluster
	load     *load
	rows     []row
	verdicts trial.Verdicts
}

// row is a step that was done.
type row struct {
	step
	begin, done, end time.Duration // end: with the calm after it
}

// perform does the steps, up to one that cannot be done.
func (r *report) perform(ctx context.Context) {
	for _, s := range steps {
		begin := r.load.now()
		err := s.do(ctx, r.cluster)
		done := r.load.now()
		if err == nil && !trial.Wait(ctx, r.hold) {
			err = ctx.Err()
		}
		r.rows = append(r.rows, row{s, begin, done, r.load.now()})
		if err != nil {
			r.verdicts.Fail("steps", fmt.Errorf("%s: %w", s.name, err))
			return
		}
	}
	r.verdicts.Pass("steps", "all %d had their effect", len(steps))
}

// judge compares the nodes with each other and with what clients were told.
func (r *report) judge(ctx context.Context) {
	c := r.cluster
	s, err := trial.Agree(ctx, c.admin, c.nodes)
	r.verdicts.Judge("agreement", err, "%d nodes, index %d, digest %016x", len(c.nodes),
		s.AppliedIndex, s.Digest)
	for _, n := range c.nodes {
		ledger, err := c.read(ctx, n)
		acked := 0
		if err == nil {
			acked, err = ledger.audit(r.load.writers)
		}
		r.verdicts.Judge(fmt.Sprintf("node %d", n.id), err,
			"has all %d acknowledged writes, each once", acked)
	}
	var ends error
	for _, n := range c.nodes {
		ends = errors.Join(ends, n.end(syscall.SIGTERM))
	}
	r.verdicts.Judge("end", ends, "all nodes stopped in order")
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
	r.verdicts.Judge("writes", none, "none failed")
	r.verdicts.Judge("pauses", paused, "none over %v, but where the leader was killed", r.pause)
	return r.verdicts.Print(r.out)
}

func ms(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}
