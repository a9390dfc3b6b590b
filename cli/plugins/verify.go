package plugins

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/plugins"
)

// check is one promise of a contract, and how to find out whether it is kept.
type check struct {
	name, rule string
	run        func() error // errNotApplicable for what cannot be asked of this plugin
}

// errNotApplicable is what a check says that does not apply.
var errNotApplicable = errors.New("does not apply")

// result is what a check came to.
type result string

const (
	pass    result = "PASS"
	fail    result = "FAIL"
	skipped result = "skipped"
)

// verdict and report are the outcome for programs.
type verdict struct {
	Check  string `json:"check"`
	Rule   string `json:"rule"`
	Result result `json:"result"`
	Reason string `json:"reason,omitempty"`
}

type report struct {
	Kind    string         `json:"kind"`
	Name    string         `json:"name"`
	Grade   string         `json:"grade"`
	Results map[result]int `json:"results"`
	Checks  []verdict      `json:"checks"`
}

func (o Options) verify() *cli.Command {
	return &cli.Command{
		Name: "verify", Usage: "check that a plugin keeps its contract", ArgsUsage: "NAME",
		Description: "Runs the conformance suite of the plugin's kind, crash points and faults of the\n" +
			"disk included, and prints each promise of the contract with PASS, FAIL or skipped. The\n" +
			"grade is A when all are kept, B when some could not be checked, F when one is broken;\n" +
			"the exit code is then 5. Everything happens in this process, on 127.0.0.1 and in\n" +
			"directories of its own. Small limits let a store meet them often.\n\n" +
			"  tidelock plugins verify tcp\n" +
			"  tidelock plugins verify store.memory\n" +
			"  tidelock plugins verify wal --option segment=4KiB\n" +
			"  tidelock plugins verify lua --option script=bank.lua --calls bank.jsonl",
		Flags: append(flags(),
			&cli.StringSliceFlag{Name: "option", Usage: "`OPTION=VALUE` of the plugin, repeatable"},
			&cli.StringFlag{Name: "calls", Usage: "`FILE` of calls for a machine, one per line, as " +
				"tidelock run reads them; default some of a key-value machine"}),
		Action: func(c *cli.Context) error {
			o, err := o.read(c)
			if err != nil {
				return err
			}
			p, err := o.find(c)
			if err != nil {
				return err
			}
			options, err := pairs(c.StringSlice("option"))
			if err == nil {
				err = plugins.Validate(p.Kind, p.Name, options)
			}
			if err != nil {
				return err
			}
			return o.judge(p, subject{p.Name, options, c.String("calls")})
		},
	}
}

// subject is a plugin that is opened by name.
type subject struct {
	name    string
	options map[string]string
	calls   string
}

// judge runs all checks of the plugin's kind.
func (o Options) judge(p plugins.Plugin, s subject) error {
	checks, err := map[plugins.Kind]func(subject) ([]check, error){
		plugins.Transport: transportChecks, plugins.Store: storeChecks, plugins.Machine: machineChecks,
	}[p.Kind](s)
	if err != nil {
		return err
	}
	r := report{Kind: string(p.Kind), Name: p.Name, Grade: "A", Results: map[result]int{}}
	progress := o.Out
	if o.JSON {
		progress = io.Discard
	}
	for _, c := range checks {
		v := c.verdict()
		r.Checks = append(r.Checks, v)
		r.Results[v.Result]++
		if err := v.print(progress); err != nil {
			return err
		}
	}
	switch {
	case r.Results[fail] > 0:
		r.Grade = "F"
	case r.Results[skipped] > 0:
		r.Grade = "B"
	}
	if o.JSON {
		err = remote.PrintJSON(o.Out, r)
	} else {
		_, err = fmt.Fprintf(o.Out, "%s %s: grade %s: %d passed, %d failed, %d skipped\n", r.Kind,
			r.Name, r.Grade, r.Results[pass], r.Results[fail], r.Results[skipped])
	}
	if err == nil && r.Grade == "F" {
		err = exit.Reported(exit.Mark(errors.New("the contract is broken"), exit.ErrUnhealthy))
	}
	return err
}

func (c check) verdict() verdict {
	v := verdict{Check: c.name, Rule: c.rule, Result: pass}
	if err := c.survive(); errors.Is(err, errNotApplicable) {
		v.Result, v.Reason = skipped, err.Error()
	} else if err != nil {
		v.Result, v.Reason = fail, err.Error()
	}
	return v
}

// survive runs the check; that a plugin panics is an error of its own.
func (c check) survive() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return c.run()
}

// print shows a verdict to people; what is wrong, or was not checked, with the reason below.
func (v verdict) print(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%-8s%-21s %s\n", v.Result, v.Check, v.Rule)
	if err == nil && v.Reason != "" {
		_, err = fmt.Fprintf(w, "        %s\n", v.Reason)
	}
	return err
}

// pairs reads options as they are given on the command line.
func pairs(list []string) (map[string]string, error) {
	options := map[string]string{}
	for _, text := range list {
		name, value, found := strings.Cut(text, "=")
		if !found || name == "" {
			return nil, exit.Usagef("--option is %q, want OPTION=VALUE", text)
		}
		options[name] = value
	}
	return options, nil
}
