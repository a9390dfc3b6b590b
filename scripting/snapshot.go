package scripting

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/sandbox"
	"github.com/tidelock-raft/tidelock/scripting/state"
)

// magic begins every snapshot.
const magic = "TLOCKLUA"

// appendHead appends what stands before the collections in a snapshot:
//
//	0   "TLOCKLUA"
//	8   version of the language   4 bytes, little endian, as all below: sandbox.Version
//	12  count of scripts          4, at most 1 + MaxPast; zero: there is none yet
//	    for each, the one that runs first, then back in time
//	      index                   8, of the entry that installed it
//	      version                 4
//	      length of the text      4, at most sandbox.MaxSource
//	      the text
//	    the collections           see state.View.WriteTo
func (t *tenure) appendHead(dst []byte) []byte {
	var all []edition
	if t.program != nil {
		all = append([]edition{{t.Index, t.Version, t.text}}, t.past...)
	}
	dst = binary.LittleEndian.AppendUint32(append(dst, magic...), sandbox.Version)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(all)))
	for _, e := range all {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(e.index))
		dst = binary.LittleEndian.AppendUint32(dst, uint32(e.version))
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(e.text)))
		dst = append(dst, e.text...)
	}
	return dst
}

// Snapshot freezes the state in constant time; see core.StateMachine.
func (m *Machine) Snapshot() (core.Snapshot, error) {
	return &snapshot{m.now.Load().head, m.space.View(), m.effects.space.View()}, nil
}

type snapshot struct {
	head []byte
	*state.View
	effects *state.View
}

// Release lets go of the state.
func (s *snapshot) Release() {
	s.View.Release()
	s.effects.Release()
}

// WriteTo writes head, collections, and effects.
func (s *snapshot) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(s.head)
	if err != nil {
		return int64(n), err
	}
	rest, err := s.View.WriteTo(w)
	if err != nil {
		return int64(n) + rest, err
	}
	last, err := s.effects.WriteTo(w)
	return int64(n) + rest + last, err
}

// Restore replaces script and state by what a snapshot holds; see core.StateMachine. Everything is
// checked before anything is replaced. Errors: core.ErrCorrupt, ErrLanguage, or the reader's own.
func (m *Machine) Restore(r io.Reader) error {
	in := bufio.NewReaderSize(r, 64<<10)
	next, script, err := readHead(in, m.config.Readers)
	if err != nil {
		return err
	}
	space, err := state.Read(in)
	if err == nil {
		err = checkNames(script.names(), space)
	}
	if err != nil {
		return refused(err)
	}
	effects, err := readEffects(in)
	if err != nil {
		return refused(err)
	}
	if _, err := in.ReadByte(); err != io.EOF {
		return fmt.Errorf("restore: %w: bytes behind the snapshot", core.ErrCorrupt)
	}
	m.adopt(next, script, space)
	m.last, m.restored = core.Entry{}, true
	m.recent.stop()
	m.effects.use(effects)
	return nil
}

// checkNames makes sure that a Space is arranged as Arrange would for the declared collections.
func checkNames(declared []string, space *state.Space) error {
	names, live := space.Names(), space.Live()
	if len(names) < len(declared) || !slices.Equal(names[:len(declared)], declared) {
		return fmt.Errorf("%w: collections %q, want %q", state.ErrFormat, names, declared)
	}
	for i, name := range names {
		if slices.Contains(names[:i], name) || i >= len(declared) && live.Len(i) == 0 {
			return fmt.Errorf("%w: the collection %q stands there twice or for nothing", state.ErrFormat,
				name)
		}
	}
	return nil
}

// readHead reads what appendHead wrote.
func readHead(in *bufio.Reader, readers int) (*tenure, *script, error) {
	var fixed [len(magic) + 8]byte
	if err := readFull(in, fixed[:]); err != nil {
		return nil, nil, err
	}
	language := binary.LittleEndian.Uint32(fixed[len(magic):])
	count := binary.LittleEndian.Uint32(fixed[len(magic)+4:])
	switch {
	case string(fixed[:len(magic)]) != magic:
		return nil, nil, fmt.Errorf("restore: %w: it does not begin with %s", core.ErrCorrupt, magic)
	case language != sandbox.Version:
		return nil, nil, fmt.Errorf("restore: %w", errLanguage(language))
	case count > 1+MaxPast:
		return nil, nil, fmt.Errorf("restore: %w: %d scripts", core.ErrCorrupt, count)
	case count == 0:
		none := &tenure{readers: readers}
		return none.settle(0, nil), newScript(), nil
	}
	all, size := make([]edition, count), 0
	for i := range all {
		if err := all[i].read(in); err != nil {
			return nil, nil, err
		}
		if size += len(all[i].text); i == 0 {
			size = 0
		}
	}
	next, s, err := engage(Source{Name: canonical, Text: all[0].text}, readers)
	if err != nil || next.Version != all[0].version || size > MaxPastBytes {
		return nil, nil, fmt.Errorf("restore: %w: its script cannot run: %w", core.ErrCorrupt,
			cmp.Or(err, errors.New("wrong version, or too much history")))
	}
	return next.settle(all[0].index, all[1:]), s, nil
}

func (e *edition) read(in *bufio.Reader) error {
	var fixed [16]byte
	if err := readFull(in, fixed[:]); err != nil {
		return err
	}
	e.index = core.Index(binary.LittleEndian.Uint64(fixed[:]))
	e.version = int(binary.LittleEndian.Uint32(fixed[8:]))
	size := binary.LittleEndian.Uint32(fixed[12:])
	if size > sandbox.MaxSource {
		return fmt.Errorf("restore: %w: a script of %d bytes", core.ErrCorrupt, size)
	}
	e.text = make([]byte, size)
	return readFull(in, e.text)
}

func readFull(in *bufio.Reader, b []byte) error {
	_, err := io.ReadFull(in, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("restore: %w: cut short", core.ErrCorrupt)
	}
	return err
}
