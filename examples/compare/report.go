package main

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"example.org/compare/load"
)

// The part of a file that is written stands between these.
var (
	ratesPart    = part{"<!-- compare: begin; written by `make compare` -->", "<!-- compare: end -->"}
	budgetPart   = part{"<!-- budget: begin; written by `make budget` -->", "<!-- budget: end -->"}
	recoveryPart = part{
		"<!-- recovery: begin; written by `make compare-recovery` -->", "<!-- recovery: end -->",
	}
)

// part is what stands between two lines.
type part struct{ begin, end string }

// report makes a text of what was measured.
type report struct {
	*plan
	contestants []*contestant
	took        time.Duration
}

func (r *report) write() error {
	var text strings.Builder
	r.print(&text)
	var err error
	if r.Image != "" {
		err = drawImage(r.contestants, r.Image)
	}
	if r.Docs == "" {
		_, printing := fmt.Print(text.String())
		return errors.Join(err, printing)
	}
	return errors.Join(err, ratesPart.replace(r.Docs, text.String()))
}

// replace writes text between the lines of a file.
func (p part) replace(path, text string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, begins := bytes.Cut(content, []byte(p.begin+"\n"))
	_, after, ends := bytes.Cut(rest, []byte(p.end+"\n"))
	if !begins || !ends {
		return fmt.Errorf("%s has no line %q with a line %q behind it", path, p.begin, p.end)
	}
	whole := string(before) + p.begin + "\n" + text + p.end + "\n" + string(after)
	return os.WriteFile(path, []byte(whole), 0o644)
}

func (r *report) print(w *strings.Builder) {
	fmt.Fprintf(w, "\nMeasured %s in %v. %s. %d laps of each, in turn; figures are medians, and in "+
		"brackets the slowest and the fastest lap. %v of each workload after %v; %d keys, values of "+
		"%d bytes; each acknowledged write is synced (fdatasync) by a majority.\n",
		time.Now().UTC().Format("2006-01-02 15:04 UTC"), r.took.Round(time.Second),
		machine(r.Dir), r.Runs, r.Duration, r.WarmUp, r.Keys, r.Bytes)
	if r.Image != "" {
		fmt.Fprintf(w, "\n![writes a second and their p99](%s)\n", filepath.Base(r.Image))
	}
	for _, layout := range strings.Split(r.Layouts, ",") {
		r.printLayout(w, layout)
	}
	fmt.Fprint(w, "\nWho they are, each as somebody who knows it would run it; GOMAXPROCS is the best of ",
		strings.ReplaceAll(procsTried, ",", ", "), " for each:\n\n")
	seen := map[string]bool{}
	for _, c := range r.contestants {
		if !seen[c.Name] {
			fmt.Fprintf(w, "- **%s** (machine in %s): %s.\n", c.Name, c.Machine, c.Setup)
			seen[c.Name] = true
		}
	}
}

// titles are the headings of the layouts.
var titles = map[string]string{
	oneProcess: "Three replicas and the load in one process",
	apart:      "Three processes, and the load in a fourth, over the network",
}

func (r *report) printLayout(w *strings.Builder, layout string) {
	var here []*contestant
	for _, c := range r.contestants {
		if c.Layout == layout && c.Absent == "" {
			here = append(here, c)
		}
	}
	fmt.Fprintf(w, "\n### %s\n", titles[layout])
	table := func(title string, cell func(sample) string) {
		fmt.Fprintf(w, "\n%s\n\n| |", title)
		for _, c := range here {
			fmt.Fprintf(w, " %s |", c.Name)
		}
		fmt.Fprintf(w, "\n|---|%s\n", strings.Repeat("---|", len(here)))
		for _, load := range load.Workloads() {
			fmt.Fprintf(w, "| %s |", load.Name)
			for _, c := range here {
				fmt.Fprintf(w, " %s |", cell(c.sample(load.Name)))
			}
			fmt.Fprintln(w)
		}
	}
	table("Requests a second; where a write is a command of 64 puts, puts a second:", func(s sample) string {
		if len(s.rates) == 0 {
			return "–"
		}
		return fmt.Sprintf("%s (%s–%s)", thousands(median(s.rates)), thousands(s.rates[0]),
			thousands(s.rates[len(s.rates)-1]))
	})
	table("Latency of a request, p50 / p99 in ms:", func(s sample) string {
		return number("%.2f", median(s.p50s)) + " / " + number("%.2f", median(s.p99s))
	})
	table("Processor time of everything together for one request, or put, in µs:", func(s sample) string {
		return number("%.1f", median(s.cpus))
	})
	printGoals(w, layout, here)
	fmt.Fprint(w, "\nGOMAXPROCS: ")
	for i, c := range here {
		fmt.Fprintf(w, "%s%s %d", strings.Repeat(", ", min(i, 1)), c.Name, c.Procs)
	}
	fmt.Fprintln(w, ".")
	for _, c := range r.contestants {
		if c.Layout != layout {
			continue
		}
		if c.Absent != "" {
			fmt.Fprintf(w, "\n%s could not be measured: %s.\n", c.Name, c.Absent)
		} else if n, cause := c.errors(); n > 0 {
			fmt.Fprintf(w, "\n%d requests to %s failed, the first with: %s.\n", n, c.Name, cause)
		}
	}
}

// number writes a number, and – for none.
func number(format string, v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return fmt.Sprintf(format, v)
}

// thousands writes a rate with commas.
func thousands(v float64) string {
	text := fmt.Sprintf("%.0f", v)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// machine describes what it ran on, with what a synced write takes there.
func machine(dir string) string {
	processor := "unknown processor"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(line, ":"); ok &&
				strings.TrimSpace(name) == "model name" {
				processor = strings.TrimSpace(value)
			}
		}
	}
	var name unix.Utsname
	kernel := "unknown kernel"
	if unix.Uname(&name) == nil {
		kernel = "Linux " + unix.ByteSliceToString(name.Release[:])
	}
	text := fmt.Sprintf("%d processors (%s), %s, %s", runtime.NumCPU(), processor, kernel,
		runtime.Version())
	if d, err := syncTime(dir); err == nil {
		text += fmt.Sprintf("; a write of 4 KiB with fdatasync takes %.2f ms alone",
			float64(d.Microseconds())/1e3)
	}
	return text
}

// syncTime is the median time of a synced write in a file of zeros.
func syncTime(dir string) (time.Duration, error) {
	f, err := os.CreateTemp(dir, "compare")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	const writes, size = 200, 4096
	if _, err := f.Write(make([]byte, writes*size)); err != nil {
		return 0, err
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	times := make([]float64, 0, writes)
	for i := range writes {
		since := time.Now()
		if _, err := f.WriteAt(make([]byte, size), int64(i*size)); err != nil {
			return 0, err
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return 0, err
		}
		times = append(times, float64(time.Since(since)))
	}
	return time.Duration(median(slices.Sorted(slices.Values(times)))), nil
}
