package tcp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"testing"

	"github.com/tidelock-raft/tidelock/transport/link"
)

// The bytes of a handshake are a promise to other versions; no field of these is zero.
var (
	goldenHello = link.Hello{
		Version: 0x0102, Cluster: 0x1112131415161718, From: 0x2122232425262728,
		To: 0x3132333435363738, Incarnation: 0x4142434445464748,
	}
	goldenAnswer = link.Answer{
		Version: 0x0102, Status: 0x0304, Cluster: 0x1112131415161718, Node: 0x2122232425262728,
		Incarnation: 0x3132333435363738,
	}
)

const (
	goldenHelloBytes = "746964656c6f636b" + "0102" + "000000000000" +
		"1112131415161718" + "2122232425262728" + "3132333435363738" + "4142434445464748"
	goldenAnswerBytes = "746964656c6f636b" + "0102" + "0304" + "00000000" +
		"1112131415161718" + "2122232425262728" + "3132333435363738"
)

func TestHandshakeIsAsDrawn(t *testing.T) {
	var buf bytes.Buffer
	if err := writeHello(&buf, goldenHello); err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(buf.Bytes()); got != goldenHelloBytes {
		t.Errorf("hello\ngot  %s\nwant %s", got, goldenHelloBytes)
	}
	if got, err := readHello(&buf); err != nil || got != goldenHello {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := writeAnswer(&buf, goldenAnswer); err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(buf.Bytes()); got != goldenAnswerBytes {
		t.Errorf("answer\ngot  %s\nwant %s", got, goldenAnswerBytes)
	}
	if got, err := readAnswer(&buf); err != nil || got != goldenAnswer {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestStrangerIsKnownByItsFirstBytes(t *testing.T) {
	r, w := io.Pipe()
	go func() { _, _ = w.Write([]byte("GET / HT")) }() // and then waits, as a browser does
	if _, err := readHello(r); !errors.Is(err, errMagic) {
		t.Fatalf("got %v, want %v", err, errMagic)
	}
	_ = r.Close()
}

// FuzzHandshake: what is read is what would be written, but for bytes that mean nothing yet.
func FuzzHandshake(f *testing.F) {
	for _, text := range []string{goldenHelloBytes, goldenAnswerBytes, ""} {
		seed, err := hex.DecodeString(text)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		var buf bytes.Buffer
		if h, err := readHello(bytes.NewReader(src)); err == nil {
			if err := writeHello(&buf, h); err != nil || buf.Len() != helloBytes {
				t.Fatalf("%d bytes: %v", buf.Len(), err)
			}
			if again, err := readHello(&buf); err != nil || again != h {
				t.Fatalf("got %+v, want %+v: %v", again, h, err)
			}
		}
		buf.Reset()
		if a, err := readAnswer(bytes.NewReader(src)); err == nil {
			if err := writeAnswer(&buf, a); err != nil || buf.Len() != answerBytes {
				t.Fatalf("%d bytes: %v", buf.Len(), err)
			}
			if again, err := readAnswer(&buf); err != nil || again != a {
				t.Fatalf("got %+v, want %+v: %v", again, a, err)
			}
		}
	})
}
