package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/analytics/clickhouse/embedded"
)

// starting is how long a command waits for a gateway that opens its engine.
const starting = time.Minute

// reachEngine connects to the embedded engine of a gateway that runs on the
// data directory. It returns nothing if there is no such gateway; an error says
// why its engine cannot be reached.
func (s *Settings) reachEngine(ctx context.Context) (*store, error) {
	ctx, cancel := context.WithTimeout(ctx, starting)
	defer cancel()
	for {
		checks, err := s.askGateway(ctx)
		if errors.Is(err, errNoGateway) {
			return s.runningEngine()
		}
		of := findCheck(checks, checkStore)
		if err == nil && of.Detail == storeOpening {
			select {
			case <-time.After(100 * time.Millisecond):
				continue
			case <-ctx.Done():
			}
		}
		if st, failed := s.runningEngine(); st != nil || failed != nil {
			return st, failed
		}
		switch {
		case err != nil:
			return nil, fmt.Errorf("a gateway runs on %s, and its ClickHouse does not answer: see its log (%w)", s.DataDir, err)
		default:
			return nil, fmt.Errorf("a gateway runs on %s, and its ClickHouse is not up: %s (see `leadgate doctor`)", s.DataDir, of.Detail)
		}
	}
}

// askTimeout is how long a gateway may take to say how it is.
const askTimeout = 10 * time.Second

// askGateway asks the gateway that runs on the data directory how its parts are.
// Errors: errNoGateway.
func (s *Settings) askGateway(ctx context.Context) ([]check, error) {
	control, err := s.reachGateway()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	return control.readiness(ctx)
}

// runningEngine connects to an engine that runs and answers; nil if none does.
func (s *Settings) runningEngine() (*store, error) {
	engine, ok := embedded.Running(s.engineDir())
	if !ok {
		return nil, nil
	}
	conn, err := clickhouse.Open(clickhouse.Options{URL: engine.URL(), Dial: engine.Dial})
	if err != nil {
		return nil, err
	}
	return &store{conn: conn, access: engine}, nil
}
