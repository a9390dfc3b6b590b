package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// table gathers a table in Markdown.
type table struct{ strings.Builder }

func newTable(head ...string) *table {
	t := new(table)
	t.line(head)
	t.line(strings.Split(strings.Repeat("--- ", len(head)-1)+"---", " "))
	return t
}

func (t *table) line(cells []string) { fmt.Fprintf(t, "| %s |\n", strings.Join(cells, " | ")) }

// row adds a row.
func (t *table) row(cells ...any) {
	texts := make([]string, len(cells))
	for i, cell := range cells {
		texts[i] = fmt.Sprint(cell)
		if n, ok := cell.(int); ok {
			texts[i] = number("%.0f", float64(n))
		}
	}
	t.line(texts)
}

// surroundings says when and where something was measured.
func surroundings(began time.Time) string {
	return fmt.Sprintf("Measured %s in %v: %d processors, %.0f GiB of memory free, %s.\n",
		began.UTC().Format("2006-01-02 15:04 MST"), time.Since(began).Round(time.Second),
		runtime.NumCPU(), available()/(1<<30), runtime.Version())
}

// The markers of what record writes.
const (
	markerBegin = "<!-- scale: begin; written by `make scale` -->\n"
	markerEnd   = "<!-- scale: end -->\n"
)

// record writes a part, which begins with its heading, in the place of the same part between the
// markers of a file, or behind those that are there.
func record(path, text string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, begins := bytes.Cut(content, []byte(markerBegin))
	old, after, ends := bytes.Cut(rest, []byte(markerEnd))
	if !begins || !ends {
		return fmt.Errorf("%s has no line %q with a line %q behind it", path, markerBegin, markerEnd)
	}
	part := markerBegin + "\n" + merge(string(old), text) + markerEnd
	return os.WriteFile(path, []byte(string(before)+part+string(after)), 0o644)
}

// merge puts a part among others, in the order of parts.
func merge(old, text string) string {
	held := map[string]string{}
	for _, one := range strings.Split(old+"\n"+text, "### ")[1:] {
		title, _, _ := strings.Cut(one, "\n")
		held[title] = "### " + strings.TrimRight(one, "\n") + "\n\n"
	}
	var all strings.Builder
	for _, p := range parts {
		all.WriteString(held[p.title])
	}
	return all.String()
}
