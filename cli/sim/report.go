package sim

import (
	"fmt"
	"strings"
	"time"

	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/core/sim"
	"github.com/tidelock-raft/tidelock/scripting/luatest"
)

// report is what seeds came to; its fields are what programs read.
type report struct {
	First    uint64            `json:"first_seed"`
	Seeds    int               `json:"seeds"`
	Failed   int               `json:"failed"`
	Trace    string            `json:"trace,omitempty"` // of a single seed
	Events   uint64            `json:"events"`
	Virtual  float64           `json:"simulated_seconds"`
	Real     float64           `json:"seconds"`
	Ratio    float64           `json:"ratio"`
	Acked    uint64            `json:"acknowledged"`
	Unknown  uint64            `json:"unknown"`
	Refused  uint64            `json:"refused"`
	Elected  uint64            `json:"elected"`
	Faults   map[string]uint64 `json:"faults"`
	States   map[string]uint64 `json:"states"`
	Failures []failure         `json:"failures,omitempty"`

	o        Options
	coverage sim.Coverage
	last     sim.Options
	refused  bool // the workload failed, not the machine
	shown    time.Time
}

// failure is a seed that failed, and the smallest run found that fails likewise.
type failure struct {
	Seed     uint64   `json:"seed"`
	Rule     string   `json:"rule"`
	Message  string   `json:"message"`
	Options  string   `json:"options"`
	Trace    string   `json:"trace"`
	Faults   int      `json:"faults"` // in the run as drawn
	Smallest string   `json:"smallest_options"`
	Smaller  string   `json:"smallest_message"`
	Schedule []string `json:"smallest_schedule"`
	History  []string `json:"smallest_history"`
}

func newReport(o Options) *report {
	return &report{o: o, First: o.Seed, Faults: map[string]uint64{}, States: map[string]uint64{}}
}

// add counts an outcome, and prints it if it is a failure. The error ends the run: errFailed, or
// that of writing.
func (r *report) add(out *sim.Outcome) error {
	r.Seeds++
	r.Events += out.Report.Events
	r.Virtual += inSeconds(out.Report.Virtual)
	r.Acked += out.Report.Acked
	r.Unknown += out.Report.Unknown
	r.Refused += out.Report.Refused
	r.Elected += out.Report.Elected
	r.coverage.Add(&out.Coverage)
	r.last, r.Trace = out.Options, trace(out)
	if !out.Failed() {
		r.progress()
		return nil
	}
	r.Failed++
	r.refused = r.refused || out.Rule() == ruleWorkload
	r.clear()
	f := r.o.explain(out)
	r.Failures = append(r.Failures, f)
	if !r.o.JSON {
		if err := f.print(r.o); err != nil {
			return err
		}
	}
	if r.o.KeepGoing && !r.refused {
		return nil
	}
	return errFailed
}

func trace(out *sim.Outcome) string { return fmt.Sprintf("%016x", out.Trace) }

// explain looks for a small run that fails as this one does.
func (o *Options) explain(out *sim.Outcome) failure {
	small := out
	if o.WithShrink && out.Rule() != ruleWorkload {
		small = sim.ShrinkHistory(sim.Shrink(out, play), play)
	}
	f := failure{
		Seed: out.Options.Seed, Rule: out.Rule(), Message: out.Err.Error(),
		Options: out.Options.String(), Trace: trace(out), Faults: len(out.Schedule),
		Smallest: small.Options.String(), Smaller: small.Err.Error(),
		Schedule: []string{}, History: []string{},
	}
	for _, fault := range small.Schedule {
		f.Schedule = append(f.Schedule, fault.String())
	}
	for _, op := range small.History {
		f.History = append(f.History, line(op))
	}
	return f
}

func inSeconds(t core.Instant) float64 { return float64(t) / float64(sim.Second) }

// line tells of an operation as a test would call it, and what became of it.
func line(op *sim.Operation) string {
	call := luatest.Call{Command: op.Name, Args: op.Args}.String()
	if op.Query {
		call = "t.query" + strings.TrimPrefix(call, "t.call")
	}
	if op.Query {
		call += levels[op.Level]
	}
	if op.AtLeast > 0 {
		call += fmt.Sprintf(" at least %d", op.AtLeast)
	}
	s := fmt.Sprintf("%.3f", inSeconds(op.Call))
	if op.Return != 0 {
		s += fmt.Sprintf("-%.3f", inSeconds(op.Return))
	}
	s += fmt.Sprintf(" s  client %d at host %d  %s", op.Client, op.Host, call)
	switch failed := op.Reply.Result.Failure; {
	case op.Fate == sim.Pending:
		return s + ": no answer yet"
	case op.Fate == sim.Unknown:
		return s + ": outcome unknown"
	case op.Fate == sim.Refused:
		return fmt.Sprintf("%s: not carried out, %v", s, op.Reply.Err)
	case failed != nil:
		return fmt.Sprintf("%s fails at index %d, %v", s, op.Reply.Index, failed)
	}
	return fmt.Sprintf("%s = %s at index %d", s, luatest.Show(op.Reply.Result.Value), op.Reply.Index)
}

// levels are how reads are told apart that are not linearizable.
var levels = map[core.ReadLevel]string{
	core.Stale: " stale", core.Lease: " lease", core.Bounded: " bounded",
}

// maxListed is how many operations are shown to people: the newest.
const maxListed = 40

