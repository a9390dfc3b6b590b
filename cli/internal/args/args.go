// Package args lets flags stand anywhere on a command line: raft-client put x 2 --target 3.
//
// The library that parses flags stops at the first argument that is none. So the words are sorted
// beforehand: the path of subcommands, then the flags, then a double hyphen and the rest. What
// cannot be sorted is an error that says what there is instead.
package args

import (
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
)

// sorter takes the words of a command line one by one.
type sorter struct {
	flags    []cli.Flag     // of the command found so far
	commands []*cli.Command // below it
	path     []string
	given    []given
	rest     []string
}

// given is a flag of the command line, without hyphens.
type given struct {
	name, value string
	hasValue    bool
}

// helpNames are flags that every command has.
var helpNames = []string{"help", "h"}

// Sort returns the words, the program's name first, in an order that the library parses. A word
// behind a double hyphen is no flag, nor is a negative number or a single hyphen. The word help is
// the flag, where a subcommand could stand. Errors are exit.ErrUsage.
func Sort(app *cli.App, words []string) ([]string, error) {
	s := sorter{flags: app.Flags, commands: app.Commands}
	for i := 1; i < len(words); i++ {
		word := words[i]
		switch {
		case word == "--":
			s.rest = append(s.rest, words[i+1:]...)
			i = len(words)
		case isFlag(word):
			g := parse(word)
			if !g.hasValue && s.takesValue(g.name) {
				if i++; i == len(words) {
					return nil, exit.Usagef("flag --%s needs a value", g.name)
				}
				g.value, g.hasValue = words[i], true
			}
			s.given = append(s.given, g)
		default:
			if err := s.word(word); err != nil {
				return nil, err
			}
		}
	}
	return s.sorted(words[0])
}

func isFlag(word string) bool {
	if !strings.HasPrefix(word, "-") || word == "-" {
		return false
	}
	_, err := strconv.ParseFloat(word, 64)
	return err != nil
}

func parse(word string) given {
	word = strings.TrimPrefix(strings.TrimPrefix(word, "-"), "-")
	name, value, found := strings.Cut(word, "=")
	return given{name, value, found}
}

// word takes a word that is no flag: a subcommand as long as there are any, else an argument.
func (s *sorter) word(word string) error {
	if len(s.commands) == 0 {
		s.rest = append(s.rest, word)
		return nil
	}
	if word == "help" {
		s.given = append(s.given, given{name: "help"})
		return nil
	}
	var names []string
	for _, c := range s.commands {
		if c.HasName(word) {
			s.path = append(s.path, word)
			s.flags, s.commands = c.Flags, c.Subcommands
			return nil
		}
		names = append(names, c.Name)
	}
	return exit.Usagef("there is no command %q; there are: %s", word, strings.Join(names, ", "))
}

// takesValue looks the flag up in the command found so far, and then below it: the command itself
// may come later.
func (s *sorter) takesValue(name string) bool {
	f := find(s.flags, name)
	for below := s.commands; f == nil && len(below) > 0; {
		var next []*cli.Command
		for _, c := range below {
			if f == nil {
				f = find(c.Flags, name)
			}
			next = append(next, c.Subcommands...)
		}
		below = next
	}
	d, ok := f.(cli.DocGenerationFlag)
	return ok && d.TakesValue()
}

func find(flags []cli.Flag, name string) cli.Flag {
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

// sorted writes the words down again, if the command that was found has all the flags given.
func (s *sorter) sorted(program string) ([]string, error) {
	words := append([]string{program}, s.path...)
	for _, g := range s.given {
		if find(s.flags, g.name) == nil && !slices.Contains(helpNames, g.name) {
			return nil, s.unknown(g.name)
		}
		word := "--" + g.name
		if g.hasValue {
			word += "=" + g.value
		}
		words = append(words, word)
	}
	if len(s.rest) > 0 {
		words = append(append(words, "--"), s.rest...)
	}
	return words, nil
}

// unknown names the flags that begin as the unknown one does, up to its last dot: after
// --store.wal.colour those of --store.wal.
func (s *sorter) unknown(name string) error {
	prefix := name[:strings.LastIndex(name, ".")+1]
	var names []string
	for _, f := range s.flags {
		known := f.Names()[0]
		if strings.HasPrefix(known, prefix) && (prefix != "" || !strings.Contains(known, ".")) {
			names = append(names, "--"+known)
		}
	}
	slices.Sort(names)
	command := strings.Join(append([]string{""}, s.path...), " ")
	if len(names) == 0 {
		return exit.Usagef("there is no flag --%s%s", name, of(command))
	}
	return exit.Usagef("there is no flag --%s%s; there are: %s",
		name, of(command), strings.Join(names, ", "))
}

func of(command string) string {
	if command == "" {
		return ""
	}
	return " of" + command
}
