package system

import (
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"log"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"example.org/compare/barewal"
)

// EtcdRaft is go.etcd.io/raft over a bare log.
var EtcdRaft = System{
	Name: "etcd-io/raft", Machine: "Go",
	Setup: "v3.7.0 in a loop of RawNode with AsyncStorageWrites, so that the log is written while the " +
		"loop goes on; all proposals and reads that wait go in together; a bare log of recycled " +
		"segments, one fdatasync for all that waits; no snapshots at all",
	Open: openEtcdRaft, Forgets: true,
}

const (
	etcdElectionTicks = 15
	etcdTail          = 50_000 // entries kept in memory behind the newest applied
)

// etcdNode is a replica: a loop around the RawNode, a goroutine that appends and one that applies.
type etcdNode struct {
	id        uint64
	tick      time.Duration
	machine   KV
	raw       *raft.RawNode
	storage   *raft.MemoryStorage
	log       *barewal.Log
	transport *peers
	leads     atomic.Bool

	inbox   queue[etcdEvent]
	appends queue[*pb.Message]
	applies queue[*pb.Message]

	waiting  queue[*slot] // proposed, by id
	proposed uint64       // id of the newest
	ahead    []*slot      // of the apply goroutine: taken from waiting
	reads    map[uint64][]*slot
	rounds   uint64 // of ReadIndex
	ready    []etcdReads
	applied  uint64 // by the machine, as the loop knows it

	stop    chan struct{}
	running sync.WaitGroup
}

// etcdEvent is what the loop is told: one of these.
type etcdEvent struct {
	message *pb.Message
	put     *slot
	get     *slot
	applied uint64
}

// etcdReads are reads whose index is known.
type etcdReads struct {
	index uint64
	slots []*slot
}

func openEtcdRaft(c Config) (Node, error) {
	wal, err := barewal.Open(c.Dir, 0)
	if err != nil {
		return nil, err
	}
	n := &etcdNode{
		id: uint64(c.ID), log: wal, storage: raft.NewMemoryStorage(), stop: make(chan struct{}),
		reads: make(map[uint64][]*slot),
		tick:  cmp.Or(c.Election, defaultElection) / etcdElectionTicks,
	}
	for _, q := range []interface{ init() }{&n.inbox, &n.appends, &n.applies, &n.waiting} {
		q.init()
	}
	var voters []uint64
	for i := range c.Peers {
		voters = append(voters, uint64(i+1))
	}
	err = n.storage.ApplySnapshot(&pb.Snapshot{Metadata: &pb.SnapshotMetadata{
		ConfState: &pb.ConfState{Voters: voters}, Index: new(uint64(1)), Term: new(uint64(1)),
	}})
	if err != nil {
		return nil, errors.Join(err, wal.Close())
	}
	n.raw, err = raft.NewRawNode(&raft.Config{
		ID: n.id, ElectionTick: etcdElectionTicks, HeartbeatTick: etcdElectionTicks / 3,
		Storage: n.storage, Applied: 1, AsyncStorageWrites: true, MaxSizePerMsg: 1 << 20,
		MaxInflightMsgs: 1024, CheckQuorum: true, PreVote: true,
		Logger: &raft.DefaultLogger{Logger: log.New(io.Discard, "", 0)},
	})
	if err != nil {
		return nil, errors.Join(err, wal.Close())
	}
	n.transport, err = listenPeers(c, func(m *pb.Message) { n.inbox.add(etcdEvent{message: m}) })
	if err != nil {
		return nil, errors.Join(err, wal.Close())
	}
	n.running.Go(n.run) // these end with Close
	n.running.Go(n.append)
	n.running.Go(n.apply)
	return n, nil
}

// Leads implements Node.
func (n *etcdNode) Leads() bool { return n.leads.Load() }

// etcdHead is the room before a command for the id of its proposal.
const etcdHead = 8

// Put implements Target.
func (n *etcdNode) Put(key string, value []byte) Future {
	return n.submit(single(etcdHead, key, value))
}

// PutAll implements Target.
func (n *etcdNode) PutAll(b Batch) Future {
	return n.submit(append(make(Batch, etcdHead, etcdHead+len(b)), b...))
}

func (n *etcdNode) submit(data []byte) Future {
	s := newSlot()
	s.data = data
	n.inbox.add(etcdEvent{put: s})
	return s
}

// Get implements Target.
func (n *etcdNode) Get(key string) Future {
	s := newSlot()
	s.read, s.key = &n.machine, key
	n.inbox.add(etcdEvent{get: s})
	return s
}

// Close implements Target.
func (n *etcdNode) Close() error {
	close(n.stop)
	n.running.Wait()
	return errors.Join(n.transport.Close(), n.log.Close())
}

// run is the loop: take all that has come, step, hand out what is ready.
func (n *etcdNode) run() {
	ticker := time.NewTicker(n.tick)
	defer ticker.Stop()
	var events []etcdEvent
	var puts, gets []*slot
	for {
		select {
		case <-n.stop:
			return
		case <-ticker.C:
			n.raw.Tick()
		case <-n.inbox.wake:
		}
		events = n.inbox.take(events)
		puts, gets = puts[:0], gets[:0]
		for _, e := range events {
			switch {
			case e.message != nil:
				_ = n.raw.Step(e.message) // of a stranger or an old term: nothing to be done
			case e.put != nil:
				puts = append(puts, e.put)
			case e.get != nil:
				gets = append(gets, e.get)
			default:
				n.applied = max(n.applied, e.applied)
			}
		}
		n.propose(puts)
		n.read(gets)
		n.handOut()
	}
}

