package tcp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/tidelock-raft/tidelock/core"
)

const (
	magic       = "tidelock"
	version     = 1
	helloBytes  = 48
	answerBytes = 40
)

// status is the answer to a hello. The numbers are part of the protocol.
type status uint16

const (
	accepted status = iota
	wrongVersion
	wrongCluster
	wrongNode
	sameNode
	notVerified
)

var statusText = map[status]string{
	accepted: "accepted", wrongVersion: "another protocol version", wrongCluster: "another cluster",
	wrongNode: "another node has this address", sameNode: "both have the same node id",
	notVerified: "identity not verified",
}

// String says what the status means.
func (s status) String() string {
	if text, ok := statusText[s]; ok {
		return text
	}
	return fmt.Sprintf("status(%d)", uint16(s))
}

// errMagic is what a peer that does not speak this protocol gets: a closed connection.
var errMagic = errors.New("tcp: peer does not speak the tidelock protocol")

// hello is what a dialler says first; package comment draws it.
type hello struct {
	version     uint16
	cluster     core.ClusterID
	from, to    core.NodeID
	incarnation uint64
}

func (h hello) write(w io.Writer) error {
	buf := make([]byte, 0, helloBytes)
	buf = binary.BigEndian.AppendUint16(append(buf, magic...), h.version)
	buf = append(buf, make([]byte, 6)...)
	for _, v := range []uint64{uint64(h.cluster), uint64(h.from), uint64(h.to), h.incarnation} {
		buf = binary.BigEndian.AppendUint64(buf, v)
	}
	_, err := w.Write(buf)
	return err
}

func readHello(r io.Reader) (hello, error) {
	buf := make([]byte, helloBytes)
	if err := readMagic(r, buf); err != nil {
		return hello{}, err
	}
	number := func(at int) uint64 { return binary.BigEndian.Uint64(buf[at:]) }
	return hello{
		version: binary.BigEndian.Uint16(buf[8:]), cluster: core.ClusterID(number(16)),
		from: core.NodeID(number(24)), to: core.NodeID(number(32)), incarnation: number(40),
	}, nil
}

// answer is what the other side says; package comment draws it.
type answer struct {
	version     uint16
	status      status
	cluster     core.ClusterID
	node        core.NodeID
	incarnation uint64
}

func (a answer) write(w io.Writer) error {
	buf := make([]byte, 0, answerBytes)
	buf = binary.BigEndian.AppendUint16(append(buf, magic...), a.version)
	buf = binary.BigEndian.AppendUint16(buf, uint16(a.status))
	buf = append(buf, make([]byte, 4)...)
	for _, v := range []uint64{uint64(a.cluster), uint64(a.node), a.incarnation} {
		buf = binary.BigEndian.AppendUint64(buf, v)
	}
	_, err := w.Write(buf)
	return err
}

func readAnswer(r io.Reader) (answer, error) {
	buf := make([]byte, answerBytes)
	if err := readMagic(r, buf); err != nil {
		return answer{}, err
	}
	number := func(at int) uint64 { return binary.BigEndian.Uint64(buf[at:]) }
	return answer{
		version: binary.BigEndian.Uint16(buf[8:]), status: status(binary.BigEndian.Uint16(buf[10:])),
		cluster: core.ClusterID(number(16)), node: core.NodeID(number(24)), incarnation: number(32),
	}, nil
}

// readMagic fills buf, and does not wait for the rest where the start is wrong already.
func readMagic(r io.Reader, buf []byte) error {
	if _, err := io.ReadFull(r, buf[:len(magic)]); err != nil {
		return err
	}
	if string(buf[:len(magic)]) != magic {
		return errMagic
	}
	_, err := io.ReadFull(r, buf[len(magic):])
	return err
}

// refusedError is a handshake that ended with a reason.
type refusedError struct {
	status  status
	node    core.NodeID // and so on: who the other side is
	cluster core.ClusterID
	version uint16
}

// Error says why, and who the other side is.
func (e *refusedError) Error() string {
	return fmt.Sprintf("refused: %v (it is node %d of cluster %d, version %d)",
		e.status, e.node, e.cluster, e.version)
}

// judge decides about a hello.
func (t *Transport) judge(h hello) status {
	switch {
	case h.version != version:
		return wrongVersion
	case h.cluster != t.config.Cluster:
		return wrongCluster
	case h.to != t.config.Node || h.from == 0:
		return wrongNode
	case h.from == t.config.Node:
		return sameNode
	}
	return accepted
}

// check decides about an answer from the node that was expected to be to.
func (t *Transport) check(a answer, to core.NodeID) error {
	s := a.status
	switch {
	case s != accepted:
	case a.version != version:
		s = wrongVersion
	case a.cluster != t.config.Cluster:
		s = wrongCluster
	case a.node != to:
		s = wrongNode
	default:
		return nil
	}
	return &refusedError{status: s, node: a.node, cluster: a.cluster, version: a.version}
}
