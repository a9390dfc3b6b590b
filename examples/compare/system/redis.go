package system

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
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

const (
	redisScript      = `redis.call("SET", KEYS[1], ARGV[1]) return "OK"`
	redisBatchScript = `for i = 1, #KEYS do redis.call("SET", KEYS[i], ARGV[i]) end return "OK"`
)

type redis struct {
	rueidis.Client
	server *exec.Cmd
	put    *rueidis.Lua
	putAll *rueidis.Lua
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
	r := &redis{
		server: server, put: rueidis.NewLuaScript(redisScript),
		putAll: rueidis.NewLuaScript(redisBatchScript),
	}
	for range 3000 { // until it has read what it holds
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

// PutAll implements Target.
func (r *redis) PutAll(b Batch) Future {
	var keys, values []string
	for len(b) > 0 {
		key, value, rest, ok := b.Next()
		if !ok {
			return failed{errCommand}
		}
		keys, values = append(keys, string(key)), append(values, rueidis.BinaryString(value))
		b = rest
	}
	return Lazy(func() error {
		return r.putAll.Exec(context.Background(), r.Client, keys, values).Error()
	})
}

// Holds implements Holder.
func (r *redis) Holds(key string) bool { return r.Get(key).Wait() == nil }

// Snapshot implements Snapshotter: the log is written anew, from what there is, by a copy of the
// process.
func (r *redis) Snapshot() error {
	ctx, cancel := context.WithTimeout(context.Background(), snapshotPatience)
	defer cancel()
	if err := r.Do(ctx, r.B().Bgrewriteaof().Build()).Error(); err != nil {
		return err
	}
	for ctx.Err() == nil {
		info, err := r.Do(ctx, r.B().Info().Section("persistence").Build()).ToString()
		if err != nil {
			return err
		}
		if strings.Contains(info, "aof_rewrite_in_progress:0") &&
			strings.Contains(info, "aof_rewrite_scheduled:0") {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return ctx.Err()
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
