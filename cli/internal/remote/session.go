package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// Call is one command or query of the machine.
type Call struct {
	Kind core.RequestKind
	Name string
	Args []any
}

// Command is a call that goes through the log.
func Command(name string, args ...any) Call { return Call{core.RequestCommand, name, args} }

// Query is a call that only reads.
func Query(name string, args ...any) Call { return Call{core.RequestQuery, name, args} }

// Literals turns words into arguments: what reads as JSON is that value, anything else is text.
func Literals(words []string) []any {
	args := make([]any, len(words))
	for i, word := range words {
		decoder := json.NewDecoder(bytes.NewReader([]byte(word)))
		decoder.UseNumber()
		var value any
		err := decoder.Decode(&value)
		if _, more := decoder.Token(); err != nil || more != io.EOF {
			value = word
		}
		args[i] = value
	}
	return args
}

// Session makes calls over one client.
type Session struct {
	options Options
	client  Client
}

// Open makes a session; it is to be closed.
func (o Options) Open() (*Session, error) {
	c, err := o.OpenClient()
	if err != nil {
		return nil, err
	}
	return &Session{o, c}, nil
}

// Close ends the session.
func (s *Session) Close() { _ = s.client.Close() }

// Run makes one call in a session of its own and prints its outcome. An error is printed too, and
// returned as reported.
func (o Options) Run(ctx context.Context, c Call) error {
	s, err := o.Open()
	if err != nil {
		return o.Report(err, 0)
	}
	defer s.Close()
	if err := s.Call(ctx, c); err != nil {
		return o.Report(err, 0)
	}
	return nil
}

// Resync has the node that is insisted upon replace its state by the leader's.
func (s *Session) Resync(ctx context.Context) (client.Reply, error) {
	return s.client.Do(ctx, client.Request{Kind: core.RequestResync, Target: s.options.Target})
}

// Change changes the membership, or says what that would do.
func (s *Session) Change(
	ctx context.Context, change core.Change,
) (report core.ChangeReport, reply client.Reply, err error) {
	if reply, err = s.administer(ctx, core.RequestChange, change); err != nil {
		return report, reply, err
	}
	if err = json.Unmarshal(reply.Value, &report); err != nil {
		err = fmt.Errorf("decode report of %s: %w", reply.Endpoint, err)
	}
	return report, reply, err
}

// Transfer hands leadership over, and returns who leads then.
func (s *Session) Transfer(
	ctx context.Context, to core.NodeID,
) (core.NodeID, client.Reply, error) {
	reply, err := s.administer(ctx, core.RequestTransfer, core.Transfer{To: to})
	if err != nil {
		return 0, reply, err
	}
	leads, err := core.DecodeTransfer(reply.Value)
	if err != nil {
		err = fmt.Errorf("decode answer of %s: %w", reply.Endpoint, err)
	}
	return leads.To, reply, err
}

func (s *Session) administer(
	ctx context.Context, kind core.RequestKind, request any,
) (client.Reply, error) {
	data, err := json.Marshal(request)
	if err != nil {
		return client.Reply{}, fmt.Errorf("encode request: %w", err)
	}
	return s.client.Do(ctx, client.Request{
		Kind: kind, Data: data, Target: s.options.Target, Local: s.options.Target != "",
	})
}

// Status returns what the leader says of its node or, if there is none among the endpoints, the
// node that knows of the newest term.
func (s *Session) Status(ctx context.Context) (core.NodeStatus, error) {
	best, _, err := s.best(ctx)
	return best, err
}

// Call makes one call and prints its outcome, unless that is an error.
func (s *Session) Call(ctx context.Context, c Call) error {
	data, err := scripting.EncodeCall(c.Name, c.Args...)
	if err != nil {
		return exit.Mark(err, exit.ErrUsage)
	}
	value, reply, err := s.Ask(ctx, c.Kind, data)
	if err != nil {
		return err
	}
	if c.Kind == core.RequestQuery && !s.options.Applied {
		return s.options.printValue(value)
	}
	if c.Kind == core.RequestCommand && value == nil && !s.options.JSON {
		value = "OK"
	}
	return s.options.printOutcome(value, reply)
}

// Ask makes a call that is encoded already, and returns what comes of it.
func (s *Session) Ask(
	ctx context.Context, kind core.RequestKind, data []byte,
) (any, client.Reply, error) {
	reply, err := s.client.Do(ctx, client.Request{
		Kind: kind, Level: s.options.Level, Data: data,
		AtLeast: s.options.AtLeast, MaxStale: s.options.MaxStale,
		Target: s.options.Target, Local: s.options.Target != "",
	})
	if err != nil {
		return nil, reply, err
	}
	value, err := scripting.DecodeValue(reply.Value)
	if err != nil {
		return nil, reply, fmt.Errorf("decode reply of %s: %w", reply.Endpoint, err)
	}
	return value, reply, nil
}

// QueryAt makes a query that is encoded already, at a level and from an index of its own.
func (s *Session) QueryAt(
	ctx context.Context, level core.ReadLevel, atLeast core.Index, data []byte,
) (any, client.Reply, error) {
	own := *s
	own.options.Level, own.options.AtLeast = level, atLeast
	return own.Ask(ctx, core.RequestQuery, data)
}

// QueryOf makes a query that is encoded already of one node, which answers from what it holds once
// it has applied at least so much.
func (s *Session) QueryOf(
	ctx context.Context, endpoint string, atLeast core.Index, data []byte,
) (any, client.Reply, error) {
	own := *s
	own.options.Target = endpoint
	return own.QueryAt(ctx, core.Stale, atLeast, data)
}

// Report prints an error as a line of JSON and returns it as reported. A line that is not zero is
// that of a batch.
func (o Options) Report(err error, line int) error {
	body := exit.BodyOf(err)
	body.Line = line
	if printErr := body.Print(o.Out); printErr != nil {
		return printErr
	}
	return exit.Reported(err)
}
