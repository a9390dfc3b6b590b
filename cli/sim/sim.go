// Package sim is the command that runs whole clusters under faults that a seed draws, with the
// machine of its caller or one of its own, and says what went wrong.
//
// What a world is, which faults there are, and what is checked, is core/sim's; here are the command
// line, the workload of any script, several worlds at once, and the report.
package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/program"
	"github.com/tidelock-raft/tidelock/core/sim"
)

// Options are what the command is asked for.
type Options struct {
	program.Streams
	Script     string // path; empty: the simulator's own machine
	Seed       uint64 // the first
	Seeds      int    // zero: as many as Minutes allows
	Minutes    float64
	Least      int // nodes; zero: drawn from the seed
	Most       int
	Faults     []sim.FaultKind // nil: all
	Workers    int
	KeepGoing  bool
	WithShrink bool
	JSON       bool
	Progress   bool
	Clock      func() time.Time

	machine *machine // of the script; nil: the simulator's own
}

// The bounds of what can be asked for.
const (
	maxSeeds   = 100_000_000
	maxMinutes = 7 * 24 * 60
	maxNodes   = 7
	maxWorkers = 1024
)

// New makes the command.
func New(s program.Streams) *cli.Command {
	return &cli.Command{
		Name: "sim", Usage: "run clusters in a simulated world, with all that can go wrong",
		ArgsUsage: "[SCRIPT]",
		Description: "Each seed is a cluster, the faults that befall it, and what clients ask of it,\n" +
			"all in virtual time; the same seed is the same history. Watched are the promises of Raft,\n" +
			"of the log and of the machine, and the invariant of SCRIPT. Its clients ask what the\n" +
			"workload in SCRIPT's test file says; without one, they call its commands and queries at\n" +
			"random. The exit code is 1 if a promise was broken, and 65 if the script cannot be run.\n\n" +
			"  tidelock sim --minutes 10\n" +
			"  tidelock sim bank.lua --seeds 1000 --faults network,power-cut\n" +
			"  tidelock sim bank.lua --seed 7 --seeds 1",
		Flags: []cli.Flag{
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "`NUMBER` of the first seed"},
			&cli.IntFlag{Name: "seeds", Usage: "how `MANY` seeds; 100 if there is no --minutes"},
			&cli.Float64Flag{Name: "minutes", Usage: "begin no seed after so many `MINUTES`"},
			&cli.StringFlag{Name: "nodes", Usage: "`NUMBER` of nodes, or a range such as 3..7; 1 to 5, " +
				"drawn from the seed, without it"},
			&cli.StringFlag{Name: "faults", Value: "all", Usage: "`CLASSES` of faults: all, none, or of " +
				strings.Join(sim.Groups(), ", ") + " and single kinds such as power-cut"},
			&cli.IntFlag{Name: "workers", Value: runtime.GOMAXPROCS(0), Usage: "`NUMBER` of seeds at once"},
			&cli.BoolFlag{Name: "keep-going", DisableDefaultText: true,
				Usage: "go on after a seed that fails"},
			&cli.BoolFlag{Name: "no-shrink", DisableDefaultText: true,
				Usage: "do not look for a smaller run that fails likewise"},
			program.OutputFlag(),
		},
		Action: func(c *cli.Context) error {
			o, err := parse(c, s)
			if err != nil {
				return exit.Mark(err, exit.ErrUsage)
			}
			if o.Script != "" {
				if o.machine, err = load(o.Script); err != nil {
					return err
				}
			}
			return run(c.Context, o)
		},
	}
}

func parse(c *cli.Context, s program.Streams) (Options, error) {
	o := Options{
		Streams: s, Script: c.Args().First(), Seed: c.Uint64("seed"), Seeds: c.Int("seeds"),
		Minutes: c.Float64("minutes"), Workers: c.Int("workers"), KeepGoing: c.Bool("keep-going"),
		WithShrink: !c.Bool("no-shrink"), Clock: time.Now,
		Progress: isTerminal(s),
	}
	if c.NArg() > 1 {
		return o, fmt.Errorf("sim: %d arguments given, want at most SCRIPT", c.NArg())
	}
	var err error
	if o.JSON, err = program.WantsJSON(c); err != nil {
		return o, err
	}
	if o.Seeds == 0 && !c.IsSet("seeds") && o.Minutes == 0 {
		o.Seeds = 100
	}
	switch {
	case o.Seeds < 0 || o.Seeds > maxSeeds || o.Seeds == 0 && c.IsSet("seeds"):
		return o, fmt.Errorf("--seeds is %d, want 1 to %d", o.Seeds, maxSeeds)
	case !(o.Minutes >= 0 && o.Minutes <= maxMinutes):
		return o, fmt.Errorf("--minutes is %v, want 0 to %d", o.Minutes, maxMinutes)
	case o.Workers < 1 || o.Workers > maxWorkers:
		return o, fmt.Errorf("--workers is %d, want 1 to %d", o.Workers, maxWorkers)
	}
	if o.Least, o.Most, err = parseNodes(c.String("nodes")); err != nil {
		return o, err
	}
	o.Faults, err = parseFaults(c.String("faults"))
	return o, err
}

// isTerminal reports whether messages go to a terminal, where a line may be written over.
func isTerminal(s program.Streams) bool {
	file, ok := s.Err.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// parseNodes reads 5, or 3..7; zeros if there is nothing.
func parseNodes(text string) (least, most int, err error) {
	if text == "" {
		return 0, 0, nil
	}
	lo, hi, isRange := strings.Cut(text, "..")
	if !isRange {
		hi = lo
	}
	least, first := strconv.Atoi(lo)
	most, second := strconv.Atoi(hi)
	if errors.Join(first, second) != nil || least < 1 || most > maxNodes || least > most {
		return 0, 0, fmt.Errorf("--nodes is %q, want a number from 1 to %d, or a range such as 3..7",
			text, maxNodes)
	}
	return least, most, nil
}

// parseFaults reads names; nil stands for all.
func parseFaults(text string) ([]sim.FaultKind, error) {
	kinds := []sim.FaultKind{}
	switch text {
	case "all":
		return nil, nil
	case "none":
		return kinds, nil
	}
	for name := range strings.SplitSeq(text, ",") {
		some, err := sim.FaultKinds(strings.TrimSpace(name))
		if err != nil {
			return nil, fmt.Errorf("--faults: %w", err)
		}
		kinds = append(kinds, some...)
	}
	return kinds, nil
}

// world is what a seed stands for.
func (o *Options) world(seed uint64) sim.Options {
	base := sim.Options{}
	if o.Least > 0 {
		// A stream of its own: the rest of what is drawn does not depend on the range.
		base.Nodes = o.Least + rand.New(rand.NewPCG(seed, streamNodes)).IntN(o.Most-o.Least+1)
	}
	drawn := sim.Draw(seed, base)
	if o.machine != nil {
		o.machine.live(&drawn)
	}
	if o.Faults != nil {
		drawn.Schedule = sim.DrawSchedule(drawn).Of(o.Faults)
	}
	return drawn
}

// streamNodes is the stream of chance that the number of nodes is drawn from.
const streamNodes = 0x6e6f646573
