package remote

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// outcome is what a command came to, for programs.
type outcome struct {
	Value  any        `json:"value"`
	Leader string     `json:"leader,omitempty"`
	Index  core.Index `json:"index"`
}

// printOutcome prints what a call returned, and which index of the log that is about.
func (o Options) printOutcome(value any, r client.Reply) error {
	if o.JSON {
		out := outcome{Value: plain(value), Index: r.Index}
		if r.Leader != 0 {
			out.Leader = exit.Node(r.Leader)
		}
		return PrintJSON(o.Out, out)
	}
	text := Text(value)
	if r.Leader != 0 {
		text += fmt.Sprintf(" leader=%d", r.Leader)
	}
	_, err := fmt.Fprintf(o.Out, "%s index=%d\n", text, r.Index)
	return err
}

// printValue prints the answer to a query.
func (o Options) printValue(value any) error { return PrintValue(o.Out, o.JSON, value) }

// PrintValue prints a value of a machine, for programs or for people.
func PrintValue(w io.Writer, asJSON bool, value any) error {
	if asJSON {
		return PrintJSON(w, plain(value))
	}
	_, err := fmt.Fprintln(w, Text(value))
	return err
}

// Text writes a value for people: text as it is, nothing as (nil), anything else as JSON.
func Text(value any) string {
	switch value := value.(type) {
	case nil:
		return "(nil)"
	case string:
		return value
	}
	var b strings.Builder
	if err := PrintJSON(&b, plain(value)); err != nil {
		return fmt.Sprint(value) // a number that JSON does not have: NaN, an infinity
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// PrintJSON writes a value as one line.
func PrintJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// plain makes a value one that JSON can write: keys become text, and of two keys that read the
// same, 1 and "1", the integer is written as [1].
func plain(value any) any {
	switch value := value.(type) {
	case []any:
		list := make([]any, len(value))
		for i := range value {
			list[i] = plain(value[i])
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(value))
		for k, v := range value {
			object[k] = plain(v)
		}
		return object
	case map[any]any:
		object := make(map[string]any, len(value))
		for k, v := range value {
			name := fmt.Sprint(k)
			if _, isText := k.(string); !isText {
				if _, taken := value[name]; taken {
					name = "[" + name + "]"
				}
			}
			object[name] = plain(v)
		}
		return object
	}
	return value
}
