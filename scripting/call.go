package scripting

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tidelock-raft/tidelock/scripting/value"
)

// The bounds of a call.
const (
	MaxCall      = 4 << 20 // bytes of a command or query
	MaxArguments = 64
)

// ErrCall is what the errors of EncodeCall wrap.
var ErrCall = errors.New("scripting: not a call")

// EncodeCall makes the request that calls a command or query: an array of its name and arguments.
// Names that begin with @ are those of the machine itself.
// Arguments are what value.FromAny takes. Errors wrap ErrCall or value.ErrInvalid.
func EncodeCall(name string, args ...any) ([]byte, error) {
	if !isName(strings.TrimPrefix(name, "@")) || len(args) > MaxArguments {
		return nil, fmt.Errorf("%w: '%s' with %d arguments, at most %d", ErrCall, name, len(args),
			MaxArguments)
	}
	data := value.AppendString(value.AppendArray(nil, 1+len(args)), name)
	for i, arg := range args {
		var err error
		if data, err = value.FromAny(data, arg); err != nil {
			return nil, fmt.Errorf("encode argument %d of %s: %w", i+1, name, err)
		}
	}
	if len(data) > MaxCall {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrCall, len(data), MaxCall)
	}
	return data, nil
}

// DecodeValue reads a result; see value.ToAny.
func DecodeValue(data []byte) (any, error) { return value.ToAny(data) }

// call is a request whose arguments have not been read yet.
type call struct {
	r         value.Reader
	name      []byte
	arguments int
}

// openCall reads the head of a request. Its errors are messages for who sent it.
func openCall(data []byte) (call, error) {
	if len(data) > MaxCall {
		return call{}, fmt.Errorf("a call of %d bytes, at most %d are allowed", len(data), MaxCall)
	}
	c := call{r: value.NewReader(data)}
	n, ok := c.r.Array()
	if !ok {
		if head, err := c.r.Next(); err == nil && head.Kind == value.Array {
			n = head.Len
		}
	}
	if n == 0 {
		return c, errors.New("a call is an array of a name and arguments")
	}
	name, ok := c.r.Text()
	if !ok {
		token, err := c.r.Next()
		if name = token.Bytes; err != nil || token.Kind != value.String {
			return c, errors.New("a call begins with a name")
		}
	}
	c.name, c.arguments = name, n-1
	if c.arguments > MaxArguments {
		return c, fmt.Errorf("%d arguments, at most %d are allowed", c.arguments, MaxArguments)
	}
	return c, nil
}
