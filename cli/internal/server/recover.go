package server

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tidelock-raft/tidelock/cli/internal/exit"
	"github.com/tidelock-raft/tidelock/core"
	"github.com/tidelock-raft/tidelock/persist/vfs"
)

// RecoverRequest says how a group is to go on whose quorum is lost for good.
type RecoverRequest struct {
	Dirs      []string                      // data directories on this machine, of survivors
	Survivors []core.NodeID                 // all of them, wherever they are
	Held      map[core.NodeID]core.Position // newest entries of those that are elsewhere
	Confirm   string                        // what the plan said; empty: only plan
}

// Recovery says what recovering does, and what may be lost.
type Recovery struct {
	Done      bool          `json:"done"`
	Survivors []Survivor    `json:"survivors"` // ascending by id
	Lost      []core.NodeID `json:"lost"`      // members that are removed for ever
	Start     core.NodeID   `json:"start"`     // whose log is the newest: the cluster goes on from it
	Before    string        `json:"before"`    // the members, and those that come after
	After     string        `json:"after"`
	Confirm   string        `json:"confirm"`
	Commands  []string      `json:"commands"` // what to type next
}

// Survivor is a node whose data are left.
type Survivor struct {
	Node   core.NodeID   `json:"node"`
	Dir    string        `json:"dir,omitempty"` // empty: on another machine
	Last   core.Position `json:"last"`          // its newest entry
	Commit core.Index    `json:"commit_index"`  // known to be committed; it may lag

	owner   identity
	data    *Stopped
	state   core.State
	members core.Membership // the newest in the log
	audit   []byte          // with which the log has gone on; nil: it has yet to
}

// LossText says what may be lost.
func (r *Recovery) LossText() string {
	var best Survivor
	commit := core.Index(0)
	for _, s := range r.Survivors {
		commit = max(commit, s.Commit)
		if s.Node == r.Start {
			best = s
		}
	}
	text := fmt.Sprintf("entries up to %v, on node %d, are kept", best.Last, r.Start)
	if commit < best.Last.Index {
		text += fmt.Sprintf("; those after %d are not known to be committed, and will be", commit)
	}
	return text + "; what the lost nodes alone acknowledged after that is lost, if there was any"
}

// recovery is under way: the directories are locked and the stores open.
type recovery struct {
	RecoverRequest
	Recovery
	fs    vfs.FS
	best  *Survivor
	after core.Membership
}

// Recover plans how a group goes on without a quorum and, once that was confirmed, does it on the
// directories of this machine. The log of the survivor that holds most goes on, with that node as
// the only voter; the other survivors' logs are set aside, and they join anew. Nothing is deleted.
// Errors: exit.ErrUsage, core.ErrCorrupt.
func Recover(r RecoverRequest) (done Recovery, err error) {
	v := &recovery{RecoverRequest: r, fs: vfs.OS()}
	defer func() {
		for i := range v.Recovery.Survivors {
			if data := v.Recovery.Survivors[i].data; data != nil {
				err = closeAll(err, data)
			}
		}
	}()
	if err = v.gather(); err == nil {
		err = v.plan()
	}
	if err == nil && r.Confirm != "" {
		err = v.carryOut()
	}
	return v.Recovery, err
}

// gather locks the directories and reads what they hold.
func (v *recovery) gather() error {
	for _, dir := range v.Dirs {
		s, err := v.read(dir)
		if err != nil {
			return closeIf(err, s.data)
		}
		known := func(o Survivor) bool { return o.Node == s.Node }
		if slices.ContainsFunc(v.Recovery.Survivors, known) {
			return closeIf(exit.Usagef("%s is another directory of node %d", dir, s.Node), s.data)
		}
		v.Recovery.Survivors = append(v.Recovery.Survivors, s)
	}
	for id, last := range v.Held {
		if slices.ContainsFunc(v.Recovery.Survivors, func(o Survivor) bool { return o.Node == id }) {
			return exit.Usagef("--held: node %d is in a directory that is given", id)
		}
		v.Recovery.Survivors = append(v.Recovery.Survivors, Survivor{Node: id, Last: last})
	}
	list := v.Recovery.Survivors
	slices.SortFunc(list, func(a, b Survivor) int { return cmp.Compare(a.Node, b.Node) })
	for _, s := range list {
		if !slices.Contains(v.RecoverRequest.Survivors, s.Node) {
			return exit.Usagef("node %d is not one of --survivors", s.Node)
		}
	}
	for _, id := range v.RecoverRequest.Survivors {
		if !slices.ContainsFunc(list, func(s Survivor) bool { return s.Node == id }) {
			return exit.Usagef("nothing is known of survivor %d: give its directory, or have tidelock "+
				"recover DIR --survivors %d --plan on its machine print what to say by --held", id, id)
		}
	}
	if v.best = v.newest(); v.RecoverRequest.Confirm != "" && v.RecoverRequest.Confirm != v.code() &&
		v.best.Dir != "" {
		return v.best.rewind()
	}
	return nil
}

