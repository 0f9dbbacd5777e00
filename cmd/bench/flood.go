package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leadgate/leadgate/cmd/internal/flood"
)

// flooded is how a visitor fares while others attack.
type flooded struct {
	Round    int     `json:"round"`
	Open     int     `json:"connections"`
	Forms    uint64  `json:"forms"`
	Refused  uint64  `json:"refused"`
	P50      float64 `json:"p50_ms"`
	P99      float64 `json:"p99_ms"`
	QuietP99 float64 `json:"quiet_p99_ms"` // before the attack
	Memory   int     `json:"memory_mib"`
}

const (
	floodAddresses = 50
	// floodReplace is a little more than the gateway's read timeout: by then it has
	// ended those connections that wait for nothing else.
	floodReplace = 11 * time.Second
	// floodSettle is what the gateway gets to answer what was sent while they opened.
	floodSettle = 2 * time.Second
	// floodForms is how many forms a visitor sends in a second.
	floodForms = 100
)

// flooded measures forms from one address while hostile connections of all kinds
// come from others.
func (b *bench) flooded(ctx context.Context, round int) (v flooded, err error) {
	s, err := b.open(ctx, alone)
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	kinds, err := flood.Kinds("landing", "costs")
	if err != nil {
		return v, err
	}
	visitor := load{kind: htmlForm, connections: 16, rate: floodForms, time: b.time}
	quiet, err := visitor.drive(ctx, s.addr, s.paths[visitor.kind], nil)
	if err != nil {
		return v, err
	}
	attack := flood.Load{Addr: s.addr, Connections: b.flood, Addresses: floodAddresses, Kinds: kinds, Replace: floodReplace}
	attacking, stop := context.WithCancel(ctx)
	defer stop()
	most := watch(s.own())
	opened, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- attack.Run(attacking, func() { close(opened) }) }()
	select {
	case <-opened:
	case err := <-ended:
		return v, err
	}
	select {
	case <-time.After(floodSettle):
	case <-ctx.Done():
		return v, ctx.Err()
	}
	// As long as it takes for every connection to be replaced, if there is time.
	visitor.time = min(10*b.time, floodReplace+b.time)
	d, err := visitor.drive(ctx, s.addr, s.paths[visitor.kind], nil)
	open, why := attack.Open()
	stop()
	if err := errors.Join(err, <-ended); err != nil {
		return v, err
	}
	if open < b.flood*9/10 {
		return v, fmt.Errorf("only %d hostile connections are open: %w", open, why)
	}
	return flooded{
		Round: round, Open: open, Forms: d.Accepted, Refused: d.Refused + d.Failed,
		P50: d.at(0.5).Seconds() * 1000, P99: d.at(0.99).Seconds() * 1000, QuietP99: quiet.at(0.99).Seconds() * 1000,
		Memory: most(),
	}, nil
}
