// Package migrate moves what one core.Store holds into another: hard states, logs and the metadata
// of snapshots. It knows no store by name. Directories, locks and the bodies of snapshots are the
// business of whoever calls it.
package migrate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tidelock-raft/tidelock/core"
)

// ErrDifferent is returned by Compare, with the first difference.
var ErrDifferent = errors.New("migrate: the stores differ")

// ErrNotEmpty is returned by Copy for a target that holds a group.
var ErrNotEmpty = errors.New("migrate: the target is not empty")

// pieceBytes is how much of a log is read and written at a time.
const pieceBytes = 4 << 20

// Report is how much there is.
type Report struct {
	Groups  int   `json:"groups"`
	Entries int   `json:"entries"`
	Bytes   int64 `json:"bytes"` // of data in entries
}

// Copy writes all that src holds to dst, which is empty, durably. If it fails, or ctx ends, dst
// holds a part and is of no use.
func Copy(ctx context.Context, dst, src core.Store) (Report, error) {
	held, err := dst.Groups()
	if err != nil {
		return Report{}, fmt.Errorf("look into the target: %w", err)
	}
	if len(held) > 0 {
		return Report{}, fmt.Errorf("%w: it holds group %d", ErrNotEmpty, held[0])
	}
	return walk(ctx, src, func(g core.GroupID, st *core.State) error {
		return dst.Write([]core.Update{begin(g, st)})
	}, func(g core.GroupID, piece []core.Entry) error {
		return dst.Write([]core.Update{{Group: g, Entries: piece}})
	}, func(g core.GroupID, st *core.State) error {
		return dst.Write([]core.Update{{Group: g, Snapshot: &st.Snapshot}})
	})
}

// begin creates a group whose log begins where st's does. Its snapshot is not that of st yet, which
// may lie behind entries that are still to come.
func begin(g core.GroupID, st *core.State) core.Update {
	return core.Update{Group: g, Hard: st.Hard, Install: &core.SnapshotMeta{
		Position: st.Start, Membership: st.Snapshot.Membership,
	}}
}

// Compare reads both stores whole. Errors: ErrDifferent, and those of the stores.
func Compare(ctx context.Context, got, want core.Store) (Report, error) {
	groups, err := got.Groups()
	if err != nil {
		return Report{}, fmt.Errorf("list groups: %w", err)
	}
	if wanted, err := want.Groups(); err != nil || !slices.Equal(groups, wanted) {
		return Report{}, errors.Join(err, different("groups: got %v, want %v", groups, wanted))
	}
	none := func(core.GroupID, *core.State) error { return nil }
	return walk(ctx, want, func(g core.GroupID, st *core.State) error {
		return compareState(got, g, st)
	}, func(g core.GroupID, piece []core.Entry) error {
		return compareEntries(got, g, piece)
	}, none)
}

func different(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDifferent, fmt.Sprintf(format, args...))
}

func compareState(got core.Store, g core.GroupID, want *core.State) error {
	st, err := got.State(g)
	if err != nil {
		return err
	}
	a, _ := st.Snapshot.AppendBinary(nil) // the error is always nil
	b, _ := want.Snapshot.AppendBinary(nil)
	if st.Hard != want.Hard || st.Start != want.Start || st.Last != want.Last || !bytes.Equal(a, b) {
		return different("state of group %d: got %+v, want %+v", g, st, *want)
	}
	return nil
}

func compareEntries(got core.Store, g core.GroupID, want []core.Entry) error {
	for len(want) > 0 {
		lo, hi := want[0].Index, want[len(want)-1].Index+1
		list, err := got.Entries(nil, g, lo, hi, pieceBytes)
		if err != nil {
			return err
		}
		for i, e := range list {
			w := want[i]
			if e.Position != w.Position || e.Kind != w.Kind || e.Time != w.Time ||
				!bytes.Equal(e.Data, w.Data) {
				return different("entry %d of group %d: got %v %v, want %v %v",
					w.Index, g, e.Position, e.Kind, w.Position, w.Kind)
			}
		}
		want = want[len(list):]
	}
	return nil
}

// walk reads a store group by group: first is called with the state, then piece with entries until
// there are no more, then last.
func walk(ctx context.Context, src core.Store, first func(core.GroupID, *core.State) error,
	piece func(core.GroupID, []core.Entry) error, last func(core.GroupID, *core.State) error,
) (r Report, err error) {
	groups, err := src.Groups()
	if err != nil {
		return r, fmt.Errorf("list groups: %w", err)
	}
	for _, g := range groups {
		st, err := src.State(g)
		if err == nil {
			err = first(g, &st)
		}
		for i := st.Start.Index + 1; err == nil && i <= st.Last.Index; {
			var entries []core.Entry
			if err = ctx.Err(); err != nil {
				break
			}
			if entries, err = src.Entries(nil, g, i, st.Last.Index+1, pieceBytes); err == nil {
				i += core.Index(len(entries))
				r.add(entries)
				err = piece(g, entries)
			}
		}
		if err == nil {
			err = last(g, &st)
		}
		if err != nil {
			return r, fmt.Errorf("group %d: %w", g, err)
		}
		r.Groups++
	}
	return r, nil
}

func (r *Report) add(entries []core.Entry) {
	r.Entries += len(entries)
	for i := range entries {
		r.Bytes += int64(len(entries[i].Data))
	}
}
