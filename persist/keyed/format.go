package keyed

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/tidelock-raft/tidelock/core"
)

// The map holds three kinds of key, so that its order is: the format, the groups ascending, the
// entries ascending by group and index. Integers in keys are big endian, in values little endian.
//
//	key                           value
//	0                             format  magic 8 "tidekey\n", version 4 (1), sum 4
//	1, group 8                    state   term 8, vote 8, commit 8, start term 8, start index 8,
//	                                      last term 8, last index 8,
//	                                      snapshot (core.SnapshotMeta.AppendBinary), sum 4
//	2, group 8, index 8           entry   term 8, time 8, kind 1, data, sum 4
//
// A sum is the CRC-32C of the key and of the value before it: a value under another's key does not
// verify. The state of a group says which entries there are, so that a lost one is noticed.
const (
	magic      = "tidekey\n"
	version    = 1
	keyFormat  = 0
	keyState   = 1
	keyEntry   = 2
	stateKey   = 1 + 8
	entryKey   = 1 + 8 + 8
	sumBytes   = 4
	stateFixed = 7 * 8
	entryFixed = 8 + 8 + 1
)

// Errors that a core.CorruptError may wrap.
var (
	// ErrForeign is wrapped by Open where the map holds what no store of ours has put there.
	ErrForeign = errors.New("not the log of a node")
	// ErrVersion is returned by Open for a format that this version cannot read.
	ErrVersion = errors.New("unknown version of the format")

	errSum     = errors.New("checksum does not fit")
	errShort   = errors.New("value is cut short")
	errMissing = errors.New("is missing")
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	little     = binary.LittleEndian
	formatKey  = []byte{keyFormat}
)

func appendStateKey(dst []byte, g core.GroupID) []byte {
	return binary.BigEndian.AppendUint64(append(dst, keyState), uint64(g))
}

func appendEntryKey(dst []byte, g core.GroupID, i core.Index) []byte {
	dst = binary.BigEndian.AppendUint64(append(dst, keyEntry), uint64(g))
	return binary.BigEndian.AppendUint64(dst, uint64(i))
}

// behindGroup is the key above all entries of a group.
func behindGroup(g core.GroupID) []byte {
	return append(appendEntryKey(nil, g, 1<<64-1), 0)
}

// parseKey reads a state's or an entry's key; a state's has no index.
func parseKey(key []byte) (g core.GroupID, i core.Index, err error) {
	switch {
	case len(key) == stateKey && key[0] == keyState:
		return core.GroupID(binary.BigEndian.Uint64(key[1:])), 0, nil
	case len(key) == entryKey && key[0] == keyEntry:
		return core.GroupID(binary.BigEndian.Uint64(key[1:])),
			core.Index(binary.BigEndian.Uint64(key[stateKey:])), nil
	}
	return 0, 0, fmt.Errorf("key %x: %w", key[:min(len(key), entryKey+1)], ErrForeign)
}

// sum is that of a value that is complete but for its sum.
func sum(key, value []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
}

func appendSum(dst []byte, start int, key []byte) []byte {
	return little.AppendUint32(dst, sum(key, dst[start:]))
}

// checked returns the value without its sum, which it has checked.
func checked(key, value []byte, fixed int) ([]byte, error) {
	n := len(value) - sumBytes
	if n < fixed {
		return nil, fmt.Errorf("%w: %d bytes", errShort, len(value))
	}
	if got, want := sum(key, value[:n]), little.Uint32(value[n:]); got != want {
		return nil, fmt.Errorf("%w: got %08x, want %08x", errSum, got, want)
	}
	return value[:n], nil
}

func appendFormat(dst []byte) []byte {
	start := len(dst)
	return appendSum(little.AppendUint32(append(dst, magic...), version), start, formatKey)
}

func checkFormat(value []byte) error {
	if len(value) < len(magic) || string(value[:len(magic)]) != magic {
		return fmt.Errorf("format: %w", ErrForeign)
	}
	body, err := checked(formatKey, value, len(magic)+4)
	if err != nil {
		return fmt.Errorf("format: %w", err)
	}
	if v := little.Uint32(body[len(magic):]); v != version {
		return fmt.Errorf("%w: got %d, want %d", ErrVersion, v, version)
	}
	return nil
}

func appendState(dst, key []byte, st *core.State) []byte {
	start := len(dst)
	for _, v := range [...]uint64{
		uint64(st.Hard.Term), uint64(st.Hard.Vote), uint64(st.Hard.Commit),
		uint64(st.Start.Term), uint64(st.Start.Index), uint64(st.Last.Term), uint64(st.Last.Index),
	} {
		dst = little.AppendUint64(dst, v)
	}
	dst, _ = st.Snapshot.AppendBinary(dst) // the error is always nil
	return appendSum(dst, start, key)
}

func decodeState(key, value []byte) (core.State, error) {
	body, err := checked(key, value, stateFixed)
	if err != nil {
		return core.State{}, err
	}
	snapshot, rest, err := core.DecodeSnapshotMeta(body[stateFixed:])
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes behind the snapshot", len(rest))
	}
	if err != nil {
		return core.State{}, err
	}
	field := func(i int) uint64 { return little.Uint64(body[8*i:]) }
	return core.State{
		Hard: core.HardState{Term: core.Term(field(0)), Vote: core.NodeID(field(1)),
			Commit: core.Index(field(2))},
		Start:    core.Position{Term: core.Term(field(3)), Index: core.Index(field(4))},
		Last:     core.Position{Term: core.Term(field(5)), Index: core.Index(field(6))},
		Snapshot: snapshot,
	}, nil
}

func appendEntry(dst, key []byte, e *core.Entry) []byte {
	start := len(dst)
	dst = little.AppendUint64(dst, uint64(e.Term))
	dst = little.AppendUint64(dst, uint64(e.Time))
	dst = append(append(dst, byte(e.Kind)), e.Data...)
	return appendSum(dst, start, key)
}

// decodeEntry returns an entry whose Data is part of value.
func decodeEntry(key, value []byte) (core.Entry, error) {
	_, i, err := parseKey(key)
	if err != nil {
		return core.Entry{}, err
	}
	body, err := checked(key, value, entryFixed)
	if err != nil {
		return core.Entry{}, err
	}
	return core.Entry{
		Position: core.Position{Term: core.Term(little.Uint64(body)), Index: i},
		Time:     int64(little.Uint64(body[8:])),
		Kind:     core.EntryKind(body[16]),
		Data:     body[entryFixed:],
	}, nil
}
