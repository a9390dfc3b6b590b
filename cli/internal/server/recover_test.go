package server

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// survivorForTest makes the data directory of a node of five, with an entry of each of these terms.
func survivorForTest(t *testing.T, node core.NodeID, cluster string, terms ...core.Term) string {
	t.Helper()
	dir := t.TempDir()
	owner := identity{identityFormat, node, cluster, "wal"}
	if err := owner.write(vfs.OS(), filepath.Join(dir, identityName)); err != nil {
		t.Fatal(err)
	}
	store, err := owner.open(filepath.Join(dir, "wal"))
	if err != nil {
		t.Fatal(err)
	}
	var members core.Membership
	for id := core.NodeID(1); id <= 5; id++ {
		members.Members = append(members.Members, core.Member{ID: id, Role: core.Voter, Addr: "h:1"})
	}
	u := core.Update{Group: core.DefaultGroup, Install: &core.SnapshotMeta{Membership: members},
		Hard: core.HardState{Term: terms[len(terms)-1], Commit: 2}}
	for i, term := range terms {
		at := core.Position{Term: term, Index: core.Index(i + 1)}
		u.Entries = append(u.Entries, core.Entry{Position: at, Kind: core.EntryNoop, Time: 1 << 62})
	}
	if err := closeAll(store.Write([]core.Update{u}), store); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestNewestSurvivorGoesOnAndOthersJoin(t *testing.T) {
	one := survivorForTest(t, 1, "c", 1, 1, 1, 1, 1)
	three := survivorForTest(t, 3, "c", 1, 1, 2)
	r := RecoverRequest{Dirs: []string{one, three}, Survivors: []core.NodeID{1, 3}}
	plan, err := Recover(r)
	if err != nil || plan.Done || plan.Start != 3 ||
		plan.After != "voters=3 learners=1 joining=1 retired=2,4,5" {
		t.Fatalf("got %+v, %v", plan, err)
	}
	if want := "entries up to t2/i3, on node 3, are kept; those after 2 are not " +
		"known"; !strings.HasPrefix(
		plan.LossText(), want) {
		t.Errorf("got %s", plan.LossText())
	}
	// On two machines, each with the other's position, it is the same plan.
	r.Confirm = plan.Confirm
	elsewhere := func(dir string, id core.NodeID, at core.Position) Recovery {
		t.Helper()
		r := r
		r.Dirs, r.Held = []string{dir}, map[core.NodeID]core.Position{id: at}
		done, err := Recover(r)
		if err != nil || !done.Done || done.Confirm != plan.Confirm || done.After != plan.After {
			t.Fatalf("got %+v, %v", done, err)
		}
		return done
	}
	done := elsewhere(three, 1, core.Position{Term: 1, Index: 5})
	if want := "on the machine of node 1: tidelock recover DIR --survivors 1,3 --held 3=2.3 " +
		"--confirm " +
		plan.Confirm; done.Commands[0] != want {
		t.Errorf("got %s\nwant %s", done.Commands[0], want)
	}
	elsewhere(one, 3, core.Position{Term: 2, Index: 3})
	checkRecovered(t, three, plan)
	if _, err := os.Stat(filepath.Join(one, "wal")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the log of node 1 is still in use: %v", err)
	}
	if _, err := os.Stat(filepath.Join(one, "wal.before-"+plan.Confirm)); err != nil {
		t.Errorf("the log of node 1 was not kept: %v", err)
	}
}

// TestRecoveryCanBeAskedForAgain when it has failed half-way, as long as no log has gone on.
func TestRecoveryCanBeAskedForAgain(t *testing.T) {
	one, three := survivorForTest(t, 1, "c", 1, 1, 2), survivorForTest(t, 3, "c", 1, 1)
	four := survivorForTest(t, 4, "c", 1)
	r := RecoverRequest{Dirs: []string{one, three}, Survivors: []core.NodeID{1, 3}}
	plan, err := Recover(r)
	if err != nil || plan.Start != 1 {
		t.Fatalf("got %+v, %v", plan, err)
	}
	r.Confirm = plan.Confirm
	obstacle := filepath.Join(three, "wal"+asideSuffix+plan.Confirm)
	if err := os.Rename(filepath.Join(four, "wal"), obstacle); err != nil {
		t.Fatal(err)
	}
	if done, err := Recover(r); err == nil || done.Done {
		t.Fatalf("got %+v, %v", done, err)
	}
	// Now it ends after the log of node 3 was set aside, as its snapshots cannot be.
	snapshots := filepath.Join(three, "snapshots")
	for _, dir := range []string{snapshots, snapshots + asideSuffix + plan.Confirm + "/in the way"} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(obstacle); err != nil {
		t.Fatal(err)
	}
	if done, err := Recover(r); err == nil || done.Done {
		t.Fatalf("got %+v, %v", done, err)
	}
	told := func() (n int) {
		for _, dir := range []string{one, three} {
			if _, err := os.Stat(filepath.Join(dir, auditName)); err == nil {
				n++
			}
		}
		return n
	}
	if n := told(); n > 0 {
		t.Errorf("%d directories tell of a recovery that was not done", n)
	}
	if err := os.RemoveAll(snapshots + asideSuffix + plan.Confirm); err != nil {
		t.Fatal(err)
	}
	if done, err := Recover(r); err != nil || !done.Done || done.After != plan.After {
		t.Fatalf("got %+v, %v", done, err)
	}
	if n := told(); n != 2 {
		t.Errorf("%d directories tell of the recovery, want both", n)
	}
	if _, err := os.Stat(obstacle); err != nil {
		t.Errorf("the log of node 3 was not kept: %v", err)
	}
}

// TestRecoveryIsFinished when it has failed behind the log that goes on, as often as one asks; what
// an earlier one has left is kept.
func TestRecoveryIsFinished(t *testing.T) {
	one, three := survivorForTest(t, 1, "c", 1, 1, 1, 1, 1), survivorForTest(t, 3, "c", 1, 1, 2)
	r := RecoverRequest{Dirs: []string{one, three}, Survivors: []core.NodeID{1, 3}}
	plan, err := Recover(r)
	if err != nil {
		t.Fatal(err)
	}
	r.Confirm = plan.Confirm
	const earlier = `{"recovered":true,"after":"another"}`
	obstacle := filepath.Join(three, auditName)
	if err := errors.Join(os.WriteFile(filepath.Join(one, auditName), []byte(earlier), 0o600),
		os.MkdirAll(filepath.Join(obstacle, "in the way"), 0o700)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if done, err := Recover(r); err == nil || done.Done {
			t.Fatalf("got %+v, %v", done, err)
		}
	}
	if err := os.RemoveAll(obstacle); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if done, err := Recover(r); err != nil || !done.Done || done.After != plan.After {
			t.Fatalf("got %+v, %v", done, err)
		}
	}
	checkRecovered(t, three, plan)
	aside := asideSuffix + plan.Confirm
	for dir, want := range map[string][]string{
		one:   {identityName, "lock", auditName, auditName + aside, "wal" + aside},
		three: {identityName, "lock", auditName, "wal"},
	} {
		var got []string
		entries, err := os.ReadDir(dir)
		for _, e := range entries {
			got = append(got, e.Name())
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("there are %q, want %q (%v)", got, want, err)
		}
	}
	if kept, err := os.ReadFile(filepath.Join(one, auditName+aside)); string(kept) != earlier {
		t.Errorf("what an earlier recovery has left became %s, %v", kept, err)
	}
	first, _ := os.ReadFile(filepath.Join(one, auditName))
	if second, err := os.ReadFile(obstacle); string(first) != string(second) {
		t.Errorf("two directories tell %s and %s, %v", first, second, err)
	}
}

