package node

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"slices"

	"github.com/tidelock-raft/tidelock/core"
)

// journal is the simplest machine that shows whatever goes wrong: its state is the list of all
// commands that it was given. The command "refuse" fails.
type journal struct {
	commands []string
	hash     uint64
}

func newJournal() *journal { return &journal{} }

func (j *journal) Apply(dst []core.Result, entries []core.Entry) ([]core.Result, error) {
	for i := range entries {
		if string(entries[i].Data) == "refuse" {
			failure := &core.Failure{Code: "refused", Message: "as asked"}
			dst = append(dst, core.Result{Failure: failure})
			continue
		}
		j.add(string(entries[i].Data))
		dst = append(dst, core.Result{Value: fmt.Append(nil, len(j.commands))})
	}
	return dst, nil
}

func (j *journal) add(command string) {
	j.commands = append(j.commands, command)
	h := fnv.New64a()
	fmt.Fprint(h, j.hash, command)
	j.hash = h.Sum64()
}

func (j *journal) Query([]byte) core.Result {
	return core.Result{Value: fmt.Append(nil, len(j.commands))}
}

func (j *journal) Digest() uint64 { return j.hash }

func (j *journal) Digests(dst []core.NamedDigest) []core.NamedDigest {
	return append(dst, core.NamedDigest{Name: "commands", Digest: j.hash},
		core.NamedDigest{Name: "count", Digest: uint64(len(j.commands))})
}

// flip changes the state behind everybody's back, as a bit of memory might.
func (j *journal) flip() {
	if n := len(j.commands); n > 0 {
		j.commands[n/2] += "'"
	}
	j.hash += 1<<17 + 1
}

func (j *journal) Snapshot() (core.Snapshot, error) {
	return frozenJournal(slices.Clone(j.commands)), nil
}

func (j *journal) Restore(r io.Reader) error {
	*j = journal{}
	in := bufio.NewReader(r)
	for {
		n, err := binary.ReadUvarint(in)
		if err == io.EOF {
			return nil
		}
		if err != nil || n > 1<<20 {
			return fmt.Errorf("%w: length %d: %v", core.ErrCorrupt, n, err)
		}
		command := make([]byte, n)
		if _, err := io.ReadFull(in, command); err != nil {
			return fmt.Errorf("%w: %w", core.ErrCorrupt, err)
		}
		j.add(string(command))
	}
}

func (j *journal) Close() error { return nil }

// frozenJournal begins with an empty command's worth of nothing, so that no body is empty.
type frozenJournal []string

func (f frozenJournal) WriteTo(w io.Writer) (int64, error) {
	var data []byte
	for _, command := range f {
		data = binary.AppendUvarint(data, uint64(len(command)))
		data = append(data, command...)
	}
	n, err := w.Write(data)
	return int64(n), err
}

func (f frozenJournal) Release() {}

// viewedJournal is a journal whose queries run on views.
type viewedJournal struct{ *journal }

func (j viewedJournal) View() (core.View, error) {
	return frozenCount(len(j.commands)), nil
}

type frozenCount int

func (c frozenCount) Query([]byte) core.Result {
	return core.Result{Value: fmt.Append(nil, int(c))}
}
func (c frozenCount) Release() {}
