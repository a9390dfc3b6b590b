package plugins

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/tidelock-raft/tidelock/core"
)

// Kind says what a plugin is.
type Kind string

// The kinds of plugin.
const (
	Transport Kind = "transport" // carries messages between nodes: a core.Transport
	Store     Kind = "store"     // keeps logs: a core.Store
	Machine   Kind = "machine"   // is what is replicated: a core.StateMachine
)

// Kinds are all kinds, in the order in which a node needs them.
var Kinds = []Kind{Transport, Store, Machine}

// Plugin describes one registered plugin.
type Plugin struct {
	Kind    Kind
	Name    string
	Options []Option

	place string // file:line that registered it
	check func(options map[string]string) error
	open  func(e Env, options map[string]string) (any, error)
}

// Registry is a list of plugins. The functions of this package use one that all share; others
// serve for tests. Its methods may be called from several goroutines.
type Registry struct {
	mu      sync.Mutex
	plugins []*Plugin // ascending by kind and name
	wrong   []error   // registrations that cannot stand
}

// sharedRegistry is the registry of the process.
var sharedRegistry Registry

// RegisterTransport adds a transport under a name. C is the struct of its options. What is wrong
// with a registration (a name used twice, a type of field that cannot be decoded) is told by Check
// and by every Open, so that it reads as an error and not as a crash before main.
func RegisterTransport[C any](name string, open func(Env, C) (core.Transport, error)) {
	register(&sharedRegistry, Transport, name, open, caller())
}

// RegisterStore adds a store under a name; see RegisterTransport.
func RegisterStore[C any](name string, open func(Env, C) (core.Store, error)) {
	register(&sharedRegistry, Store, name, open, caller())
}

// RegisterMachine adds a machine under a name; see RegisterTransport.
func RegisterMachine[C any](name string, open func(Env, C) (core.StateMachine, error)) {
	register(&sharedRegistry, Machine, name, open, caller())
}

// caller says who called the function that calls it, as file:line.
func caller() string {
	_, file, line, _ := runtime.Caller(2)
	dir, name := filepath.Split(file)
	return fmt.Sprintf("%s:%d", filepath.Join(filepath.Base(dir), name), line)
}

func register[C, P any](
	r *Registry, kind Kind, name string, open func(Env, C) (P, error), place string,
) {
	p := &Plugin{Kind: kind, Name: name, place: place}
	p.check = func(options map[string]string) error { return decode(new(C), options) }
	p.open = func(env Env, options map[string]string) (any, error) {
		var c C
		if err := decode(&c, options); err != nil {
			return nil, err
		}
		return open(env, c)
	}
	var err error
	if p.Options, err = describe(reflect.TypeFor[C]()); err == nil {
		err = checkName(name)
	}
	r.add(p, err)
}

// add puts p in its place in the list, or notes why it cannot be there.
func (r *Registry) add(p *Plugin, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i, found := slices.BinarySearchFunc(r.plugins, p, byKindAndName)
	if found {
		err = fmt.Errorf("registered before by %s", r.plugins[i].place)
	}
	if err != nil {
		r.wrong = append(r.wrong, fmt.Errorf("%s: %s %q: %w", p.place, p.Kind, p.Name, err))
		return
	}
	r.plugins = slices.Insert(r.plugins, i, p)
}

func byKindAndName(p, q *Plugin) int {
	if c := strings.Compare(string(p.Kind), string(q.Kind)); c != 0 {
		return c
	}
	return strings.Compare(p.Name, q.Name)
}

// checkName accepts names that can stand in a flag and in an environment variable.
func checkName(name string) error {
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return errors.New("a name consists of a-z, 0-9 and hyphens")
	}
	return nil
}

// Check returns an error that wraps ErrRegistration and lists all registrations that cannot stand,
// each with its place in the source.
func Check() error { return sharedRegistry.Check() }

// Check is as the function Check.
func (r *Registry) Check() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.wrong) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrRegistration, errors.Join(r.wrong...))
}

// List returns the plugins of a kind, ascending by name.
func List(kind Kind) []Plugin { return sharedRegistry.List(kind) }

// List is as the function List.
func (r *Registry) List(kind Kind) []Plugin {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []Plugin
	for _, p := range r.plugins {
		if p.Kind == kind {
			list = append(list, *p)
		}
	}
	return list
}
