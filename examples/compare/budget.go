package main

import (
	"bytes"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"github.com/google/pprof/profile"
)

// budget says where the processor time of one request goes: one lap in one process under the
// profiler, whose samples are told apart by stage.
type budget struct {
	*lap
	Docs    string
	Profile string

	samples bytes.Buffer
	objects uint64 // allocated while it counted
	count   uint64
	cpu     float64 // µs a request, by the system's own account
}

func budgetFlags(f *flag.FlagSet) *budget {
	b := &budget{lap: lapFlags(f)}
	b.Only, b.Duration = "1024 clients", 10*time.Second
	f.StringVar(&b.Docs, "docs", "", "file whose part between markers is written; none: to print it")
	f.StringVar(&b.Profile, "profile", "", "file that the profile goes to as well; none")
	f.Lookup("layout").Usage = "not used"
	f.Lookup("only").Usage = "the workload; " + b.Only
	return b
}

// stage is a part of the way of a request, with what tells it: a part of a function's name, anywhere
// on the stack.
type stage struct {
	name  string
	signs []string
}

// stages are where time goes. The first one that fits has the sample.
var stages = []stage{
	{"waiting in fdatasync", []string{"syscall.Fdatasync"}},
	{"logs: frames, checksums, index, pwrite", []string{"/persist/wal."}},
	{"collecting garbage", []string{"runtime.gcBgMarkWorker", "runtime.gcAssist", "runtime.bgsweep"}},
	{"snapshots", []string{"/core/node.(*Handler).save", "/persist/snapfile."}},
	{"telling results to who waits", []string{"/core/node.(*machine).reply"}},
	{"machines: sessions, and Lua in its sandbox", []string{"/core/node.(*machine)"}},
	{"handler, engine, raft", []string{"/core/node.(*Handler)", "/core/engine.", "/core/raft."}},
	{"mailboxes, lanes, turns", []string{"/core/node."}},
	{"peers: frames and sockets", []string{"/transport/"}},
	{"clients: making requests, measuring", []string{"/compare/load.", "/compare/system."}},
	{"choosing who runs next", []string{"runtime.mcall", "runtime.schedule", "runtime.sysmon", "runtime.mstart"}},
	{"other", []string{""}},
}

func (b *budget) run() error {
	if strings.Contains(b.Only, ",") {
		return errors.New("a budget is of one workload")
	}
	b.Layout, b.watch = oneProcess, b.account
	results, err := b.lap.run()
	if err != nil {
		return err
	}
	if len(results) != 1 {
		return fmt.Errorf("no workload is named %q", b.Only)
	}
	b.count, b.cpu = results[0].Count, results[0].CPU
	if b.Profile != "" {
		if err := os.WriteFile(b.Profile, b.samples.Bytes(), 0o644); err != nil {
			return err
		}
	}
	p, err := profile.ParseData(b.samples.Bytes())
	if err != nil {
		return fmt.Errorf("read the profile: %w", err)
	}
	text := b.text(p)
	if b.Docs == "" {
		_, err := fmt.Print(text)
		return err
	}
	return budgetPart.replace(b.Docs, text)
}

// account makes of a measure of processor time, which is asked when counting begins and when it
// ends, one that has the profiler run meanwhile.
func (b *budget) account(cpu func() time.Duration) func() time.Duration {
	var before runtime.MemStats
	begun := false
	return func() time.Duration {
		if !begun {
			begun = true
			runtime.ReadMemStats(&before)
			_ = pprof.StartCPUProfile(&b.samples) // what it would tell, ParseData does
			return cpu()
		}
		spent := cpu()
		pprof.StopCPUProfile()
		var after runtime.MemStats
		runtime.ReadMemStats(&after)
		b.objects = after.Mallocs - before.Mallocs
		return spent
	}
}

// named is a part of the time.
type named struct {
	name string
	ns   int64
}

func (b *budget) text(p *profile.Profile) string {
	byStage, flat, whole := make([]int64, len(stages)), map[string]int64{}, int64(0)
	for _, s := range p.Sample {
		ns := s.Value[len(s.Value)-1]
		names := stack(s)
		byStage[stageOf(names)] += ns
		flat[names[0]] += ns
		whole += ns
	}
	var w strings.Builder
	each := func(ns int64) float64 { return float64(ns) / 1e3 / float64(max(b.count, 1)) }
	share := func(ns int64) float64 { return 100 * float64(ns) / float64(max(whole, 1)) }
	fmt.Fprintf(&w, "\n%s, %s, GOMAXPROCS %s, everything in one process: %d requests in %v, %.1f µs of "+
		"processor time and %.1f allocated objects for each. Sampled of these: %.1f µs.\n\n",
		b.System, b.Only, b.Procs, b.count, b.Duration, b.cpu,
		float64(b.objects)/float64(max(b.count, 1)), each(whole))
	fmt.Fprintf(&w, "| stage | µs a request | share |\n|---|---|---|\n")
	for i, ns := range byStage {
		fmt.Fprintf(&w, "| %s | %.2f | %.0f %% |\n", stages[i].name, each(ns), share(ns))
	}
	var functions []named
	for name, ns := range flat {
		functions = append(functions, named{name, ns})
	}
	slices.SortFunc(functions, func(a, b named) int {
		return cmp.Or(cmp.Compare(b.ns, a.ns), cmp.Compare(a.name, b.name))
	})
	fmt.Fprintf(&w, "\n| function, by its own time | µs a request | share |\n|---|---|---|\n")
	for _, f := range functions[:min(20, len(functions))] {
		fmt.Fprintf(&w, "| `%s` | %.2f | %.1f %% |\n", short(f.name), each(f.ns), share(f.ns))
	}
	return w.String()
}

// stack returns the names of the functions of a sample, the innermost first.
func stack(s *profile.Sample) (names []string) {
	for _, l := range s.Location {
		for _, line := range l.Line {
			names = append(names, line.Function.Name)
		}
	}
	return append(names, "unknown")
}

func stageOf(names []string) int {
	return slices.IndexFunc(stages, func(s stage) bool {
		return slices.ContainsFunc(s.signs, func(sign string) bool {
			return slices.ContainsFunc(names, func(name string) bool {
				return strings.Contains(name, sign)
			})
		})
	})
}

// short is a function's name without the way to its package.
func short(name string) string { return name[strings.LastIndex(name, "/")+1:] }
