package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"github.com/redis/go-redis/v9"
)

// redisServer is a real redis-server on loopback that keeps nothing on disk.
// Only one goroutine may start and end it.
type redisServer struct {
	port  int
	dir   string
	cmd   *exec.Cmd
	ended chan struct{}
}

// useRedis gives the gateway a real redis-server, not started yet, in place of
// the embedded one. Call it before start. The world's own end stops it.
func (w *world) useRedis() error {
	port, err := freePort()
	if err != nil {
		return err
	}
	w.redis = &redisServer{port: port, dir: w.dir}
	w.configure(fmt.Sprintf("redis: {url: %q}", w.redis.url()))
	return nil
}

func (r *redisServer) url() string { return fmt.Sprintf("redis://127.0.0.1:%d/0", r.port) }

// start starts an empty Redis and waits until it answers; args are more options
// of redis-server ("--maxmemory", "1mb").
func (r *redisServer) start(ctx context.Context, args ...string) error {
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		return fmt.Errorf("%w: apt-get install redis-server", err)
	}
	args = append([]string{"--port", strconv.Itoa(r.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", r.dir}, args...)
	cmd := exec.Command(binary, args...) //nolint:noctx // it outlives the context of the start
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Env = os.Environ()
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	r.cmd, r.ended = cmd, ended
	go func() { _ = cmd.Wait(); close(ended) }()
	client := r.client()
	defer func() { _ = client.Close() }()
	return await(ctx, "answering (redis-server)", func() (bool, error) {
		return client.Ping(ctx).Err() == nil, nil
	})
}

// client returns a client of one's own, to be closed by its user.
func (r *redisServer) client() *redis.Client {
	return redis.NewClient(&redis.Options{Addr: fmt.Sprintf("127.0.0.1:%d", r.port), MaxRetries: -1})
}

// kill is kill -9, and waits until the process is gone. All it knew is gone
// with it.
func (r *redisServer) kill() {
	if r == nil || r.cmd == nil {
		return
	}
	_ = r.cmd.Process.Kill()
	<-r.ended
	r.cmd = nil
}

// running tells whether it was started and not killed.
func (r *redisServer) running() bool { return r != nil && r.cmd != nil }
