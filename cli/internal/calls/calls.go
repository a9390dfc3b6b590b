// Package calls reads the calls of a machine that commands such as tidelock run take, one a line.
// What a call comes to is the command's business.
package calls

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/tidelock-raft/tidelock/scripting"
)

// Request is what a line asks for: a command, a query or neither, and perhaps to set the clock.
type Request struct {
	Command, Query []byte
	Time           *int64 // in milliseconds
}

// Parse reads a line: ["put","x",1] is a command, {"query":["get","x"]} a query, and {"time":60000}
// sets the clock, alone or beside a query.
func Parse(line []byte) (r Request, err error) {
	var call []any
	if line = bytes.TrimSpace(line); bytes.HasPrefix(line, []byte("[")) {
		if err = decode(line, &call); err == nil {
			r.Command, err = encode(call)
		}
		return r, err
	}
	var object struct {
		Time  *int64
		Query *[]any
	}
	if err = decode(line, &object); err != nil {
		return r, err
	}
	switch r.Time = object.Time; {
	case object.Query != nil:
		r.Query, err = encode(*object.Query)
	case object.Time == nil:
		err = errors.New(`neither ["put","x",1] nor {"query":[…]} nor {"time":…}`)
	}
	return r, err
}

func decode(line []byte, target any) error {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber()
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(target); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}

func encode(call []any) ([]byte, error) {
	if len(call) > 0 {
		if name, ok := call[0].(string); ok {
			return scripting.EncodeCall(name, call[1:]...)
		}
	}
	return nil, errors.New("a call begins with a name")
}
