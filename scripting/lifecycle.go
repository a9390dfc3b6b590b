package scripting

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/sandbox"
	"github.com/tidelock-raft/tidelock/scripting/state"
	"github.com/tidelock-raft/tidelock/scripting/value"
)

// The names of the reserved calls of a script's life.
const (
	installCommand  = "@install"  // file, text, language
	pushCommand     = "@push"     // file, text, language, hash of the script that is to be replaced
	rollbackCommand = "@rollback" // hash of the script that is to be replaced
	scriptQuery     = "@script"   // nothing
	rehearseQuery   = "@rehearse" // file, text, language
)

// The codes of failures of these calls, and NoScript of all others while there is none.
const (
	NoScript  = "no_script"  // nothing is installed yet
	Installed = "installed"  // another script is installed already
	Refused   = "refused"    // the script cannot be run, or not on this state
	Version   = "version"    // the version is not higher than the one that runs
	Outdated  = "outdated"   // another script runs than the one that was to be replaced
	NoHistory = "no_history" // there is nothing to return to
)

// maxFile bounds the name of a script's file, in bytes.
const maxFile = 256

// ErrLanguage is returned by Apply and Restore for a script that needs another version of the
// language than this program has. Going on would make replicas differ: install the program that the
// others run.
var ErrLanguage = errors.New("scripting: another version of the language is needed")

func errLanguage(version uint32) error {
	return fmt.Errorf("%w: version %d, this program has %d", ErrLanguage, version, sandbox.Version)
}

// EncodeInstall makes the command that installs the first script of a group. It succeeds without
// effect if this very script runs already.
func EncodeInstall(src Source) ([]byte, error) {
	return EncodeCall(installCommand, src.Name, src.Text, sandbox.Version)
}

// EncodePush makes the command that lets a script take over from the one with this hash.
func EncodePush(src Source, from [sha256.Size]byte) ([]byte, error) {
	return EncodeCall(pushCommand, src.Name, src.Text, sandbox.Version, from[:])
}

// EncodeRollback makes the command that returns from the script with this hash to the one before.
func EncodeRollback(from [sha256.Size]byte) ([]byte, error) {
	return EncodeCall(rollbackCommand, from[:])
}

// EncodeScript makes the query that describes the script which runs: a map of name, version, hash
// (in hexadecimal), index, language, source, and history, an array of maps of version, hash and
// index, the one that a rollback returns to first.
func EncodeScript() ([]byte, error) { return EncodeCall(scriptQuery) }

// EncodeRehearse makes the query that tries a push on a copy of the state, with ctx as of the last
// entry applied. It returns a map of name, version, hash, from (the version that runs), replaces
// (its hash), steps, memory, and of the maps before, after and hidden: how many items the
// collections have, by name; hidden ones are kept, out of reach of the new script.
func EncodeRehearse(src Source) ([]byte, error) {
	return EncodeCall(rehearseQuery, src.Name, src.Text, sandbox.Version)
}

// source takes a script from the arguments, and the version of the language that it is written in.
func (a *arguments) source() (Source, uint32) {
	src := Source{Name: a.text(maxFile), Text: []byte(a.text(sandbox.MaxSource))}
	return src, a.whole()
}

// hash takes the hash of a script.
func (a *arguments) hash() (h [sha256.Size]byte) {
	if n := copy(h[:], a.text(sha256.Size)); n < sha256.Size && a.problem == "" {
		a.problem = fmt.Sprintf("a hash of %d bytes, want %d", n, sha256.Size)
	}
	return h
}

// install carries out @install.
func (m *Machine) install(e *core.Entry, a *arguments) (core.Result, error) {
	src, language := a.source()
	now := m.now.Load()
	switch failure := a.end(); {
	case failure != nil:
		return core.Result{Failure: failure}, nil
	case language != sandbox.Version:
		return core.Result{}, errLanguage(language)
	case now.program != nil && now.Hash == sha256.Sum256(src.Text):
		return now.result(), nil
	case now.program != nil:
		return failed(Installed, fmt.Sprintf("%s runs already; push a new version of it", now.shown)), nil
	}
	next, s, err := engage(src, m.config.Readers)
	if err != nil {
		return failed(Refused, err.Error()), nil
	}
	return m.takeOver(e, next, s, nil)
}

