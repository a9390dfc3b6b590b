package tcp

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/link"
)

const (
	magic       = "tidelock"
	helloBytes  = 48
	answerBytes = 40
)

// errMagic is what a peer that does not speak this protocol gets: a closed connection.
var errMagic = errors.New("tcp: peer does not speak the tidelock protocol")

// writeHello says what the package comment draws.
func writeHello(w io.Writer, h link.Hello) error {
	buf := make([]byte, 0, helloBytes)
	buf = binary.BigEndian.AppendUint16(append(buf, magic...), h.Version)
	buf = append(buf, make([]byte, 6)...)
	for _, v := range []uint64{uint64(h.Cluster), uint64(h.From), uint64(h.To), h.Incarnation} {
		buf = binary.BigEndian.AppendUint64(buf, v)
	}
	_, err := w.Write(buf)
	return err
}

func readHello(r io.Reader) (link.Hello, error) {
	buf := make([]byte, helloBytes)
	if err := readMagic(r, buf); err != nil {
		return link.Hello{}, err
	}
	number := func(at int) uint64 { return binary.BigEndian.Uint64(buf[at:]) }
	return link.Hello{
		Version: binary.BigEndian.Uint16(buf[8:]), Cluster: core.ClusterID(number(16)),
		From: core.NodeID(number(24)), To: core.NodeID(number(32)), Incarnation: number(40),
	}, nil
}

// writeAnswer says what the package comment draws.
func writeAnswer(w io.Writer, a link.Answer) error {
	buf := make([]byte, 0, answerBytes)
	buf = binary.BigEndian.AppendUint16(append(buf, magic...), a.Version)
	buf = binary.BigEndian.AppendUint16(buf, uint16(a.Status))
	buf = append(buf, make([]byte, 4)...)
	for _, v := range []uint64{uint64(a.Cluster), uint64(a.Node), a.Incarnation} {
		buf = binary.BigEndian.AppendUint64(buf, v)
	}
	_, err := w.Write(buf)
	return err
}

func readAnswer(r io.Reader) (link.Answer, error) {
	buf := make([]byte, answerBytes)
	if err := readMagic(r, buf); err != nil {
		return link.Answer{}, err
	}
	number := func(at int) uint64 { return binary.BigEndian.Uint64(buf[at:]) }
	return link.Answer{
		Version: binary.BigEndian.Uint16(buf[8:]), Status: link.Status(binary.BigEndian.Uint16(buf[10:])),
		Cluster: core.ClusterID(number(16)), Node: core.NodeID(number(24)), Incarnation: number(32),
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
