package plugins

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// Env is what a node tells a plugin about itself. Every plugin gets all of it, but for Inbox and
// Listen, which only a transport gets.
type Env struct {
	Node    core.NodeID
	Cluster core.ClusterID
	FS      vfs.FS       // for all input and output of a store that is to be checked with faults
	Dir     string       // the plugin's own directory, for what it keeps; it may not exist yet
	Seed    uint64       // for what is to be random
	Log     *slog.Logger // never nil

	Inbox  core.Inbox
	Listen core.Addr // where peers will look for this node
}

// The errors of this package. Test for them with errors.Is.
var (
	// ErrRegistration is returned by Check and the Open functions when a plugin that is built in
	// cannot stand as it is.
	ErrRegistration = errors.New("plugins: invalid registration")
	// ErrUnknown is what every *UnknownError is.
	ErrUnknown = errors.New("plugins: no such plugin")
	// ErrOption is what every *OptionError is.
	ErrOption = errors.New("plugins: invalid option")
)

// UnknownError is returned by the Open functions for a name that nobody registered.
type UnknownError struct {
	Kind  Kind
	Name  string
	Known []string
}

// Error lists the names that are known, and says how to build another plugin in.
func (e *UnknownError) Error() string {
	known := "none is built in"
	if len(e.Known) > 0 {
		known = "built in: " + strings.Join(e.Known, ", ")
	}
	return fmt.Sprintf("no %s is named %q; %s (to build another in, import its package, as in "+
		"import _ \"example.org/%s\", beside plugins/standard in the main package)",
		e.Kind, e.Name, known, e.Name)
}

// Is makes every UnknownError an ErrUnknown.
func (e *UnknownError) Is(target error) bool { return target == ErrUnknown }

// OpenTransport opens the transport of that name. Errors: ErrRegistration, *UnknownError,
// *OptionError, what Validate of the options says, and those of the transport itself.
func OpenTransport(name string, env Env, options map[string]string) (core.Transport, error) {
	return open[core.Transport](&sharedRegistry, Transport, name, env, options)
}

// OpenStore opens the store of that name; see OpenTransport.
func OpenStore(name string, env Env, options map[string]string) (core.Store, error) {
	return open[core.Store](&sharedRegistry, Store, name, env, options)
}

// OpenMachine opens the machine of that name; see OpenTransport.
func OpenMachine(name string, env Env, options map[string]string) (core.StateMachine, error) {
	return open[core.StateMachine](&sharedRegistry, Machine, name, env, options)
}

// Validate returns the error that opening the plugin with these options would end with before the
// plugin itself is asked to open anything.
func Validate(kind Kind, name string, options map[string]string) error {
	return sharedRegistry.validate(kind, name, options)
}

func (r *Registry) validate(kind Kind, name string, options map[string]string) error {
	p, err := r.find(kind, name)
	if err != nil {
		return err
	}
	return p.wrap(p.check(options))
}

func open[P any](
	r *Registry, kind Kind, name string, env Env, options map[string]string,
) (P, error) {
	var none P
	p, err := r.find(kind, name)
	if err != nil {
		return none, err
	}
	opened, err := p.open(env.withDefaults(), options)
	if err != nil {
		return none, p.wrap(err)
	}
	return opened.(P), nil
}

// find looks a plugin up, if all registrations stand.
func (r *Registry) find(kind Kind, name string) (*Plugin, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	unknown := &UnknownError{Kind: kind, Name: name}
	for _, p := range r.List(kind) {
		if p.Name == name {
			return &p, nil
		}
		unknown.Known = append(unknown.Known, p.Name)
	}
	return nil, unknown
}

func (p *Plugin) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", p.Kind, p.Name, err)
}

func (e Env) withDefaults() Env {
	if e.Log == nil {
		e.Log = slog.New(slog.DiscardHandler)
	}
	if e.FS == nil {
		e.FS = vfs.OS()
	}
	return e
}
