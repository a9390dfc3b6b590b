package system

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
)

// Etcd is etcd itself, with its own server and client.
var Etcd = System{
	Name: "etcd", Machine: "Go",
	Setup: "v3.7.3, defaults, with its own store on disk for a machine; its own client on 16 connections to the leader, in both layouts",
	Open:  openEtcd,
	Serve: func(n Node, _ string) (Server, error) { return n.(*etcdServer), nil },
	Dial:  dialEtcd,
	Probe: probeEtcd, Defaults: true,
}

const (
	etcdConnections = 16
	etcdTimeout     = 10 * time.Second
	etcdAgain       = 50 * time.Millisecond
)

// etcdServer is a member of an etcd cluster, and a client of it.
type etcdServer struct {
	*etcdClient
	server  *embed.Etcd
	address string
	dir     string
}

func openEtcd(c Config) (Node, error) {
	config := embed.NewConfig()
	config.Name, config.Dir = fmt.Sprint("node", c.ID), c.Dir
	config.LogLevel, config.Logger = "fatal", "zap"
	if c.Election > 0 {
		config.ElectionMs = uint(c.Election.Milliseconds())
		config.TickMs = config.ElectionMs / 5 // it takes no less
	}
	var members []string
	for i, peer := range c.Peers {
		members = append(members, fmt.Sprintf("node%d=http://%s", i+1, peer))
	}
	config.InitialCluster = strings.Join(members, ",")
	peer := url.URL{Scheme: "http", Host: c.Peers[c.ID-1]}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	client := url.URL{Scheme: "http", Host: address}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	server, err := embed.StartEtcd(config)
	if err != nil {
		return nil, err
	}
	own, err := newEtcdClient(address, etcdConnections)
	if err != nil {
		server.Close()
		return nil, err
	}
	return &etcdServer{own, server, address, c.Dir}, nil
}

// freeAddress finds an address of loopback that nobody listens on.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// Leads implements Node.
func (s *etcdServer) Leads() bool { return s.server.Server.Leader() == s.server.Server.MemberID() }

// Addr implements Server.
func (s *etcdServer) Addr() string { return s.address }

// Close implements Node and Server; a second one does nothing.
func (s *etcdServer) Close() error {
	if s.server == nil {
		return nil
	}
	err := s.etcdClient.Close()
	s.server.Close()
	s.server = nil
	return err
}

// Holds implements Holder.
func (s *etcdServer) Holds(key string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), etcdTimeout)
	defer cancel()
	reply, err := s.clients[0].Get(ctx, key, clientv3.WithSerializable())
	return err == nil && len(reply.Kvs) > 0
}

// Snapshot implements Snapshotter: a copy of its file, as it is saved against bad days. What lets it
// cut its log, it does every 10,000 entries.
func (s *etcdServer) Snapshot() error {
	ctx, cancel := context.WithTimeout(context.Background(), snapshotPatience)
	defer cancel()
	from, err := s.clients[0].Snapshot(ctx)
	if err != nil {
		return err
	}
	defer from.Close()
	f, err := os.Create(filepath.Join(s.dir, "saved"))
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Sync(), f.Close())
}

// probeEtcd has whoever is asked pass the write on to the leader, and asks again soon: what is lost
// with a leader is answered by nobody.
func probeEtcd(addresses []string) (func() error, error) {
	var clients []*etcdClient
	for _, address := range addresses {
		c, err := newEtcdClient(address, 1)
		if err != nil {
			return nil, err
		}
		clients = append(clients, c)
	}
	var turn atomic.Uint64
	return func() error {
		one := clients[turn.Add(1)%uint64(len(clients))].clients[0]
		ctx, cancel := context.WithTimeout(context.Background(), etcdAgain)
		defer cancel()
		_, err := one.Put(ctx, "probe", "x")
		return err
	}, nil
}

// etcdClient is a Target.
type etcdClient struct {
	clients []*clientv3.Client
	next    atomic.Uint64
}

func newEtcdClient(address string, connections int) (*etcdClient, error) {
	c := new(etcdClient)
	for range connections {
		one, err := clientv3.New(clientv3.Config{
			Endpoints: []string{"http://" + address}, DialTimeout: etcdTimeout, Logger: zap.NewNop(),
		})
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c.clients = append(c.clients, one)
	}
	return c, nil
}

// dialEtcd connects with the member that leads.
func dialEtcd(addresses []string) (Target, error) {
	for _, address := range addresses {
		c, err := newEtcdClient(address, etcdConnections)
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(context.Background(), etcdTimeout)
		status, err := c.clients[0].Status(ctx, "http://"+address)
		cancel()
		if err == nil && status.Leader == status.Header.MemberId {
			return c, nil
		}
		if err = errors.Join(err, c.Close()); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("etcd: nobody leads")
}

// Put implements Target.
func (c *etcdClient) Put(key string, value []byte) Future {
	return c.do(func(ctx context.Context, one *clientv3.Client) error {
		_, err := one.Put(ctx, key, string(value))
		return err
	})
}

// PutAll implements Target.
func (c *etcdClient) PutAll(b Batch) Future {
	var puts []clientv3.Op
	held := make(map[string]bool) // a transaction may put a key once
	for len(b) > 0 {
		key, value, rest, ok := b.Next()
		if !ok {
			return failed{errCommand}
		}
		if !held[string(key)] {
			held[string(key)] = true
			puts = append(puts, clientv3.OpPut(string(key), string(value)))
		}
		b = rest
	}
	return c.do(func(ctx context.Context, one *clientv3.Client) error {
		_, err := one.Txn(ctx).Then(puts...).Commit()
		return err
	})
}

// Get implements Target.
func (c *etcdClient) Get(key string) Future {
	return c.do(func(ctx context.Context, one *clientv3.Client) error {
		reply, err := one.Get(ctx, key)
		if err == nil && len(reply.Kvs) == 0 {
			err = ErrNotFound
		}
		return err
	})
}

func (c *etcdClient) do(call func(context.Context, *clientv3.Client) error) Future {
	one := c.clients[c.next.Add(1)%uint64(len(c.clients))]
	return Lazy(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), etcdTimeout)
		defer cancel()
		return call(ctx, one)
	})
}

// Close implements Target.
func (c *etcdClient) Close() error {
	var err error
	for _, one := range c.clients {
		err = errors.Join(err, one.Close())
	}
	return err
}
