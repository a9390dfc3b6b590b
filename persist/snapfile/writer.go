package snapfile

import (
	"fmt"
	"hash/crc64"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// syncEvery is how many bytes are written between two syncs. A sync of the log waits for what else
// the disk has to write, so a snapshot never leaves it much at once.
const syncEvery = 1 << 20

// writer writes a body block by block. It is in no state between: a failure is final.
type writer struct {
	d        *Directory
	name     name
	file     vfs.File // nil: committed or aborted
	head     uint32
	block    []byte // sum and bytes of the block that is being filled
	blocks   int64  // before it
	unsynced int64
	size     int64
	checksum uint64
	err      error
}

func newWriter(d *Directory, n name, f vfs.File) *writer {
	w := &writer{d: d, name: n, file: f, block: make([]byte, sumBytes, blockOnDisk)}
	var head []byte
	head, w.head = n.head()
	w.put(head, 0)
	return w
}

// Write implements io.Writer.
func (w *writer) Write(p []byte) (n int, err error) {
	if w.file == nil {
		return 0, core.ErrClosed
	}
	for n < len(p) && w.err == nil {
		free := w.block[len(w.block):cap(w.block)]
		copied := copy(free, p[n:])
		w.block = w.block[:len(w.block)+copied]
		if n += copied; len(w.block) == cap(w.block) {
			w.flush()
		}
	}
	w.size += int64(n)
	w.checksum = crc64.Update(w.checksum, ecma, p[:n])
	return n, w.err
}

// put writes at off, unless something has failed before.
func (w *writer) put(p []byte, off int64) {
	if w.err != nil {
		return
	}
	if _, err := w.file.WriteAt(p, off); err != nil {
		w.err = fmt.Errorf("write snapshot: %w", err)
		return
	}
	if w.unsynced += int64(len(p)); w.unsynced >= syncEvery {
		w.sync()
	}
}

func (w *writer) sync() {
	if w.err != nil {
		return
	}
	w.unsynced = 0
	if err := w.file.Sync(); err != nil {
		w.err = fmt.Errorf("sync snapshot: %w", err)
	}
}

// flush writes the block.
func (w *writer) flush() {
	little.PutUint32(w.block, blockSum(w.head, w.blocks, w.block[sumBytes:]))
	w.put(w.block, blockOffset(w.blocks))
	w.block = w.block[:sumBytes]
	w.blocks++
}

// Commit implements core.SnapshotWriter.
func (w *writer) Commit() (size int64, checksum uint64, err error) {
	if w.file == nil {
		return 0, 0, core.ErrClosed
	}
	if len(w.block) > sumBytes {
		w.flush()
	}
	w.put(foot(w.head, w.size, w.checksum), fileBytes(w.size)-footBytes)
	w.sync()
	if w.err != nil {
		err = w.err
		w.Abort()
		return 0, 0, err
	}
	err = w.file.Close()
	w.file = nil
	path := w.d.path(w.name)
	if err == nil {
		err = w.d.fs.Rename(path+temporary, path)
	}
	if err == nil {
		err = w.d.fs.SyncDir(w.d.dir)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("commit snapshot: %w", err)
	}
	return w.size, w.checksum, nil
}

// Abort implements core.SnapshotWriter.
func (w *writer) Abort() {
	if w.file == nil {
		return
	}
	w.file.Close()                              // errors change nothing:
	w.d.fs.Remove(w.d.path(w.name) + temporary) // Create replaces and Open removes what is left
	w.file = nil
}
