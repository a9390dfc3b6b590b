package raftscript

import (
	"fmt"
	"strings"
)

// separator stands between commands and their output.
const separator = "----"

// block is some commands with the comments and blank lines around them, and what they print.
type block struct {
	text     []string // as it stands in the file
	commands []string
	output   []string
}

// parse cuts a transcript into blocks. The last one may have comments only.
func parse(text string) ([]block, error) {
	var blocks []block
	var b block
	inOutput := false
	for n, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		switch {
		case inOutput && line == "":
			blocks, b, inOutput = append(blocks, b), block{}, false
		case inOutput:
			b.output = append(b.output, line)
		case line == separator:
			if len(b.commands) == 0 {
				return nil, fmt.Errorf("line %d: output without a command", n+1)
			}
			inOutput = true
		default:
			b.text = append(b.text, line)
			if line != "" && !strings.HasPrefix(line, "#") {
				b.commands = append(b.commands, line)
			}
		}
	}
	if len(b.commands) > 0 && !inOutput {
		return nil, fmt.Errorf("the last commands have no output: %q", b.commands)
	}
	if len(b.text) > 0 {
		blocks = append(blocks, b)
	}
	return blocks, nil
}

// Run carries out the commands of a transcript and returns it with the output that they gave, in
// place of the one that it has. A transcript that is right comes back as it is. The error says
// that a promise was broken, or that a command is not one; the transcript then ends there.
func Run(text string) (string, error) {
	blocks, err := parse(text)
	if err != nil {
		return "", err
	}
	var in interpreter
	var out strings.Builder
	for i, b := range blocks {
		out.WriteString(strings.Join(b.text, "\n") + "\n")
		if len(b.commands) == 0 {
			continue
		}
		out.WriteString(separator + "\n")
		in.lines = nil
		for _, command := range b.commands {
			if err = in.run(command); err != nil {
				err = fmt.Errorf("%s: %w", command, err)
				in.lines = append(in.lines, "broken: "+err.Error())
				break
			}
		}
		if len(in.lines) == 0 {
			in.lines = []string{"ok"}
		}
		out.WriteString(strings.Join(in.lines, "\n") + "\n")
		if err != nil {
			break
		}
		if i+1 < len(blocks) {
			out.WriteString("\n")
		}
	}
	return out.String(), err
}
