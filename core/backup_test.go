package core_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

func FuzzDecodeBackupRequest(f *testing.F) {
	f.Add([]byte(`{"stream":18446744073709551615,"piece":3}`))
	f.Add([]byte(`{"stream":1,"pieces":3}`))
	f.Add([]byte(`{"stream":-1}{}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := core.DecodeBackupRequest(data)
		if err != nil {
			if !errors.Is(err, core.ErrChange) {
				t.Errorf("got %v", err)
			}
			return
		}
		again, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		if c, err := core.DecodeBackupRequest(again); err != nil || c != b {
			t.Errorf("got %+v, %v, want %+v", c, err, b)
		}
	})
}
