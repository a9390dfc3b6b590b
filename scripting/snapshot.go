package scripting

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/scripting/sandbox"
	"github.com/tidelock-raft/tidelock/scripting/state"
)

// ErrOtherScript is returned by Restore for a snapshot that another script made, or another version
// of the language. The machine then holds what it held before.
var ErrOtherScript = errors.New("scripting: the snapshot was made by another script")

// magic begins every snapshot.
const magic = "TLOCKLUA"

// head is what stands before the collections in a snapshot:
//
//	0   "TLOCKLUA"
//	8   version of the language   4 bytes, little endian: sandbox.Version
//	12  length of the script      4 bytes, little endian, at most sandbox.MaxSource
//	16  the script
//	    the collections           see state.View.WriteTo
func (m *Machine) head() []byte {
	b := binary.LittleEndian.AppendUint32([]byte(magic), sandbox.Version)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(m.text)))
	return append(b, m.text...)
}

// Snapshot freezes the state in constant time; see core.StateMachine.
func (m *Machine) Snapshot() (core.Snapshot, error) {
	return &snapshot{head: m.head(), View: m.space.View()}, nil
}

type snapshot struct {
	head []byte
	*state.View
}

// WriteTo writes head and collections.
func (s *snapshot) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(s.head)
	if err != nil {
		return int64(n), err
	}
	rest, err := s.View.WriteTo(w)
	return int64(n) + rest, err
}

// Restore replaces the state by what a snapshot holds; see core.StateMachine. Everything is checked
// before anything is replaced. Errors: core.ErrCorrupt, ErrOtherScript, or the reader's own.
func (m *Machine) Restore(r io.Reader) error {
	in := bufio.NewReaderSize(r, 64<<10)
	if err := m.readHead(in); err != nil {
		return err
	}
	space, err := state.Read(in)
	switch {
	case errors.Is(err, state.ErrFormat):
		return fmt.Errorf("restore: %w: %w", core.ErrCorrupt, err)
	case err != nil:
		return fmt.Errorf("restore: %w", err)
	case !slices.Equal(space.Names(), m.space.Names()):
		return fmt.Errorf("restore: %w: collections %q, want %q", core.ErrCorrupt, space.Names(),
			m.space.Names())
	}
	if _, err := in.ReadByte(); err != io.EOF {
		return fmt.Errorf("restore: %w: bytes behind the snapshot", core.ErrCorrupt)
	}
	m.use(space)
	return nil
}

func (m *Machine) readHead(in *bufio.Reader) error {
	var fixed [len(magic) + 8]byte
	if err := readFull(in, fixed[:]); err != nil {
		return err
	}
	version := binary.LittleEndian.Uint32(fixed[len(magic):])
	size := binary.LittleEndian.Uint32(fixed[len(magic)+4:])
	switch {
	case string(fixed[:len(magic)]) != magic:
		return fmt.Errorf("restore: %w: it does not begin with %s", core.ErrCorrupt, magic)
	case size > sandbox.MaxSource:
		return fmt.Errorf("restore: %w: a script of %d bytes", core.ErrCorrupt, size)
	case version != sandbox.Version:
		return fmt.Errorf("%w: language version %d, this node runs %d", ErrOtherScript, version,
			sandbox.Version)
	}
	text := make([]byte, size)
	if err := readFull(in, text); err != nil {
		return err
	}
	if !bytes.Equal(text, m.text) {
		return fmt.Errorf("%w: %d bytes that differ from %s version %d (%x), which this node runs",
			ErrOtherScript, size, m.Name(), m.Version(), m.hash[:4])
	}
	return nil
}

func readFull(in *bufio.Reader, b []byte) error {
	_, err := io.ReadFull(in, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("restore: %w: cut short", core.ErrCorrupt)
	}
	return err
}
