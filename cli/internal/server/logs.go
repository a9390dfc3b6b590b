package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/tidelock-raft/tidelock/core"
)

// maxLogReads is how many pages of logs are read at a time, beside the node.
const maxLogReads = 2

// codeLog is the code of the failure when the log does not hold what was asked for (any more).
const codeLog = "log"

// logs is a service that answers core.RequestLog, too, from the store.
type logs struct {
	core.Service
	store     core.Store
	snapshots core.Snapshots

	mu      sync.Mutex
	reading int
	closed  bool
	running sync.WaitGroup
}

// Submit implements core.Service.
func (l *logs) Submit(requests []core.Request) {
	divert(l.Service, requests, core.RequestLog, l.answer)
}

// Close waits for the pages that are being read.
func (l *logs) Close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.running.Wait()
	return nil
}

// answer reads a page, in a goroutine that ends with it.
func (l *logs) answer(r core.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		r.Caller.Replied(r.Token, core.Reply{Err: core.ErrClosed})
	case l.reading == maxLogReads:
		r.Caller.Replied(r.Token, core.Reply{Err: core.ErrBusy})
	default:
		l.reading++
		l.running.Go(func() {
			value, err := l.read(&r)
			l.mu.Lock()
			l.reading--
			l.mu.Unlock()
			replyAs(codeLog, &r, value, err)
		})
	}
}

func (l *logs) read(r *core.Request) ([]byte, error) {
	asked, err := core.DecodeLogRequest(r.Data)
	switch {
	case err != nil:
		return nil, err
	case asked.Snapshot != nil:
		return l.piece(r.Group, *asked.Snapshot, asked.Offset)
	}
	var page core.LogPage
	if page.State, err = l.store.State(r.Group); err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	for _, g := range l.Status().Groups {
		if g.Group == r.Group {
			hard := &page.State.Hard // which lags behind what is known
			hard.Commit = max(hard.Commit, min(g.CommitIndex, page.State.Last.Index))
		}
	}
	if asked.From > 0 {
		hi := min(asked.To, page.State.Last.Index) + 1
		if asked.From >= hi {
			return nil, fmt.Errorf("read entry %d: the log ends at %d", asked.From, hi-1)
		}
		page.Entries, err = l.store.Entries(nil, r.Group, asked.From, hi, core.MaxLogPage)
		if err != nil {
			return nil, fmt.Errorf("read entries from %d on: %w", asked.From, err)
		}
	}
	return json.Marshal(page)
}

// piece reads some of the body of a snapshot; behind its end, nothing.
func (l *logs) piece(g core.GroupID, at core.Position, offset int64) ([]byte, error) {
	body, err := l.snapshots.Open(g, at)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	piece := make([]byte, max(0, min(core.MaxBackupPiece, body.Size()-offset)))
	if len(piece) == 0 {
		return nil, nil
	}
	if _, err := body.ReadAt(piece, offset); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read snapshot %v: %w", at, err)
	}
	return piece, nil
}
