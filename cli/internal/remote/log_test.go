package remote

import (
	"errors"
	"hash/crc64"
	"io"
	"testing"

	"github.com/tidelock-raft/tidelock/core"
)

// TestBodyIsWholeOrAnError takes the body of a snapshot from a node that keeps to the rules, and
// from some that do not.
func TestBodyIsWholeOrAnError(t *testing.T) {
	const text = "the body of a snapshot"
	sum := crc64.Checksum([]byte(text), crc64.MakeTable(crc64.ECMA))
	for name, c := range map[string]struct {
		size  int64
		sum   uint64
		piece func(rest string) string
		want  error // nil: some
	}{
		"whole":       {22, sum, func(rest string) string { return rest[:min(5, len(rest))] }, io.EOF},
		"altered":     {22, sum, func(rest string) string { return "x" + rest[1:] }, core.ErrCorrupt},
		"another sum": {22, sum + 1, func(rest string) string { return rest }, core.ErrCorrupt},
		"cut":         {23, sum, func(rest string) string { return rest }, nil},
		"too long":    {21, sum, func(rest string) string { return rest }, nil},
	} {
		log := &Log{func(r core.LogRequest) ([]byte, string, error) {
			return []byte(c.piece(text[r.Offset:])), "h:1", nil
		}}
		body, err := log.Body(core.SnapshotMeta{Size: c.size, Checksum: c.sum})
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(body)
		switch {
		case c.want == io.EOF && (err != nil || string(got) != text):
			t.Errorf("%s: got %q, %v", name, got, err)
		case c.want == io.EOF:
		case err == nil || c.want != nil && !errors.Is(err, c.want):
			t.Errorf("%s: got %q, %v, want %v", name, got, err, c.want)
		}
	}
}

func TestEmptyPageIsAnError(t *testing.T) {
	log := &Log{func(core.LogRequest) ([]byte, string, error) {
		return []byte(`{"state":{"Snapshot":{"Membership":{"Members":[{"ID":1,"Role":1}]}}}}`), "h:1", nil
	}}
	if _, err := log.Entries(nil, 1, 3); !errors.Is(err, core.ErrLogPage) {
		t.Errorf("got %v", err)
	}
}
