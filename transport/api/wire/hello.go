package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
)

// Version is the version of the protocol that this package speaks.
const Version = 1

// Sizes of the two halves of the handshake, in bytes.
const (
	HelloBytes   = 16
	WelcomeBytes = 36
)

const magic = 0x544c4ba1 // "TLK" 0xA1

// Refusal says why a server does not welcome a client. The numbers are part of the format.
type Refusal uint32

// The refusals.
const (
	RefusedVersion Refusal = 1 // the server does not speak the client's version
	RefusedCluster Refusal = 2 // the server belongs to another cluster than asked for
	RefusedFull    Refusal = 3 // the server has as many connections as it takes
)

var refusals = [...]string{
	0: "welcome", RefusedVersion: "another version", RefusedCluster: "another cluster",
	RefusedFull: "too many connections",
}

// String names the refusal.
func (r Refusal) String() string {
	if int(r) < len(refusals) {
		return refusals[r]
	}
	return fmt.Sprintf("refusal(%d)", uint32(r))
}

// Hello is what a client says first.
type Hello struct {
	Version uint32
	Cluster core.ClusterID // zero: any
}

// Welcome is what a server answers to a Hello.
type Welcome struct {
	Version         uint32
	Cluster         core.ClusterID
	Node            core.NodeID
	MaxRequestBytes uint32
	Window          uint32
	Refusal         Refusal // zero: none
}

// Append appends h to dst.
func (h Hello) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, magic)
	dst = binary.BigEndian.AppendUint32(dst, h.Version)
	return binary.BigEndian.AppendUint64(dst, uint64(h.Cluster))
}

// Append appends w to dst.
func (w Welcome) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, magic)
	dst = binary.BigEndian.AppendUint32(dst, w.Version)
	dst = binary.BigEndian.AppendUint64(dst, uint64(w.Cluster))
	dst = binary.BigEndian.AppendUint64(dst, uint64(w.Node))
	dst = binary.BigEndian.AppendUint32(dst, w.MaxRequestBytes)
	dst = binary.BigEndian.AppendUint32(dst, w.Window)
	return binary.BigEndian.AppendUint32(dst, uint32(w.Refusal))
}

// DecodeHello reads what Append wrote. The error wraps ErrMalformed.
func DecodeHello(src []byte) (Hello, error) {
	if err := checkMagic(src, HelloBytes, "hello"); err != nil {
		return Hello{}, err
	}
	return Hello{
		Version: binary.BigEndian.Uint32(src[4:]),
		Cluster: core.ClusterID(binary.BigEndian.Uint64(src[8:])),
	}, nil
}

// DecodeWelcome reads what Append wrote. The error wraps ErrMalformed.
func DecodeWelcome(src []byte) (Welcome, error) {
	if err := checkMagic(src, WelcomeBytes, "welcome"); err != nil {
		return Welcome{}, err
	}
	return Welcome{
		Version:         binary.BigEndian.Uint32(src[4:]),
		Cluster:         core.ClusterID(binary.BigEndian.Uint64(src[8:])),
		Node:            core.NodeID(binary.BigEndian.Uint64(src[16:])),
		MaxRequestBytes: binary.BigEndian.Uint32(src[24:]),
		Window:          binary.BigEndian.Uint32(src[28:]),
		Refusal:         Refusal(binary.BigEndian.Uint32(src[32:])),
	}, nil
}

func checkMagic(src []byte, want int, what string) error {
	if len(src) != want {
		return fmt.Errorf("%w %s: %d bytes, want %d", ErrMalformed, what, len(src), want)
	}
	if got := binary.BigEndian.Uint32(src); got != magic {
		return fmt.Errorf("%w %s: magic %08x, want %08x", ErrMalformed, what, got, uint32(magic))
	}
	return nil
}