func (f *failure) print(o Options) error {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d failed: %s\n  options: %s\n  trace=%s\n", f.Seed, f.Message,
		fold(f.Options, "    "), f.Trace)
	if f.Smallest != f.Options || len(f.Schedule) < f.Faults {
		fmt.Fprintf(&b, "the smallest run found that fails likewise: %s\n  options: %s\n", f.Smaller,
			fold(f.Smallest, "    "))
	}
	fmt.Fprintf(&b, "  faults, %d of %d\n", len(f.Schedule), f.Faults)
	for _, fault := range f.Schedule {
		fmt.Fprintf(&b, "    %s\n", fault)
	}
	history := f.History
	b.WriteString("  history:\n")
	if more := len(history) - maxListed; more > 0 {
		fmt.Fprintf(&b, "    %d operations, and then\n", more)
		history = history[more:]
	}
	for _, line := range history {
		fmt.Fprintf(&b, "    %s\n", line)
	}
	script := o.Script
	if script != "" {
		script += " "
	}
	fmt.Fprintf(&b, "to see it again: tidelock sim %s--seed %d --seeds 1%s\n",
		script, f.Seed, o.flags())
	_, err := fmt.Fprint(o.Out, b.String())
	return err
}

// flags are those without which a seed would be another run.
func (o *Options) flags() string {
	text := ""
	if o.Least > 0 {
		text = fmt.Sprintf(" --nodes %d..%d", o.Least, o.Most)
	}
	if o.Faults == nil {
		return text
	}
	var names []string
	for _, k := range o.Faults {
		names = append(names, strings.ReplaceAll(k.String(), " ", "-"))
	}
	if len(names) == 0 {
		names = []string{"none"}
	}
	return text + " --faults " + strings.Join(names, ",")
}

// width is how wide folded lines may be.
const width = 98

// fold breaks a text at blanks, into lines that begin with an indent but for the first.
func fold(text, indent string) string {
	var b strings.Builder
	column := len(indent) + 10
	for i, word := range strings.Fields(text) {
		switch {
		case i > 0 && column+1+len(word) > width:
			b.WriteString("\n" + indent)
			column = len(indent)
		case i > 0:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

// print sums up.
func (r *report) print(took time.Duration) error {
	r.clear()
	r.Real = took.Seconds()
	r.Ratio = r.Virtual / max(r.Real, 1e-9)
	for k, n := range r.coverage.Faults {
		if n > 0 {
			r.Faults[sim.FaultKind(k).String()] = n
		}
	}
	for s, n := range r.coverage.States {
		if n > 0 {
			r.States[sim.State(s).String()] = n
		}
	}
	if r.Seeds != 1 {
		r.Trace = ""
	}
	if r.o.JSON {
		return remote.PrintJSON(r.o.Out, r)
	}
	var b strings.Builder
	if r.Seeds == 1 && r.Failed == 0 {
		fmt.Fprintf(&b, "%s\ntrace=%s\n", fold(r.last.String(), "  "), r.Trace)
	}
	fmt.Fprintf(&b, "%d seeds from %d on, %d failed\n", r.Seeds, r.First, r.Failed)
	fmt.Fprintf(&b, "simulated %v in %v, %.3g times as fast; %d events, %.0f a second\n",
		duration(r.Virtual), duration(r.Real), r.Ratio, r.Events, float64(r.Events)/max(r.Real, 1e-9))
	fmt.Fprintf(&b, "operations: %d acknowledged, %d of unknown outcome, %d refused; leaders: %d\n",
		r.Acked, r.Unknown, r.Refused, r.Elected)
	r.counts(&b)
	_, err := fmt.Fprint(r.o.Out, b.String())
	return err
}

func duration(seconds float64) time.Duration {
	return time.Duration(seconds * float64(time.Second)).Round(time.Second / 10)
}

// counts writes what was reached.
func (r *report) counts(b *strings.Builder) {
	for _, group := range sim.Groups() {
		var all []string
		for k, n := range r.coverage.Faults {
			if kind := sim.FaultKind(k); n > 0 && kind.Group() == group {
				all = append(all, fmt.Sprintf("%v %d", kind, n))
			}
		}
		list(b, group+" faults", all)
	}
	var all []string
	for s, n := range r.coverage.States {
		if n > 0 {
			all = append(all, fmt.Sprintf("%v %d", sim.State(s), n))
		}
	}
	list(b, "rare states", all)
}

func list(b *strings.Builder, what string, all []string) {
	if len(all) > 0 {
		fmt.Fprintf(b, "%s: %s\n", what, fold(strings.Join(all, ", "), "  "))
	}
}

// progress writes over the line of before, now and then.
func (r *report) progress() {
	now := r.o.Clock()
	if !r.o.Progress || now.Sub(r.shown) < time.Second {
		return
	}
	r.shown = now
	of := ""
	if r.o.Seeds > 0 {
		of = fmt.Sprintf(" of %d", r.o.Seeds)
	}
	fmt.Fprintf(r.o.Err, "\r%d%s seeds, %d failed, %v simulated ", r.Seeds, of, r.Failed,
		duration(r.Virtual))
}

// clear ends the line of progress.
func (r *report) clear() {
	if !r.shown.IsZero() {
		fmt.Fprintln(r.o.Err)
		r.shown = time.Time{}
	}
}
