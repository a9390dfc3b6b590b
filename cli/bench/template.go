package bench

import (
	"fmt"
	"strings"

	"github.com/tidelock-raft/tidelock/cli/internal/remote"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
	"github.com/tidelock-raft/tidelock/scripting/value"
)

// template is a call in which some arguments differ from request to request.
type template struct {
	kind core.RequestKind
	head []byte // the array that a call is, up to its first argument
	args []argument
	err  error
}

// argument is encoded already or, if that is nil, text with {key} or {value} in it.
type argument struct {
	encoded []byte
	text    string
}

// newTemplate makes a call of a text with a name and arguments, told apart by spaces. Those without
// anything to be filled in are read as by raft-client call.
func newTemplate(kind core.RequestKind, text string) template {
	t := template{kind: kind}
	words := strings.Fields(text)
	if len(words) == 0 {
		t.err = fmt.Errorf("%q names nothing to call", text)
		return t
	}
	name, words := words[0], words[1:]
	if _, t.err = scripting.EncodeCall(name, make([]any, len(words))...); t.err != nil {
		return t
	}
	t.head = value.AppendString(value.AppendArray(nil, 1+len(words)), name)
	for _, word := range words {
		if strings.Contains(word, "{key}") || strings.Contains(word, "{value}") {
			t.args = append(t.args, argument{text: word})
			continue
		}
		encoded, err := value.FromAny(nil, remote.Literals([]string{word})[0])
		if err != nil {
			t.err = fmt.Errorf("encode argument %s: %w", word, err)
		}
		t.args = append(t.args, argument{encoded: encoded})
	}
	return t
}

// appendTo appends the call with this key and value.
func (t *template) appendTo(dst []byte, key, payload string) []byte {
	dst = append(dst, t.head...)
	for _, a := range t.args {
		switch {
		case a.encoded != nil:
			dst = append(dst, a.encoded...)
		case a.text == "{key}":
			dst = value.AppendString(dst, key)
		case a.text == "{value}":
			dst = value.AppendString(dst, payload)
		default:
			text := strings.ReplaceAll(a.text, "{key}", key)
			dst = value.AppendString(dst, strings.ReplaceAll(text, "{value}", payload))
		}
	}
	return dst
}
