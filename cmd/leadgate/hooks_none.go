//go:build !proof

package main

import (
	"time"

	"github.com/leadgate/leadgate/ingest/drain"
	"github.com/leadgate/leadgate/ingest/journal"
	"github.com/leadgate/leadgate/ingest/pending"
)

// hooks are where the proof (cmd/proof) breaks the gateway. A production build
// has none.
type hooks struct{}

func newHooks(func(string) string) (hooks, error) { return hooks{}, nil }

func (hooks) now() time.Time                                      { return time.Now() }
func (hooks) journal(o journal.Options) journal.Options           { return o }
func (hooks) drain(o drain.Options) drain.Options                 { return o }
func (hooks) pending(o pending.StoreOptions) pending.StoreOptions { return o }
func (hooks) inserted(string)                                     {}