// newest is the survivor that holds most.
func (v *recovery) newest() *Survivor {
	list := v.Recovery.Survivors
	best := &list[0]
	for i := range list {
		if best.Last.Before(list[i].Last) {
			best = &list[i]
		}
	}
	return best
}

// code is what confirms a plan.
func (v *recovery) code() string {
	hash := fnv.New32a()
	for _, s := range v.Recovery.Survivors {
		_, _ = fmt.Fprintf(hash, "%d=%v,", s.Node, s.Last) // a hash takes everything
	}
	return fmt.Sprintf("%08x", hash.Sum32())
}

// closeIf closes data that were opened.
func closeIf(err error, data *Stopped) error {
	if data == nil {
		return err
	}
	return closeAll(err, data)
}

// read locks a directory and reads a copy of its store.
func (v *recovery) read(dir string) (s Survivor, err error) {
	s.Dir = dir
	if s.data, err = openStopped(dir, asideSuffix+v.RecoverRequest.Confirm); err != nil {
		return s, err
	}
	if s.owner, err = readIdentity(v.fs, dir); err != nil {
		return s, err
	}
	s.Node = s.owner.Node
	store := s.data.Store
	groups, err := store.Groups()
	if err == nil && !slices.Equal(groups, []core.GroupID{core.DefaultGroup}) {
		err = exit.Usagef("%s holds groups %v; only one with group %d alone can be recovered", dir,
			groups, core.DefaultGroup)
	}
	if err == nil {
		s.state, err = store.State(core.DefaultGroup)
	}
	if err == nil {
		s.members, err = newestMembers(store, s.state)
	}
	s.Last, s.Commit = s.state.Last, s.state.Hard.Commit
	return s, err
}

// newestMembers is the last membership in a log.
func newestMembers(store core.Store, st core.State) (core.Membership, error) {
	newest := st.Snapshot.Membership
	from := max(st.Start.Index, st.Snapshot.Index) + 1
	for e, err := range scan(store, from, st.Last.Index+1) {
		if err == nil && e.Kind == core.EntryMembership {
			newest, _, err = core.DecodeMembership(e.Data)
		}
		if err != nil {
			return newest, fmt.Errorf("read members: %w", err)
		}
	}
	return newest, nil
}

// plan finds out who goes on and with whom, and refuses where it must not be.
func (v *recovery) plan() error {
	list := v.Recovery.Survivors
	v.best = v.newest()
	v.Start, v.Recovery.Confirm = v.best.Node, v.code()
	before := v.best.members
	if v.best.Dir == "" { // its log is elsewhere; what a local one says will do for addresses
		before = list[slices.IndexFunc(list, func(s Survivor) bool { return s.Dir != "" })].members
	}
	v.Before = before.String()
	if err := v.refuse(before); err != nil {
		return err
	}
	var members []core.Member
	for _, m := range before.Members {
		switch {
		case m.ID == v.Start:
			m.Role = core.Voter
		case slices.Contains(v.RecoverRequest.Survivors, m.ID):
			m.Role = core.Learner | core.Joining
		default:
			v.Lost = append(v.Lost, m.ID)
			continue
		}
		members = append(members, m)
	}
	v.after = before.Succeeded(members)
	v.After = v.after.String()
	v.Commands = v.commands()
	return v.after.Check()
}

// refuse says why the survivors are not to go on by themselves.
func (v *recovery) refuse(before core.Membership) error {
	all := v.RecoverRequest.Survivors
	for _, id := range all {
		if _, member := before.Find(id); !member {
			return exit.Usagef("survivor %d is no member; the members are %v", id, before)
		}
	}
	majority := func(role core.Role) bool {
		voters, left := before.With(role), 0
		for _, id := range voters {
			if slices.Contains(all, id) {
				left++
			}
		}
		return 2*left > len(voters)
	}
	if majority(core.Voter) && (len(before.With(core.Outgoing)) == 0 || majority(core.Outgoing)) {
		return exit.Usagef("the survivors are a majority of %v: nothing has to be recovered, start "+
			"them",
			before)
	}
	for _, s := range v.Recovery.Survivors {
		if s.Dir != "" && s.owner.Cluster != v.cluster() {
			return exit.Usagef("%s belongs to cluster %q, others to %q", s.Dir, s.owner.Cluster,
				v.cluster())
		}
	}
	if c := v.RecoverRequest.Confirm; c != "" && c != v.Recovery.Confirm {
		return exit.Usagef("--confirm %s is not what the plan says now, %s: look at it again with "+
			"--plan",
			c, v.Recovery.Confirm)
	}
	return nil
}

// cluster is the name of the cluster.
func (v *recovery) cluster() string {
	for _, s := range v.Recovery.Survivors {
		if s.Dir != "" {
			return s.owner.Cluster
		}
	}
	return DefaultCluster
}

