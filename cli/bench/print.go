package bench

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/tidelock-raft/tidelock/cli/internal/remote"
)

// printer prints one run after the other: as lines of a table whose columns have their widths
// beforehand, or as JSON.
type printer struct {
	out    io.Writer
	asJSON bool
	begun  bool
}

func newPrinter(out io.Writer, asJSON bool) *printer { return &printer{out: out, asJSON: asJSON} }

const row = "%7v  %10v  %8v  %8v  %8v  %8v  %8v  %7v\n"

func (p *printer) print(r Result) error {
	if p.asJSON {
		return remote.PrintJSON(p.out, r)
	}
	var b strings.Builder
	if !p.begun {
		p.begun = true
		fmt.Fprintf(&b, row, "clients", "requests/s", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms",
			"max ms", "errors")
	}
	ms := func(us int64) string { return fmt.Sprintf("%.2f", float64(us)/1000) }
	fmt.Fprintf(&b, row, r.Clients, fmt.Sprintf("%.0f", r.Rate), ms(r.P50), ms(r.P90), ms(r.P99),
		ms(r.P999), ms(r.Max), r.Errors)
	for _, kind := range slices.Sorted(maps.Keys(r.Kinds)) {
		fmt.Fprintf(&b, "         errors: %d %s\n", r.Kinds[kind], kind)
	}
	if r.Cause != "" {
		fmt.Fprintf(&b, "         first error: %s\n", r.Cause)
	}
	for _, s := range r.Nodes {
		role := "follows"
		if s.Leads {
			role = "leads"
		}
		fmt.Fprintf(&b, "         node %d %s: %d writes of %.1f entries, %.2f ms each; %d applies of "+
			"%.1f, %.2f ms\n", s.Node, role, s.Writes, s.EntriesPerWrite, s.WriteMS, s.Applies,
			s.EntriesPerApply, s.ApplyMS)
	}
	_, err := io.WriteString(p.out, b.String())
	return err
}
