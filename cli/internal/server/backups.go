package server

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/backup"
)

const (
	// maxBackups is how many backups are made at a time: each keeps a state from being forgotten.
	maxBackups = 2
	// backupPatience is how long a backup waits for the next piece to be asked for.
	backupPatience = 30 * time.Second
	// maxWhole is of how many backups that are whole the end may be asked for again.
	maxWhole = 16
)

// codeBackup is the code of the failure that ends a backup; it may be begun anew.
const codeBackup = "backup"

// backups is a service that answers core.RequestBackup, too.
type backups struct {
	core.Service
	freeze   func(core.GroupID) (core.SnapshotMeta, core.Snapshot, error)
	patience time.Duration

	mu      sync.Mutex
	streams []*stream
	whole   []core.BackupRequest // for the empty pieces at the ends of the newest
	closed  bool
	closing chan struct{}
	running sync.WaitGroup
}

func newBackups(
	service core.Service, freeze func(core.GroupID) (core.SnapshotMeta, core.Snapshot, error),
) *backups {
	return &backups{
		Service: service, freeze: freeze, patience: backupPatience, closing: make(chan struct{}),
	}
}

// Submit implements core.Service.
func (b *backups) Submit(requests []core.Request) {
	divert(b.Service, requests, core.RequestBackup, b.answer)
}

// divert has requests of a kind answered, and hands the others on.
func divert(to core.Service, requests []core.Request, kind core.RequestKind,
	answer func(core.Request),
) {
	wanted := func(r core.Request) bool { return r.Kind == kind }
	if !slices.ContainsFunc(requests, wanted) {
		to.Submit(requests)
		return
	}
	for _, r := range requests {
		if wanted(r) {
			answer(r)
		}
	}
	if rest := slices.DeleteFunc(requests, wanted); len(rest) > 0 {
		to.Submit(rest)
	}
}

// Close ends the backups that are being made.
func (b *backups) Close() error {
	b.mu.Lock()
	if !b.closed {
		b.closed = true
		close(b.closing)
	}
	b.mu.Unlock()
	b.running.Wait()
	return nil
}

// answer hands a request to its stream, which is made for the first piece.
func (b *backups) answer(r core.Request) {
	asked, err := core.DecodeBackupRequest(r.Data)
	if err != nil {
		reply(&r, nil, err)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.streams, func(s *stream) bool { return s.id == asked.Stream })
	switch {
	case b.closed:
		r.Caller.Replied(r.Token, core.Reply{Err: core.ErrClosed})
		return
	case i < 0 && asked.Piece > 0:
		b.afterwards(&r, asked)
		return
	case i < 0 && len(b.streams) == maxBackups:
		r.Caller.Replied(r.Token, core.Reply{Err: core.ErrBusy})
		return
	case i < 0:
		s := &stream{backups: b, id: asked.Stream, asks: make(chan ask, 1)}
		b.streams, i = append(b.streams, s), len(b.streams)
		b.running.Go(func() { s.run(r.Group) }) // ended by Close, or by nobody asking any more
	}
	select {
	case b.streams[i].asks <- ask{r, asked.Piece}:
	default:
		r.Caller.Replied(r.Token, core.Reply{Err: core.ErrBusy})
	}
}

// reply answers with a piece or with what went wrong.
func reply(r *core.Request, piece []byte, err error) { replyAs(codeBackup, r, piece, err) }

// replyAs is reply with a code of its own for what is wrong with the request.
func replyAs(code string, r *core.Request, value []byte, err error) {
	answer := core.Reply{Result: core.Result{Value: value}}
	switch {
	case errors.Is(err, core.ErrQuarantined), errors.Is(err, core.ErrNoGroup),
		errors.Is(err, core.ErrClosed):
		answer.Err = err
	case err != nil:
		answer.Result.Failure = &core.Failure{Code: code, Message: err.Error()}
	}
	r.Caller.Replied(r.Token, answer)
}

