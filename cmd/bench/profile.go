package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// profiling takes profiles of the gateway while a load is measured: of the
// processor in the middle of it, all others when everything is shipped.
type profiling struct {
	addr string // where the gateway serves them; "" if nobody wants any
	path string // how the files' names begin
	cpu  errgroup.Group
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

func (b *bench) profiling(s *site, name string, l load) *profiling {
	slug := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(name+"-"+l.name()), "-"), "-")
	return &profiling{addr: s.debugAt, path: filepath.Join(b.profiles, slug)}
}

// begin returns at once. The load takes that long.
func (p *profiling) begin(ctx context.Context, takes time.Duration) {
	if p.addr == "" {
		return
	}
	p.cpu.Go(func() error {
		select {
		case <-time.After(takes / 8):
		case <-ctx.Done():
			return ctx.Err()
		}
		return p.fetch(ctx, "cpu", "profile?seconds="+strconv.Itoa(max(1, int(takes.Seconds()*3/4))))
	})
}

// end writes the rest and says how to read them.
func (p *profiling) end(ctx context.Context) error {
	if p.addr == "" {
		return nil
	}
	if err := p.cpu.Wait(); err != nil {
		return err
	}
	for _, kind := range []string{"allocs", "heap", "mutex", "block"} {
		if err := p.fetch(ctx, kind, kind); err != nil {
			return err
		}
	}
	fmt.Printf("go tool pprof -top %s.cpu.pprof # also .allocs, .heap, .mutex, .block\n", p.path)
	return nil
}

func (p *profiling) fetch(ctx context.Context, kind, query string) error {
	profile, err := get(ctx, "http://"+p.addr+"/debug/pprof/"+query)
	if err != nil {
		return err
	}
	return os.WriteFile(p.path+"."+kind+".pprof", profile, 0o600)
}