// push carries out @push.
func (m *Machine) push(e *core.Entry, a *arguments) (core.Result, error) {
	src, language := a.source()
	from := a.hash()
	now := m.now.Load()
	failure := a.end()
	switch {
	case failure != nil:
		return core.Result{Failure: failure}, nil
	case language != sandbox.Version:
		return core.Result{}, errLanguage(language)
	}
	if failure = now.isStill(from); failure != nil {
		return core.Result{Failure: failure}, nil
	}
	next, s, failure := now.successor(src)
	if failure != nil {
		return core.Result{Failure: failure}, nil
	}
	return m.takeOver(e, next, s, now.history())
}

// rollback carries out @rollback: the running script may undo what it did, the one before takes
// over.
func (m *Machine) rollback(e *core.Entry, a *arguments) (core.Result, error) {
	from := a.hash()
	now := m.now.Load()
	failure := a.end()
	if failure == nil {
		failure = now.isStill(from)
	}
	switch {
	case failure != nil:
		return core.Result{Failure: failure}, nil
	case len(now.past) == 0:
		return failed(NoHistory, fmt.Sprintf("nothing is kept from before %s", now.shown)), nil
	}
	next, s, err := engage(Source{Name: canonical, Text: now.past[0].text}, m.config.Readers)
	if err != nil {
		return core.Result{}, fmt.Errorf("load the script of index %d anew: %w", now.past[0].index, err)
	}
	if undo := m.writer.revert; undo != nil {
		r := m.writer.change(e, m.space, m.effects, "rollback", undo, next.Version)
		if r.Failure != nil {
			m.space.Rollback(0)
			m.effects.rollback(0)
			return r, m.mend(e.Index)
		}
	}
	return m.takeOver(e, next, s, now.past[1:])
}

// isStill makes sure that the script which is to be replaced is the one that runs.
func (t *tenure) isStill(from [sha256.Size]byte) *core.Failure {
	switch {
	case t.program == nil:
		return noScript().Failure
	case t.Hash != from:
		return failed(Outdated, fmt.Sprintf("%s runs, not %x", t.shown, from[:6])).Failure
	}
	return nil
}

// successor loads a script that is to follow t.
func (t *tenure) successor(src Source) (*tenure, *script, *core.Failure) {
	if t.program == nil {
		return nil, nil, noScript().Failure
	}
	next, s, err := engage(src, t.readers)
	switch {
	case err != nil:
		return nil, nil, failed(Refused, err.Error()).Failure
	case next.Name != t.Name:
		return nil, nil, failed(Refused, fmt.Sprintf("%s: this machine is %s, the one that runs is %s",
			src.Name, next.Name, t.Name)).Failure
	case next.Version <= t.Version:
		return nil, nil, failed(Version, fmt.Sprintf("%s: version %d, want one above %d, which runs",
			src.Name, next.Version, t.Version)).Failure
	}
	return next, s, nil
}

func noScript() core.Result {
	return failed(NoScript, "the log has not brought a script yet")
}

// takeOver makes next the script that runs, with s as its writer. On a failure everything is as it
// was before the entry.
func (m *Machine) takeOver(
	e *core.Entry, next *tenure, s *script, past []edition,
) (core.Result, error) {
	if failure := s.inherit(e, m.writer, m.space, m.effects); failure != nil {
		m.space.Rollback(0)
		m.effects.rollback(0)
		return core.Result{Failure: failure}, m.mend(e.Index)
	}
	m.observe(e)
	m.space.Commit()
	m.effects.commit()
	m.adopt(next.settle(e.Index, past), s, m.space)
	return next.result(), m.mend(e.Index)
}

// inherit makes the space of an older script, of a newer one or of none that of s: collections keep
// what they hold, and the script's migrate changes it. The caller commits; after a failure it rolls
// back, and then everything is as it was.
func (s *script) inherit(
	e *core.Entry, other *script, space *state.Space, fx *effects,
) *core.Failure {
	for _, c := range s.collections {
		i := slices.IndexFunc(other.collections, func(o collection) bool { return o.name == c.name })
		if i >= 0 && other.collections[i].single != c.single {
			return failed(Refused, fmt.Sprintf("'%s' is a map in one version and a value in the other; "+
				"give it another name", c.name)).Failure
		}
	}
	had := space.Names()
	undo, err := space.Arrange(s.names())
	if err != nil {
		return failed(Refused, err.Error()).Failure
	}
	for i, c := range s.collections {
		if !slices.Contains(had, c.name) {
			space.Set(i, s.single, c.initial)
		}
	}
	if s.migrate == nil || other.version == 0 || other.version > s.version {
		return nil
	}
	r := s.change(e, space, fx, "migrate", s.migrate, other.version)
	if r.Failure != nil {
		undo()
	}
	return r.Failure
}