// propose proposes all at once.
func (n *etcdNode) propose(puts []*slot) {
	if len(puts) == 0 {
		return
	}
	entries, items := make([]*pb.Entry, len(puts)), make([]pb.Entry, len(puts))
	for i, s := range puts {
		n.proposed++
		s.id = n.proposed
		binary.LittleEndian.PutUint64(s.data, s.id<<2|n.id)
		items[i].Data, entries[i] = s.data, &items[i]
	}
	n.waiting.add(puts...)
	err := n.raw.Step(&pb.Message{Type: pb.MsgProp.Enum(), From: &n.id, Entries: entries})
	if err != nil {
		for _, s := range puts {
			n.applies.add(&pb.Message{Context: s.data[:etcdHead]}) // fail it, in its turn
		}
	}
}

// read asks for one index for all.
func (n *etcdNode) read(gets []*slot) {
	if len(gets) == 0 {
		return
	}
	n.rounds++
	n.reads[n.rounds] = append([]*slot(nil), gets...)
	n.raw.ReadIndex(binary.LittleEndian.AppendUint64(nil, n.rounds))
}

// handOut hands out what is ready.
func (n *etcdNode) handOut() {
	for n.raw.HasReady() {
		ready := n.raw.Ready()
		if ready.SoftState != nil {
			n.leads.Store(ready.RaftState == raft.StateLeader)
		}
		for _, m := range ready.Messages {
			n.send(m)
		}
		for _, r := range ready.ReadStates {
			round := binary.LittleEndian.Uint64(r.RequestCtx)
			n.ready = append(n.ready, etcdReads{r.Index, n.reads[round]})
			delete(n.reads, round)
		}
	}
	for len(n.ready) > 0 && n.ready[0].index <= n.applied {
		for _, s := range n.ready[0].slots {
			s.settled <- nil
		}
		n.ready = n.ready[1:]
	}
}

func (n *etcdNode) send(m *pb.Message) {
	switch m.GetTo() {
	case raft.LocalAppendThread:
		n.appends.add(m)
	case raft.LocalApplyThread:
		n.applies.add(m)
	case n.id:
		n.inbox.add(etcdEvent{message: m})
	default:
		n.transport.send(m)
	}
}

// append makes durable what waits, all of it by one sync, and answers.
func (n *etcdNode) append() {
	var batch []*pb.Message
	for n.appends.wait(n.stop) {
		batch = n.appends.take(batch)
		for _, m := range batch {
			if m.Term != nil {
				buf := append(n.log.Begin(), 0)
				for _, v := range []uint64{m.GetTerm(), m.GetVote(), m.GetCommit()} {
					buf = binary.AppendUvarint(buf, v)
				}
				n.log.End(buf)
			}
			for _, e := range m.Entries {
				buf := append(n.log.Begin(), 1+byte(e.GetType()))
				buf = binary.AppendUvarint(binary.AppendUvarint(buf, e.GetTerm()), e.GetIndex())
				n.log.End(append(buf, e.Data...))
			}
			must(n.storage.Append(m.Entries))
		}
		must(n.log.Sync())
		for _, m := range batch {
			for _, r := range m.Responses {
				n.send(r)
			}
		}
	}
}

// must ends the process: what a failed write has left is anybody's guess.
func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// apply applies what is committed, and settles what was proposed here.
func (n *etcdNode) apply() {
	var batch []*pb.Message
	var kept uint64
	for n.applies.wait(n.stop) {
		batch = n.applies.take(batch)
		n.ahead = append(n.ahead, n.waiting.take(nil)...)
		for _, m := range batch {
			if m.Context != nil {
				n.settle(m.Context, errDropped)
				continue
			}
			must(n.machine.Batch(func(put func([]byte) error) error {
				for _, e := range m.Entries {
					if len(e.Data) > 0 {
						if err := put(e.Data[etcdHead:]); err != nil {
							return err
						}
					}
				}
				return nil
			}))
			for _, e := range m.Entries {
				n.settle(e.Data, nil)
			}
			last := m.Entries[len(m.Entries)-1].GetIndex()
			n.inbox.add(etcdEvent{applied: last})
			for _, r := range m.Responses {
				n.send(r)
			}
			if last > kept+2*etcdTail {
				kept = last - etcdTail
				must(n.storage.Compact(kept))
			}
		}
	}
}

// settle settles a proposal of this node. Those before it have come to nothing.
func (n *etcdNode) settle(data []byte, err error) {
	if len(data) < etcdHead {
		return
	}
	id := binary.LittleEndian.Uint64(data)
	if id&3 != n.id {
		return
	}
	for len(n.ahead) > 0 && n.ahead[0].id <= id>>2 {
		s := n.ahead[0]
		n.ahead = n.ahead[1:]
		if s.id < id>>2 {
			s.settled <- errDropped
		} else {
			s.settled <- err
		}
	}
}
