package main

import (
	"fmt"
	"strings"
	"time"

	"example.org/compare/load"
	"example.org/compare/system"
)

// row is a figure of all systems: 0 is none. The goal is absolute, as the time that a user waits is.
type row struct {
	name   string
	cell   func(*recovered) string
	figure func(*recovered) float64
	goal   float64 // 0: none
	shown  func(float64) string
}

// none is shown where nothing was measured.
const none = "–"

func millis(v float64) string { return fmt.Sprintf("%.1f ms", v) }

func seconds(v float64) string { return fmt.Sprintf("%.2f s", v) }

// spread shows a median and the extremes of an ascending list.
func spread(list []float64, shown func(float64) string) string {
	if len(list) == 0 {
		return none
	}
	return fmt.Sprintf("%s (%s–%s)", shown(median(list)), shown(list[0]), shown(list[len(list)-1]))
}

// middle is the median, or 0 of nothing.
func middle(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	return median(list)
}

func longest(s load.Steadied) float64 { return inMillis(s.Longest) }

func inMillis(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }

func (r *recovery) rows() []row {
	waits := func(name string, of func(*recovered) load.Steadied, goal float64) row {
		return row{name, func(o *recovered) string {
			if of(o).Count == 0 {
				return none
			}
			text := fmt.Sprintf("%s, p99 %s", millis(longest(of(o))), millis(inMillis(of(o).P99)))
			if n := of(o).Errors; n > 0 {
				text += fmt.Sprintf("; %d failed", n)
			}
			return text
		}, func(o *recovered) float64 { return longest(of(o)) }, goal, millis}
	}
	amount := func(name string, of func(*recovered) int64, goal float64) row {
		megabytes := func(v float64) string { return thousands(v) + " MB" }
		figure := func(o *recovered) float64 { return float64(of(o)) * 1024 / 1e6 }
		return row{name, func(o *recovered) string {
			if of(o) == 0 {
				return none
			}
			return megabytes(figure(o))
		}, figure, goal, megabytes}
	}
	keys, behind := thousands(float64(r.Keys)), thousands(float64(r.Behind))
	return []row{
		{"leader killed: until a write is acknowledged", func(o *recovered) string {
			return spread(o.Failover, millis)
		}, func(o *recovered) float64 { return middle(o.Failover) }, 250, millis},
		{"the same with its own defaults", func(o *recovered) string {
			return spread(o.Default, millis)
		}, func(o *recovered) float64 { return middle(o.Default) }, 1000, millis},
		waits("longest write, and p99", func(o *recovered) load.Steadied { return o.Quiet }, 0),
		waits("the same while a snapshot is taken",
			func(o *recovered) load.Steadied { return o.Snapshot }, 10),
		{"restart with " + keys + " keys", func(o *recovered) string {
			return spread(o.Restart, seconds)
		}, func(o *recovered) float64 { return middle(o.Restart) }, 0.9, seconds},
		{"restart " + behind + " writes behind, until level", func(o *recovered) string {
			if o.CaughtUp == 0 {
				return none
			}
			return fmt.Sprintf("%s, %s/s", seconds(o.CaughtUp.Seconds()),
				thousands(float64(r.Behind)/o.CaughtUp.Seconds()))
		}, func(o *recovered) float64 { return o.CaughtUp.Seconds() }, 0, seconds},
		amount("memory of all processes, loaded", func(o *recovered) int64 { return o.Resident }, 1200),
		amount("the same, each at its most", func(o *recovered) int64 { return o.Most }, 0),
	}
}

func (r *recovery) write(all []*recovered, took time.Duration) error {
	var text strings.Builder
	r.print(&text, all, took)
	if r.Docs == "" {
		_, err := fmt.Print(text.String())
		return err
	}
	return recoveryPart.replace(r.Docs, text.String())
}

func (r *recovery) print(w *strings.Builder, all []*recovered, took time.Duration) {
	fmt.Fprintf(w, "\nMeasured %s in %v. %s. Three processes each, GOMAXPROCS %d, and the clients "+
		"in a fourth; %s keys, values of %d bytes.\n\n| |",
		time.Now().UTC().Format("2006-01-02 15:04 UTC"), took.Round(time.Second), machine(r.Dir),
		r.Procs, thousands(float64(r.Keys)), r.Bytes)
	for _, o := range all {
		fmt.Fprintf(w, " %s |", o.Name)
	}
	fmt.Fprintf(w, "\n|---|%s\n", strings.Repeat("---|", len(all)))
	for _, row := range r.rows() {
		fmt.Fprintf(w, "| %s |", row.name)
		for _, o := range all {
			fmt.Fprintf(w, " %s |", row.cell(o))
		}
		fmt.Fprintln(w)
	}
	r.printRatios(w, all)
	fmt.Fprintf(w, `
- *Leader killed*: by SIGKILL, %d times in new clusters (by default: %d), elections after 150 to
  300 ms without a heartbeat of 50 ms (etcd: 30 ms, it allows no more); every %v another attempt at
  a write begins, at the two others. Median, least and most. etcd-io/raft and dragonboat have no
  defaults.
- *Longest write*: of %d writes a second by a fixed schedule, for %v; from the time when it was due.
  Then again, while each replica takes a snapshot: Tidelock's those that come by themselves, in turn
  and written with rests, set to begin 4,000 writes one after the other, so that its figures are of
  some 20 s; hashicorp/raft's and dragonboat's by request, the leader's first and then one after the
  other; etcd's a saved copy, likewise, beside those that it takes every 10,000 entries; Redis' by
  BGREWRITEAOF. The machines in Go copy a shard of their map when it is first written to.
- *Restart*: a follower (Redis: the server) is killed and started, %d times: from the start of the
  process until it holds the last acknowledged key itself. Then with %s more written while it was
  down.
- *Memory*: resident, after the load and some seconds of writing; then the most that each process
  ever had, the snapshot included, but not the copy of itself that Redis makes for it.
- etcd-io/raft is a library without snapshots, and here over a log that is not read back.
`, r.Kills, r.Kills/2, pace, r.Rate, r.Quiet, restarts, thousands(float64(r.Behind)))
	for _, o := range all {
		if o.Err != nil {
			fmt.Fprintf(w, "\n%s could not be measured to the end: %s.\n", o.Name,
				strings.ReplaceAll(o.Err.Error(), "\n", "; "))
		}
	}
}

// printRatios compares this project's figures with the best of the libraries' and with its goals;
// the least is the best everywhere.
func (r *recovery) printRatios(w *strings.Builder, all []*recovered) {
	var rows strings.Builder
	for _, row := range r.rows() {
		var own, best float64
		name := none
		for _, o := range all {
			switch v := row.figure(o); {
			case v == 0:
			case o.Name == system.Tidelock.Name:
				own = v
			case o.OwnCluster == nil && (best == 0 || v < best):
				best, name = v, o.Name
			}
		}
		if own == 0 {
			continue
		}
		ratio, goal, met := none, none, none
		if best > 0 {
			name = fmt.Sprintf("%s (%s)", row.shown(best), name)
			ratio = fmt.Sprintf("%.2f", own/best)
		}
		if row.goal > 0 {
			goal, met = "≤ "+row.shown(row.goal), yes(own <= row.goal)
		}
		fmt.Fprintf(&rows, "| %s | %s | %s | %s | %s | %s |\n", row.name, row.shown(own),
			name, ratio, goal, met)
	}
	if rows.Len() > 0 {
		fmt.Fprintf(w, "\n| | %s | best of the others with three replicas | ratio | goal | met |\n"+
			"|---|---|---|---|---|---|\n%s", system.Tidelock.Name, rows.String())
	}
}
