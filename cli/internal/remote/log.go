package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc64"
	"io"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/transport/client"
)

// Log is the log of one running node, read page by page.
type Log struct {
	ask func(core.LogRequest) (value []byte, endpoint string, err error)
}

// Log returns the log of the node that is insisted upon, else that of the leader, or of whoever
// answers if there is none.
func (s *Session) Log(ctx context.Context) (*Log, error) {
	endpoint := s.options.Target
	if endpoint == "" {
		var err error
		if _, endpoint, err = s.best(ctx); err != nil {
			return nil, err
		}
	}
	return &Log{func(r core.LogRequest) ([]byte, string, error) {
		data, err := json.Marshal(r)
		if err != nil {
			return nil, endpoint, fmt.Errorf("encode request: %w", err)
		}
		reply, err := s.client.Do(ctx, client.Request{
			Kind: core.RequestLog, Data: data, Target: endpoint,
		})
		return reply.Value, endpoint, err
	}}, nil
}

// State says what there is.
func (l *Log) State() (core.State, error) {
	page, err := l.page(core.LogRequest{})
	return page.State, err
}

// Entries appends the first of the entries lo … hi-1 to dst: as many as fit into a page.
func (l *Log) Entries(dst []core.Entry, lo, hi core.Index) ([]core.Entry, error) {
	page, err := l.page(core.LogRequest{From: lo, To: hi - 1})
	if err == nil && len(page.Entries) == 0 {
		err = fmt.Errorf("%w: it is empty", core.ErrLogPage)
	}
	return append(dst, page.Entries...), err
}

func (l *Log) page(r core.LogRequest) (core.LogPage, error) {
	value, endpoint, err := l.ask(r)
	if err != nil {
		return core.LogPage{}, err
	}
	page, err := core.DecodeLogPage(value, r.From)
	if err != nil {
		err = fmt.Errorf("decode reply of %s: %w", endpoint, err)
	}
	return page, err
}

// Body reads the body of a snapshot, and compares its checksum at the end.
func (l *Log) Body(m core.SnapshotMeta) (io.ReadCloser, error) {
	return io.NopCloser(&body{log: l, meta: m}), nil
}

// body is the body of a snapshot that comes in pieces.
type body struct {
	log    *Log
	meta   core.SnapshotMeta
	piece  []byte
	offset int64
	sum    uint64
}

var ecma = crc64.MakeTable(crc64.ECMA)

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if len(b.piece) == 0 {
		if b.offset == b.meta.Size {
			return 0, b.end()
		}
		piece, endpoint, err := b.log.ask(core.LogRequest{
			Snapshot: &b.meta.Position, Offset: b.offset,
		})
		if err != nil {
			return 0, err
		}
		if n := int64(len(piece)); n == 0 || n > b.meta.Size-b.offset {
			return 0, fmt.Errorf("snapshot %v of %s: %d bytes at %d of %d",
				b.meta.Position, endpoint, n, b.offset, b.meta.Size)
		}
		b.piece, b.offset = piece, b.offset+int64(len(piece))
		b.sum = crc64.Update(b.sum, ecma, piece)
	}
	n := copy(p, b.piece)
	b.piece = b.piece[n:]
	return n, nil
}

func (b *body) end() error {
	if b.sum == b.meta.Checksum {
		return io.EOF
	}
	return &core.CorruptError{
		Path: fmt.Sprintf("snapshot %v", b.meta.Position), Offset: -1,
		Err: errors.New("the checksum does not fit"),
	}
}
