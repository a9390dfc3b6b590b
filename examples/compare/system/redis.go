package system

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/redis/rueidis"
)

// Redis is one server, for scale: it has no replicas that would have to agree.
var Redis = System{
	Name: "redis (one node)", Machine: "Lua",
	Setup: "ONE server without replicas, if redis-server is installed; appendonly with appendfsync " +
		"always, snapshots off, a script by EVALSHA; the client rueidis, which pipelines by itself",
	OwnCluster: startRedis,
}

const redisScript = `redis.call("SET", KEYS[1], ARGV[1]) return "OK"`

type redis struct {
	rueidis.Client
	server *exec.Cmd
	put    *rueidis.Lua
}

func startRedis(dir string) (Target, []int, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, nil, errors.New("redis-server is not installed")
	}
	address, err := freeAddress()
	if err != nil {
		return nil, nil, err
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, nil, err
	}
	server := exec.Command(program, "--bind", "127.0.0.1", "--port", port, "--dir", dir,
		"--appendonly", "yes", "--appendfsync", "always", "--save", "")
	if err := server.Start(); err != nil {
		return nil, nil, err
	}
	r := &redis{server: server, put: rueidis.NewLuaScript(redisScript)}
	for range 500 { // until it listens
		r.Client, err = rueidis.NewClient(rueidis.ClientOption{
			InitAddress: []string{address}, DisableCache: true,
		})
		if err == nil {
			return r, []int{server.Process.Pid}, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil, nil, errors.Join(fmt.Errorf("redis-server at %s: %w", strconv.Quote(address), err),
		server.Process.Kill(), server.Wait())
}

// Put implements Target.
func (r *redis) Put(key string, value []byte) Future {
	return Lazy(func() error {
		reply := r.put.Exec(context.Background(), r.Client, []string{key},
			[]string{rueidis.BinaryString(value)})
		return reply.Error()
	})
}

// Get implements Target.
func (r *redis) Get(key string) Future {
	return Lazy(func() error {
		return r.Do(context.Background(), r.B().Get().Key(key).Build()).Error()
	})
}

// Close implements Target.
func (r *redis) Close() error {
	r.Client.Close()
	err := r.server.Process.Kill()
	_ = r.server.Wait() // it was killed, says its error
	return err
}
