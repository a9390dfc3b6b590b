package codec_test

import (
	"bytes"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/codec"
	"github.com/tidelock-raft/tidelock/transport/transporttest"
)

// No bytes make a Reader panic or give more than the bytes can stand for, and what it accepts is
// accepted by a Batch and comes back the same.
func FuzzReader(f *testing.F) {
	for _, m := range transporttest.Samples(1, 2) {
		f.Add(false, frame(f, m))
		f.Add(true, frame(f, m)[8:])
	}
	f.Add(false, frame(f, transporttest.Samples(1, 2)...))
	f.Add(false, []byte("\xff\xff\xff\xff\x00\x00\x00\x00\x91\x00"))
	f.Add(true, []byte("\x92\x01\x97\x05\x08\x01\x01\x02\x01\x93\x92\x02\x01\x00\xc4\x00"))
	f.Fuzz(func(t *testing.T, payloadOnly bool, stream []byte) {
		// As a payload, bytes get past the checksum to where the work is.
		if payloadOnly {
			stream = payload(stream)
		}
		r := codec.NewReader(bytes.NewReader(stream), codec.Limits{MaxFrameBytes: 1 << 16})
		var msgs []core.Message
		var err error
		for err == nil {
			msgs, err = r.Next(msgs)
		}
		entries := 0
		for i := range msgs {
			entries += len(msgs[i].Entries)
		}
		if len(msgs)*7+entries*4 > len(stream) {
			t.Fatalf("%d messages with %d entries from %d bytes", len(msgs), entries, len(stream))
		}
		again, err := codec.Limits{}.AppendFrame(nil, msgs)
		if err != nil {
			t.Fatalf("decoded, but cannot be encoded: %v", err)
		}
		var back []core.Message
		for len(again) > 0 {
			if back, again, err = (codec.Limits{}).DecodeFrame(back, again); err != nil {
				t.Fatal(err)
			}
		}
		requireEqual(t, back, msgs)
	})
}