// change calls migrate or rollback as a command, with a version. The caller commits or rolls back.
func (s *script) change(
	e *core.Entry, space *state.Space, fx *effects, name string, f *lua.LFunction, version int,
) core.Result {
	s.entry, s.space, s.view, s.effects = e, space, space.Live(), fx
	s.vm.Seed(seed(e, 0), true)
	s.vm.Begin(f)
	s.vm.L.Push(lua.LNumber(version))
	r := s.finish(name, 1)
	s.release()
	s.effects = nil
	if r.Failure != nil {
		return failed(r.Failure.Code, name+": "+r.Failure.Message)
	}
	return r
}

// names are those of the declared collections.
func (s *script) names() []string {
	names := make([]string, len(s.collections))
	for i, c := range s.collections {
		names[i] = c.name
	}
	return names
}

// result tells who runs now.
func (t *tenure) result() core.Result { return reply(t.describe()) }

func (t *tenure) describe() map[string]any {
	return map[string]any{
		"name": t.Name, "version": t.Version, "hash": hex.EncodeToString(t.Hash[:]),
		"index": uint64(t.Index),
	}
}

// reply makes a result of a value that has a form in package value.
func reply(v any) core.Result {
	data, err := value.FromAny(nil, v)
	if err != nil {
		return failed(Error, err.Error())
	}
	return core.Result{Value: data}
}

// script answers @script.
func (v *view) script(a *arguments) core.Result {
	failure := a.end()
	switch {
	case failure != nil:
		return core.Result{Failure: failure}
	case v.now.program == nil:
		return noScript()
	}
	answer := v.now.describe()
	answer["language"], answer["source"] = sandbox.Version, v.now.text
	past := []any{}
	for _, e := range v.now.past {
		sum := sha256.Sum256(e.text)
		past = append(past, map[string]any{
			"version": e.version, "hash": hex.EncodeToString(sum[:]), "index": uint64(e.index),
		})
	}
	answer["history"] = past
	return reply(answer)
}

// rehearse answers @rehearse.
func (v *view) rehearse(a *arguments) core.Result {
	src, language := a.source()
	failure := a.end()
	if failure == nil && language != sandbox.Version {
		failure = failed(Refused, errLanguage(language).Error()).Failure
	}
	if failure != nil {
		return core.Result{Failure: failure}
	}
	next, s, failure := v.now.successor(src)
	if failure != nil {
		return core.Result{Failure: failure}
	}
	other, err := v.now.borrow()
	if err != nil {
		return failed(Error, err.Error())
	}
	defer v.now.giveBack(other)
	space, fx := v.v.Copy(), newEffects()
	fx.begin(v.last.Index)
	if failure := s.inherit(&v.last, other, space, fx); failure != nil {
		return core.Result{Failure: failure}
	}
	next.settle(v.last.Index, nil)
	answer := next.describe()
	answer["from"], answer["replaces"] = v.now.Version, hex.EncodeToString(v.now.Hash[:])
	before, after, hidden := map[string]any{}, map[string]any{}, map[string]any{}
	for name, n := range v.v.Sizes() {
		before[name] = n
	}
	for name, n := range space.Live().Sizes() {
		if slices.Contains(s.names(), name) {
			after[name] = n
		} else {
			hidden[name] = n
		}
	}
	answer["before"], answer["after"], answer["hidden"] = before, after, hidden
	var used sandbox.Limits
	if s.migrate != nil {
		used = s.vm.Used()
	}
	answer["steps"], answer["memory"] = used.Steps, used.Bytes
	return reply(answer)
}

// Admit says why a node must not propose this command: it would stop nodes that do not have the
// version of the language which the command asks for. Nil: it may.
func (m *Machine) Admit(data []byte) *core.Failure {
	name, a, ok := reserved(data)
	if !ok || name != installCommand && name != pushCommand {
		return nil
	}
	if _, language := a.source(); a.problem == "" && language != sandbox.Version {
		return failed(Refused, errLanguage(language).Error()).Failure
	}
	return nil
}