// afterwards answers a request to a backup that is not being made: its end may be asked for again.
func (b *backups) afterwards(r *core.Request, asked core.BackupRequest) {
	if slices.Contains(b.whole, asked) {
		reply(r, nil, nil)
	} else {
		reply(r, nil, errGone)
	}
}

func (b *backups) forget(s *stream, whole bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.streams = slices.DeleteFunc(b.streams, func(o *stream) bool { return o == s })
	if whole {
		b.whole = append(b.whole, core.BackupRequest{Stream: s.id, Piece: s.next - 1})
		b.whole = b.whole[max(0, len(b.whole)-maxWhole):]
	}
	for {
		select {
		case a := <-s.asks: // nobody else can put one there any more
			b.afterwards(&a.Request, core.BackupRequest{Stream: s.id, Piece: a.piece})
		default:
			return
		}
	}
}

// ask is a request for a piece.
type ask struct {
	core.Request
	piece uint64
}

// stream is one backup that is being made: an io.Writer that waits until what is written to it has
// been asked for.
type stream struct {
	backups *backups
	id      uint64
	asks    chan ask
	next    uint64 // number of the piece in buf
	buf     []byte
	last    []byte // piece next-1
}

var (
	errGone = errors.New("there is no such backup (any more)")
	errTurn = errors.New("pieces are asked for one after the other")
)

// run makes the backup. An error is the answer to the next request; without one, an empty piece
// says that it is whole.
func (s *stream) run(g core.GroupID) {
	err := s.write(g)
	if err == nil && len(s.buf) > 0 {
		err = s.deliver(nil)
	}
	if err == nil {
		s.buf = nil
		err = s.deliver(nil)
	}
	if err != nil && !errors.Is(err, errGone) && !errors.Is(err, core.ErrClosed) {
		_ = s.deliver(err)
	}
	s.backups.forget(s, err == nil)
}

// write writes the backup to s.
func (s *stream) write(g core.GroupID) error {
	meta, snapshot, err := s.backups.freeze(g)
	if err != nil {
		return err
	}
	defer snapshot.Release()
	status := s.backups.Status()
	m := backup.Meta{
		Cluster: status.Cluster, Node: status.Node, Group: g, Taken: time.Now().UnixNano(),
		Version: short(status.Version), Snapshot: meta,
	}
	for _, group := range status.Groups {
		if group.Group == g {
			m.Machine = short(group.Machine)
		}
	}
	w, err := backup.NewWriter(s, m)
	if err != nil {
		return err
	}
	if _, err := snapshot.WriteTo(w); err != nil {
		return err
	}
	return w.Close()
}

// Write implements io.Writer.
func (s *stream) Write(p []byte) (n int, err error) {
	for n < len(p) {
		if s.buf == nil {
			s.buf = make([]byte, 0, core.MaxBackupPiece)
		}
		copied := copy(s.buf[len(s.buf):cap(s.buf)], p[n:])
		s.buf = s.buf[:len(s.buf)+copied]
		if n += copied; len(s.buf) == cap(s.buf) {
			if err := s.deliver(nil); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// deliver waits until the piece in buf is asked for, and repeats the one before if that is. With a
// failure, that is the answer instead. It returns why it will not be asked for, if it will not.
func (s *stream) deliver(failure error) error {
	idle := time.NewTimer(s.backups.patience)
	defer idle.Stop()
	for {
		select {
		case <-s.backups.closing:
			return core.ErrClosed
		case <-idle.C:
			return errGone
		case a := <-s.asks:
			switch {
			case a.piece+1 == s.next:
				reply(&a.Request, s.last, nil)
			case a.piece != s.next:
				reply(&a.Request, nil, errTurn)
			default:
				reply(&a.Request, s.buf, failure)
				s.next, s.last, s.buf = s.next+1, s.buf, nil
				return failure
			}
		}
	}
}

func short(s string) string { return s[:min(len(s), backup.MaxNameBytes)] }
