package codec_test

import (
	"bytes"
	"fmt"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/codec"
)

func Example() {
	var batch codec.Batch
	if err := batch.Add(&core.Message{Kind: core.MsgVote, Group: 1, From: 1, To: 2}); err != nil {
		panic(err)
	}
	var wire bytes.Buffer
	if _, err := batch.WriteTo(&wire); err != nil {
		panic(err)
	}
	msgs, err := codec.NewReader(&wire, codec.Limits{}).Next(nil)
	fmt.Println(msgs, err)
	// Output: [1->2 RequestVote group=1 term=0] <nil>
}
