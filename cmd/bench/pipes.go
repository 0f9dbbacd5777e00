package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// The general pipes are modules of their own under pipes, built into bin/pipes
// by `make bench`. Each is set up as its manual would have it for this work: one
// request is one row in ClickHouse, and it gets as much room as it can use.

// startCollector: it keeps each request in a queue on disk, fsynced, before it answers,
// and ships from there.
func startCollector(ctx context.Context, s *site) error {
	u, err := url.Parse(s.engine.URL())
	if err != nil {
		return err
	}
	password, _ := u.User.Password()
	s.count = "SELECT count() FROM default.otel_logs"
	s.paths = map[kind]string{otlpLog: "/v1/logs"}
	return s.pipe(ctx, "otelcol", "--config", fmt.Sprintf(`
extensions:
  file_storage: {directory: %q, create_directory: true, fsync: true}
receivers:
  otlp: {protocols: {http: {endpoint: "ADDRESS"}}}
exporters:
  clickhouse:
    endpoint: "tcp://%s"
    username: %q
    password: %q
    async_insert: false
    sending_queue:
      storage: file_storage
      queue_size: 1000000
      batch: {flush_timeout: 200ms, min_size: 10000}
service:
  extensions: [file_storage]
  telemetry: {metrics: {level: none}, logs: {level: error}}
  pipelines:
    logs: {receivers: [otlp], exporters: [clickhouse]}
`, filepath.Join(s.dir, "queue"), u.Host, u.User.Username(), password))
}

// startBenthos: it asks Redis whether a delivery is new and answers when its row is in
// ClickHouse. Rows of requests that wait at the same time share an insert.
func startBenthos(ctx context.Context, s *site) error {
	if err := s.table(ctx); err != nil {
		return err
	}
	s.paths = map[kind]string{jsonForm: "/"}
	return s.pipe(ctx, "benthos", "-c", fmt.Sprintf(`
http: {enabled: false}
logger: {level: ERROR}
input:
  http_server: {address: "ADDRESS", path: /, timeout: 30s}
pipeline:
  threads: 64 # each waits for its row: with the default, one for a processor, it takes 89 a second
  processors:
    - dedupe: {cache: seen, key: '${! json("id") }', drop_on_err: false}
output:
  sql_insert:
    driver: clickhouse
    dsn: %q
    table: default.bench_leads
    columns: [id, email, phone, name, page_url, raw]
    args_mapping: 'root = [this.id, this.email, this.phone, this.name, this.page_url, content().string()]'
    batching: {count: 64, period: 20ms}
cache_resources:
  - label: seen
    redis: {url: "redis://%s", default_ttl: 24h}
`, s.engine.URL(), s.redisAt))
}

// startTelegraf: it answers when a delivery is in its memory, or on its way to its
// buffer on disk, which syncs each write.
func startTelegraf(buffer string) func(context.Context, *site) error {
	return func(ctx context.Context, s *site) error {
		if err := s.table(ctx); err != nil {
			return err
		}
		s.paths = map[kind]string{jsonForm: "/"}
		return s.pipe(ctx, "telegraf", "", fmt.Sprintf(`
[agent]
  flush_interval = "200ms"
  metric_batch_size = 10000
  metric_buffer_limit = 1000000
  buffer_strategy = %q
  buffer_directory = %q
  omit_hostname = true
  quiet = true
[[inputs.http_listener_v2]]
  service_address = "tcp://ADDRESS"
  paths = ["/"]
  methods = ["POST"]
  data_format = "json"
  name_override = "bench_leads"
  json_string_fields = ["id", "email", "phone", "name", "page_url"]
[[outputs.sql]]
  driver = "clickhouse"
  data_source_name = "%s/default"
  timestamp_column = "received_at"
  batch_transactions = true
`, buffer, filepath.Join(s.dir, "buffer"), s.engine.URL()))
	}
}

func (b *bench) pipe(name string) string { return filepath.Join(b.root, "bin", "pipes", name) }

// built tells whether a pipe can be compared with. Not everybody can fetch all
// that they are made of.
func (b *bench) built(name string) bool {
	_, err := os.Stat(b.pipe(name))
	return err == nil
}

// pipe starts a program of bin/pipes with a configuration, in which ADDRESS
// stands for where it listens.
func (s *site) pipe(ctx context.Context, name, flag, config string) (err error) {
	if s.addr, err = freeAddr(); err != nil {
		return err
	}
	path := filepath.Join(s.dir, name+".conf")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(config, "ADDRESS", s.addr)), 0o600); err != nil {
		return err
	}
	args := []string{path}
	if flag != "" {
		args = []string{flag, path}
	}
	if s.process, err = launch(s.bench.pipe(name), args...); err != nil {
		return err
	}
	return s.process.await(ctx, "listening", listens(s.addr))
}
