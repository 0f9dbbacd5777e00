package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// relay passes connections on to a server, once it is open; until then it ends
// them at once, as if the server were away.
type relay struct {
	listener net.Listener
	target   string
	open     atomic.Bool
}

func newRelay() (*relay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // at once
	return &relay{listener: l}, err
}

// to starts to relay for the server of a URL and returns the URL that leads here.
func (r *relay) to(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	r.target, u.Host = u.Host, r.listener.Addr().String()
	go func() {
		for {
			conn, err := r.listener.Accept()
			if err != nil {
				return
			}
			go r.pass(conn)
		}
	}()
	return u.String(), nil
}

func (r *relay) pass(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	if !r.open.Load() {
		return
	}
	server, err := net.Dial("tcp", r.target) //nolint:noctx // loopback
	if err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(server, conn)
		_ = server.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(conn, server)
	_ = server.Close()
}

// drainBacklog fills the journal while ClickHouse is away, and measures how fast
// it is emptied, while one new delivery after another is sent.
func (b *bench) drainBacklog(ctx context.Context, round int) (d drainage, err error) {
	link, err := newRelay()
	if err != nil {
		return d, err
	}
	defer func() { _ = link.listener.Close() }()
	subj := subject{name: "Leadgate, backlog", store: true, start: gateway(gatewayOptions{relay: link})}
	s, err := b.open(ctx, subj)
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	most := watch(s.own())
	filled, err := load{kind: jsonForm, connections: b.connections, time: 10 * time.Minute, requests: b.backlog}.drive(ctx, s.addr, s.paths[jsonForm], nil)
	if err != nil {
		return d, err
	}
	link.open.Store(true)
	opened := time.Now()
	quiet, stop := context.WithCancel(ctx)
	defer stop()
	type latecomers struct {
		*driven
		err error
	}
	fresh := make(chan latecomers, 1)
	go func() {
		l := load{kind: jsonForm, connections: 8, time: 10 * time.Minute, rate: 200}
		d, err := l.drive(quiet, s.addr, s.paths[jsonForm], nil)
		fresh <- latecomers{d, err}
	}()
	first, err := s.firstShipped(ctx)
	if err != nil {
		return d, err
	}
	began := time.Now()
	if err := s.backlogGone(ctx, began); err != nil {
		return d, err
	}
	took := time.Since(began)
	stop()
	late := <-fresh
	if late.err != nil {
		return d, late.err
	}
	all := filled.Accepted + late.Accepted
	rows, _, err := s.shipped(ctx, all)
	if err != nil {
		return d, err
	}
	d = drainage{
		Round: round, Deliveries: int(filled.Accepted), Noticed: began.Sub(opened).Seconds(), Memory: most(),
		PerSecond: (float64(filled.Accepted) - first) / took.Seconds(),
		Meanwhile: late.at(0.99).Seconds() * 1000, Lost: int64(all) - int64(rows),
	}
	d.Bare, err = s.bare(ctx)
	return d, err
}

// firstShipped waits until the first deliveries of the backlog are in the store
// and tells how many they are: until then the gateway waits for its next try.
func (s *site) firstShipped(ctx context.Context) (n float64, err error) {
	for n == 0 && err == nil {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		n, err = s.metric(ctx, "leadgate_deliveries_total")
	}
	return n, err
}

// backlogGone waits until less than what comes in within a moment waits.
func (s *site) backlogGone(ctx context.Context, since time.Time) error {
	for time.Since(since) < 20*time.Minute {
		if lag, err := s.metric(ctx, "leadgate_drain_lag_bytes"); err == nil && lag < 256<<10 {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		case <-s.process.ended:
			return fmt.Errorf("the gateway ended: %s", s.process.said.String())
		}
	}
	return errors.New("the backlog does not go away")
}

// bareRows is how many deliveries' rows the bare driver inserts, in batches of
// bareBatch.
const bareRows, bareBatch = 50_000, 10_000

// bare inserts rows that the gateway wrote once more, into tables like theirs,
// row by row into the driver's batches: what the driver alone can do. It returns
// deliveries a second.
func (s *site) bare(ctx context.Context) (perSecond float64, err error) {
	var spent time.Duration
	fewest := bareRows
	for _, table := range []string{"contacts_log", "leads_log", "raw_log", "deliveries_log"} {
		rows, err := readRows(ctx, s.store, "SELECT * FROM leadgate."+table+fmt.Sprintf(" LIMIT %d", bareRows))
		if err != nil {
			return 0, err
		}
		fewest = min(fewest, len(rows))
		if err := s.store.Exec(ctx, "CREATE TABLE default.bare_"+table+" AS leadgate."+table); err != nil {
			return 0, err
		}
		began := time.Now()
		for part := range slices.Chunk(rows, bareBatch) {
			batch, err := s.store.PrepareBatch(ctx, "INSERT INTO default.bare_"+table)
			if err != nil {
				return 0, err
			}
			for _, row := range part {
				if err := batch.Append(row...); err != nil {
					return 0, err
				}
			}
			if err := batch.Send(); err != nil {
				return 0, err
			}
		}
		spent += time.Since(began)
	}
	return float64(fewest) / spent.Seconds(), nil
}

func readRows(ctx context.Context, conn driver.Conn, query string) (all [][]any, err error) {
	rows, err := conn.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	types := rows.ColumnTypes()
	for rows.Next() {
		places := make([]any, len(types))
		for i, t := range types {
			places[i] = reflect.New(t.ScanType()).Interface()
		}
		if err := rows.Scan(places...); err != nil {
			return nil, err
		}
		for i := range places {
			places[i] = reflect.ValueOf(places[i]).Elem().Interface()
		}
		all = append(all, places)
	}
	return all, rows.Err()
}