// checkRecovered looks at the log that goes on.
func checkRecovered(t *testing.T, dir string, plan Recovery) {
	t.Helper()
	data, err := OpenStopped(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	st, err := data.Store.State(core.DefaultGroup)
	if err != nil || st.Last != (core.Position{Term: 3, Index: 5}) || st.Hard.Vote != 3 {
		t.Fatalf("got %+v, %v", st, err)
	}
	entries, err := data.Store.Entries(nil, core.DefaultGroup, 1, 6, 1<<20)
	if err != nil || len(entries) != 5 {
		t.Fatalf("got %d entries, %v", len(entries), err)
	}
	var audit Audit
	if err := json.Unmarshal(entries[3].Data, &audit); err != nil || !audit.Recovered ||
		len(audit.Lost) != 3 || audit.Last.Index != 3 || entries[3].Kind != core.EntryNoop {
		t.Errorf("got audit %+v, %v", audit, err)
	}
	members, rest, err := core.DecodeMembership(entries[4].Data)
	if err != nil || len(rest) > 0 || members.String() != plan.After || entries[4].Time < 1<<62 {
		t.Errorf("got %v, %v, time %d", members, err, entries[4].Time)
	}
	told, err := os.ReadFile(filepath.Join(dir, auditName))
	if err != nil || !strings.Contains(string(told), `"lost":[2,4,5]`) {
		t.Errorf("got %s, %v", told, err)
	}
}

func TestRecoveryIsRefused(t *testing.T) {
	one, three := survivorForTest(t, 1, "c", 1), survivorForTest(t, 3, "c", 1)
	four, stray := survivorForTest(t, 4, "c", 1), survivorForTest(t, 3, "d", 1)
	locked, err := LockStopped(four)
	if err != nil {
		t.Fatal(err)
	}
	defer locked.Close()
	ids := func(ids ...core.NodeID) []core.NodeID { return ids }
	at := func(id core.NodeID) map[core.NodeID]core.Position {
		return map[core.NodeID]core.Position{id: {Term: 1, Index: 1}}
	}
	twin := survivorForTest(t, 1, "c", 1)
	for text, r := range map[string]RecoverRequest{
		"node 3 is not one of --survivors": {Dirs: []string{one, three}, Survivors: ids(1)},
		"nothing is known of survivor 2":   {Dirs: []string{one}, Survivors: ids(1, 2)},
		"survivor 9 is no member":          {Dirs: []string{one}, Survivors: ids(1, 9), Held: at(9)},
		"nothing has to be recovered, start them": {
			Dirs: []string{one, three}, Survivors: ids(1, 3, 4), Held: at(4)},
		`belongs to cluster "d", others to "c"`: {Dirs: []string{one, stray}, Survivors: ids(1, 3)},
		"is in use: stop the node first":        {Dirs: []string{four}, Survivors: ids(4)},
		"has no identity.json":                  {Dirs: []string{t.TempDir()}, Survivors: ids(1)},
		"is another directory of node 1":        {Dirs: []string{one, twin}, Survivors: ids(1)},
		"--confirm 0 is not what the plan says": {Dirs: []string{one}, Survivors: ids(1), Confirm: "0"},
	} {
		got, err := Recover(r)
		if !errors.Is(err, exit.ErrUsage) || !strings.Contains(err.Error(), text) || got.Done {
			t.Errorf("got %v, want %s", err, text)
		}
	}
}

// TestRecoveredLearnerGoesOnInItsTurn: its log ends with what an earlier recovery has appended.
func TestRecoveredLearnerGoesOnInItsTurn(t *testing.T) {
	one, three := survivorForTest(t, 1, "c", 1, 1, 1, 1, 1), survivorForTest(t, 3, "c", 1, 1, 2)
	r := RecoverRequest{Dirs: []string{one, three}, Survivors: []core.NodeID{1, 3}}
	plan, err := Recover(r)
	if err != nil {
		t.Fatal(err)
	}
	r.Confirm = plan.Confirm
	if _, err := Recover(r); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(one, "wal"), os.DirFS(filepath.Join(three, "wal"))); err != nil {
		t.Fatal(err)
	}
	r = RecoverRequest{Dirs: []string{one}, Survivors: []core.NodeID{1}}
	if plan, err = Recover(r); err != nil {
		t.Fatal(err)
	}
	r.Confirm = plan.Confirm
	for range 2 {
		if done, err := Recover(r); err != nil || !done.Done || done.After != plan.After {
			t.Fatalf("%+v, %v", done, err)
		}
	}
}
