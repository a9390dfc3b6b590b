package batch

import (
	"strings"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
)

// split cuts a line into words: see the command's description. A comment has none.
func split(line string) ([]string, error) {
	if strings.HasPrefix(strings.TrimLeft(line, " \t"), "#") {
		return nil, nil
	}
	var words []string
	var word strings.Builder
	var quote rune // that is open; zero: none
	inWord, escaped := false, false
	for _, r := range line {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			inWord, escaped = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			inWord, quote = true, r
		case r == ' ' || r == '\t' || r == '\r':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			inWord = true
			word.WriteRune(r)
		}
	}
	switch {
	case escaped:
		return nil, exit.Usagef("a backslash at the end of the line")
	case quote != 0:
		return nil, exit.Usagef("a quote %c is not closed", quote)
	case inWord:
		words = append(words, word.String())
	}
	return words, nil
}
