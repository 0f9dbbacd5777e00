package clickhouse

import (
	"context"
	"fmt"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// insertSettings are set on every insert as far as the server knows them.
// Defaults of those on deduplication changed in 26.1 and 26.2, see
// https://clickhouse.com/docs/guides/developer/deduplicating-inserts-on-retries.
var insertSettings = clickhouse.Settings{
	"deduplicate_insert": "enable", // from 26.2 the switch above the others
	"insert_deduplicate": 1,
	"deduplicate_blocks_in_dependent_materialized_views":                1,
	"update_insert_deduplication_token_in_dependent_materialized_views": 0,
	"async_insert":          0, // no queue: a nil error means that it is in
	"wait_for_async_insert": 1,

	// A Distributed table answers when the shards have it, token and all.
	"distributed_foreground_insert": 1,

	// The blocks that are sent are joined, and that is inserted: one block,
	// neither cut nor begun before it is whole, whatever months it touches.
	"min_insert_block_size_rows":      100_000_000,
	"min_insert_block_size_bytes":     100_000_000_000,
	"max_insert_block_size":           100_000_000,
	"max_partitions_per_insert_block": 0,
	"optimize_on_insert":              0, // two states of an event in one batch are left to merges and views
	"insert_null_as_default":          0,
}

// serverSettings asks the server, once, which of the settings it knows.
func (s *Sink) serverSettings(ctx context.Context) (clickhouse.Settings, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.settings != nil {
		return s.settings, nil
	}
	var known []string
	if err := s.conn.QueryRow(ctx, "SELECT groupArray(name) FROM system.settings").Scan(&known); err != nil {
		return nil, s.conn.explain(err)
	}
	settings := clickhouse.Settings{}
	for name, value := range insertSettings {
		if slices.Contains(known, name) {
			settings[name] = value
		}
	}
	if _, ok := settings["insert_deduplicate"]; !ok || !slices.Contains(known, "insert_deduplication_token") {
		return nil, fmt.Errorf("clickhouse %s: the server has no insert_deduplication_token; use version 24.8 or later", s.conn.Address())
	}
	s.settings = settings
	return settings, nil
}
