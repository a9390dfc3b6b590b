// Package sqlitestore keeps logs in an SQLite database: a store from outside of Tidelock's own
// module. SQLite is an ordered map of bytes here; persist/keyed makes a store of any such map, with
// a checksum for each value, and checks all of them when the store is opened.
package sqlitestore

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/keyed"
	"github.com/tidelock-raft/tidelock/persist/vfs"
	"github.com/tidelock-raft/tidelock/plugins"
	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

func init() {
	plugins.RegisterStore("sqlite", func(e plugins.Env, _ struct{}) (core.Store, error) {
		return Open(e.Dir)
	})
}

// prepare locks the file until Close, and makes every commit last: the journal that would undo it
// is emptied, and that is synced. A write-ahead log would need fewer syncs, but SQLite drops
// silently what comes behind damage in it.
const prepare = `PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = TRUNCATE;
	PRAGMA synchronous = FULL; BEGIN EXCLUSIVE;
	CREATE TABLE IF NOT EXISTS log (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID; COMMIT`

// Open opens the store in a directory, and makes both as needed.
func Open(dir string) (core.Store, error) {
	if err := vfs.OS().MkdirAll(dir); err != nil {
		return nil, err
	}
	t := tree{path: filepath.Join(dir, "log.sqlite")}
	var err error
	if t.db, err = sql.Open("sqlite", t.path); err != nil {
		return nil, err
	}
	t.db.SetMaxOpenConns(1) // the one that has the lock
	if _, err = t.db.Exec(prepare); err == nil {
		var store core.Store
		if store, err = keyed.Open(t, t.path, 0); err == nil {
			return store, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("open %s: %w", t.path, t.explain(err)), t.Close())
}

// tree is a keyed.Tree: one table of keys and values.
type tree struct {
	db   *sql.DB
	path string
}

func (t tree) View(do func(keyed.View) error) error {
	return t.transact(func(x table) error { return do(x) }, (*sql.Tx).Rollback)
}

func (t tree) Commit(do func(keyed.Batch) error) error {
	return t.transact(func(x table) error { return do(x) }, (*sql.Tx).Commit)
}

func (t tree) transact(do func(table) error, end func(*sql.Tx) error) error {
	tx, err := t.db.Begin()
	if err != nil {
		return t.explain(err)
	}
	if err := do(table{tx}); err != nil {
		return errors.Join(t.explain(err), tx.Rollback())
	}
	return t.explain(end(tx))
}

// explain makes a CorruptError of what SQLite says about a damaged file.
func (t tree) explain(err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) &&
		(e.Code()&0xff == codes.SQLITE_CORRUPT || e.Code() == codes.SQLITE_NOTADB) {
		return &core.CorruptError{Path: t.path, Offset: -1, Err: err}
	}
	return err
}

func (t tree) Close() error { return t.db.Close() }

// table is the table in one transaction: a keyed.View and a keyed.Batch.
type table struct{ *sql.Tx }

func (x table) Get(key []byte) (value []byte, err error) {
	err = x.QueryRow("SELECT value FROM log WHERE key = ?", key).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return value, err
}

func (x table) Scan(lo, hi []byte, do func(key, value []byte) (bool, error)) error {
	rows, err := x.Query(`SELECT key, value FROM log WHERE key >= ifnull(?1, x'')
		AND (ifnull(?2, x'') = x'' OR key < ?2) ORDER BY key`, lo, hi)
	if err != nil {
		return err
	}
	defer rows.Close() // rows.Err says what went wrong
	var key, value []byte
	for more := true; more && err == nil && rows.Next(); {
		if err = rows.Scan(&key, &value); err == nil {
			more, err = do(key, value)
		}
	}
	return errors.Join(err, rows.Err())
}

func (x table) Put(key, value []byte) error {
	_, err := x.Exec("INSERT OR REPLACE INTO log VALUES (?, ?)", key, value)
	return err
}

func (x table) DeleteRange(lo, hi []byte) error {
	_, err := x.Exec("DELETE FROM log WHERE key >= ? AND key < ?", lo, hi)
	return err
}
