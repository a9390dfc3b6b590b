package trial

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Verdicts are what a trial came to, one after the other.
type Verdicts []verdict

// verdict is passed or failed, and why.
type verdict struct {
	name, text string
	passed     bool
}

// Pass notes that something is so.
func (v *Verdicts) Pass(name, format string, args ...any) {
	*v = append(*v, verdict{name, fmt.Sprintf(format, args...), true})
}

// Fail notes an error, if there is one, and reports whether.
func (v *Verdicts) Fail(name string, err error) bool {
	if err != nil {
		*v = append(*v, verdict{name, err.Error(), false})
	}
	return err != nil
}

// Judge is Fail with an error, and Pass without.
func (v *Verdicts) Judge(name string, err error, format string, args ...any) {
	if !v.Fail(name, err) {
		v.Pass(name, format, args...)
	}
}

// Print prints all, and reports whether every one is passed. None at all is no success.
func (v Verdicts) Print(out io.Writer) bool {
	table, passed := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0), len(v) > 0
	for _, one := range v {
		word := "PASS"
		if !one.passed {
			word, passed = "FAIL", false
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", word, one.name, one.text)
	}
	return table.Flush() == nil && passed
}