// commands are what to type next, in this order.
func (v *recovery) commands() []string {
	start, _ := v.after.Find(v.Start)
	name := ""
	if v.cluster() != DefaultCluster {
		name = " --cluster " + v.cluster()
	}
	var held, list []string
	var ids []string
	for _, s := range v.Recovery.Survivors {
		held = append(held, fmt.Sprintf("%d=%d.%d", s.Node, s.Last.Term, s.Last.Index))
		ids = append(ids, fmt.Sprint(s.Node))
	}
	for _, s := range v.Recovery.Survivors {
		if s.Dir == "" {
			others := slices.DeleteFunc(slices.Clone(held), func(h string) bool {
				return strings.HasPrefix(h, fmt.Sprintf("%d=", s.Node))
			})
			list = append(list, fmt.Sprintf("on the machine of node %d: tidelock recover DIR "+
				"--survivors %s "+
				"--held %s --confirm %s", s.Node, strings.Join(ids, ","), strings.Join(others, ","),
				v.Recovery.Confirm))
		}
	}
	list = append(list, fmt.Sprintf("raft-node --id %d%s, as it was started before", v.Start, name))
	for _, s := range v.Recovery.Survivors {
		if s.Node != v.Start {
			list = append(list, fmt.Sprintf("raft-node --id %d%s --join %d=%s, otherwise as "+
				"before", s.Node,
				name, v.Start, start.Addr))
		}
	}
	for range v.Lost {
		list = append(list, "raft-client cluster add ID HOST:PORT, with an id that was never used")
	}
	return append(list, "raft-client cluster status")
}

// asideSuffix and what Confirm says are added to the names of what is set aside.
const asideSuffix = ".before-"

// carryOut does what the plan says, on the directories that are here. Of what counts the log that
// goes on comes last; the files with the audit say that it is done, so they come when it is. After
// a failure the same may be asked for again, and does what is left to be done.
func (v *recovery) carryOut() error {
	now := time.Now()
	audit := v.best.audit
	if audit == nil {
		var err error
		if audit, err = v.newAudit(now); err != nil {
			return err
		}
	}
	for _, step := range []func(*Survivor) error{
		v.setAside,
		func(s *Survivor) error { return v.goOn(s, audit, now) },
		func(s *Survivor) error { return v.tell(s, audit) },
	} {
		for i := range v.Recovery.Survivors {
			s := &v.Recovery.Survivors[i]
			if s.Dir == "" {
				continue
			}
			if err := step(s); err != nil {
				return fmt.Errorf("recover %s: %w", s.Dir, err)
			}
		}
	}
	v.Done = true
	return nil
}

// goOn appends the new members to the log that holds most. They count as soon as they are there,
// and the node, their only voter, elects itself. Others do without.
func (v *recovery) goOn(s *Survivor, audit []byte, now time.Time) error {
	if s != v.best {
		return nil
	}
	if s.audit != nil { // it may not be durable yet: opening a store makes sure
		store, err := s.owner.open(filepath.Join(s.Dir, s.owner.Store))
		if err != nil {
			return err
		}
		return store.Close()
	}
	members, err := v.after.AppendBinary(nil)
	if err != nil {
		return err
	}
	stamp := now.UnixNano()
	if s.Last.Index > s.state.Start.Index {
		page, err := s.data.Store.Entries(nil, core.DefaultGroup, s.Last.Index, s.Last.Index+1, 1)
		if err != nil {
			return err
		}
		stamp = max(stamp, page[0].Time)
	}
	hard := s.state.Hard
	hard.Term, hard.Vote = hard.Term+1, s.Node
	at := func(n core.Index) core.Position {
		return core.Position{Term: hard.Term, Index: s.Last.Index + n}
	}
	store, err := s.owner.open(filepath.Join(s.Dir, s.owner.Store))
	if err != nil {
		return err
	}
	err = store.Write([]core.Update{{Group: core.DefaultGroup, Hard: hard, Entries: []core.Entry{
		{Position: at(1), Kind: core.EntryNoop, Time: stamp, Data: audit},
		{Position: at(2), Kind: core.EntryMembership, Time: stamp, Data: members},
	}}})
	return closeAll(err, store)
}

// setAside gives the store and the snapshots of a survivor other names, unless it goes on or that
// was done before: it joins with nothing.
func (v *recovery) setAside(s *Survivor) error {
	if s == v.best {
		return nil
	}
	for _, name := range []string{s.owner.Store, filepath.Base(Config{}.snapshotDir())} {
		path := filepath.Join(s.Dir, name)
		err := v.fs.Rename(path, path+asideSuffix+v.Recovery.Confirm)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return v.fs.SyncDir(s.Dir)
}

// ClusterOf says which cluster a data directory belongs to. Errors: exit.ErrUsage, core.ErrCorrupt.
func ClusterOf(dir string) (core.ClusterID, error) {
	owner, err := readIdentity(vfs.OS(), dir)
	if errors.Is(err, os.ErrNotExist) {
		return 0, exit.Usagef("%s is no data directory of a node: it has no %s", dir, identityName)
	}
	return ClusterID(owner.Cluster), err
}
