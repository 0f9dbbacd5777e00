package clickhouse_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	driver "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/leadgate/leadgate/analytics/clickhouse"
	"github.com/leadgate/leadgate/analytics/clickhouse/clickhousetest"
)

// recordedVersion is the engine whose defaults and conduct this file records.
// After an upgrade, see each difference and what it means for retries before
// it is changed here: https://clickhouse.com/docs/guides/developer/deduplicating-inserts-on-retries.
const recordedVersion = "26.7."

// recordedDefaults are the server's own values of the settings that the sink
// overrides, and of those that it relies on without setting them.
var recordedDefaults = map[string]string{
	"async_insert":          "1",
	"deduplicate_insert":    "enable",
	"insert_deduplicate":    "1",
	"optimize_on_insert":    "1",
	"wait_for_async_insert": "1",
	"deduplicate_blocks_in_dependent_materialized_views":                "1",
	"update_insert_deduplication_token_in_dependent_materialized_views": "0",
	"distributed_foreground_insert":                                     "0",
	"insert_null_as_default":                                            "1",
	"max_insert_block_size":                                             "1048449",
	"max_partitions_per_insert_block":                                   "100",
	"min_insert_block_size_bytes":                                       "268402944",
	"min_insert_block_size_rows":                                        "1048449",

	"insert_deduplication_token":                  "",
	"async_insert_deduplicate":                    "0",
	"deduplicate_insert_select":                   "enable_when_possible",
	"do_not_merge_across_partitions_select_final": "0", // the views merge states of different months
	"parallel_view_processing":                    "0",
}

var recordedTableDefaults = map[string]string{
	"non_replicated_deduplication_window":     "0",
	"replicated_deduplication_window":         "10000",
	"replicated_deduplication_window_seconds": "3600",
	"parts_to_throw_insert":                   "3000",
	"parts_to_delay_insert":                   "1000",
	"fsync_after_insert":                      "0",
	"fsync_part_directory":                    "0",
}

func TestIntegrationDedup_DefaultsAreThoseRecorded(t *testing.T) {
	t.Parallel()
	conn := clickhousetest.Open(t)
	if got := ask(t, conn, "SELECT version()"); !strings.HasPrefix(got, recordedVersion) {
		t.Errorf("the engine is %s; what this file records was seen on %sx", got, recordedVersion)
	}
	for name := range clickhouse.InsertSettings {
		if _, ok := recordedDefaults[name]; !ok {
			t.Errorf("the sink sets %s: record its default", name)
		}
	}
	compare := func(table, column string, recorded map[string]string) {
		for _, name := range slices.Sorted(maps.Keys(recorded)) {
			want(t, conn, fmt.Sprintf("SELECT %s FROM system.%s WHERE name = '%s'", column, table, name), recorded[name])
		}
	}
	compare("settings", "default", recordedDefaults)
	compare("merge_tree_settings", "default", recordedTableDefaults)
	// All tables that the sink writes ask for a window of tokens and for fsync.
	want(t, conn, `SELECT count(), countIf(create_table_query LIKE '%non_replicated_deduplication_window = 10000%'
		AND create_table_query LIKE '%fsync_after_insert = 1%' AND create_table_query LIKE '%fsync_part_directory = 1%'
		AND engine = 'ReplacingMergeTree') FROM system.tables WHERE database = currentDatabase() AND name LIKE '%\\_log'`, "8|8")
}

// put inserts one block of numbers, in the months that their thousands give,
// as the sink does: with its settings, a token if not empty, and what change
// says besides.
func put(t *testing.T, conn *clickhouse.Conn, table, token string, change driver.Settings, rows ...uint64) error {
	t.Helper()
	settings := maps.Clone(clickhouse.InsertSettings)
	if token != "" {
		settings["insert_deduplication_token"] = token
	}
	maps.Copy(settings, change)
	block, err := conn.PrepareBatch(driver.Context(t.Context(), driver.WithSettings(settings)), "INSERT INTO "+table+" (a)")
	if err != nil {
		return err
	}
	defer func() { _ = block.Close() }()
	if err := block.Column(0).Append(rows); err != nil {
		t.Fatal(err)
	}
	return block.Send()
}

// bench is a database with the table t of the given settings.
func bench(t *testing.T, settings string, statements ...string) *clickhouse.Conn {
	t.Helper()
	conn := clickhousetest.Open(t)
	create := "CREATE TABLE t (a UInt64) ENGINE = ReplacingMergeTree PARTITION BY intDiv(a, 1000) ORDER BY a" + settings
	for _, statement := range append([]string{create}, statements...) {
		if err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return conn
}

const window = " SETTINGS non_replicated_deduplication_window = 10000"

type insertion struct {
	token string
	rows  []uint64
}

func TestIntegrationDedup_Tokens(t *testing.T) {
	t.Parallel()
	off := driver.Settings{"deduplicate_insert": "disable"}
	for name, test := range map[string]struct {
		settings string
		change   driver.Settings
		inserts  []insertion
		rows     string // all that the table holds, unmerged
	}{
		"same token, same rows":         {window, nil, []insertion{{"b", []uint64{1, 2}}, {"b", []uint64{1, 2}}}, "[1,2]"},
		"same token, other rows":        {window, nil, []insertion{{"b", []uint64{1, 2}}, {"b", []uint64{3}}}, "[1,2]"},
		"other token, same rows":        {window, nil, []insertion{{"b", []uint64{1, 2}}, {"c", []uint64{1, 2}}}, "[1,1,2,2]"},
		"no token, same rows":           {window, nil, []insertion{{"", []uint64{1, 2}}, {"", []uint64{1, 2}}}, "[1,2]"},
		"no token, other order":         {window, nil, []insertion{{"", []uint64{1, 2}}, {"", []uint64{2, 1}}}, "[1,1,2,2]"},
		"token, then none":              {window, nil, []insertion{{"b", []uint64{1, 2}}, {"", []uint64{1, 2}}}, "[1,1,2,2]"},
		"two partitions, again":         {window, nil, []insertion{{"b", []uint64{1, 1001}}, {"b", []uint64{1, 1001}}}, "[1,1001]"},
		"two partitions, one known":     {window, nil, []insertion{{"b", []uint64{1}}, {"b", []uint64{1, 1001}}}, "[1,1001]"},
		"another partition, same token": {window, nil, []insertion{{"b", []uint64{1}}, {"b", []uint64{1001}}}, "[1,1001]"},
		"three partitions, out of order": {window, nil,
			[]insertion{{"b", []uint64{2001, 1, 1001}}, {"b", []uint64{1001, 2001, 1}}}, "[1,1001,2001]"},
		"without a window":            {"", nil, []insertion{{"b", []uint64{1, 2}}, {"b", []uint64{1, 2}}}, "[1,1,2,2]"},
		"switched off for the insert": {window, off, []insertion{{"b", []uint64{1, 2}}, {"b", []uint64{1, 2}}}, "[1,1,2,2]"},
		"the older switch has no say": {window, driver.Settings{"insert_deduplicate": 0}, []insertion{{"b", []uint64{1, 2}}, {"b", []uint64{1, 2}}}, "[1,2]"},
		"a window of two forgets":     {" SETTINGS non_replicated_deduplication_window = 2", nil, []insertion{{"b", []uint64{1}}, {"c", []uint64{2}}, {"d", []uint64{3}}, {"b", []uint64{1}}}, "[1,1,2,3]"},
		"a window of two still knows": {" SETTINGS non_replicated_deduplication_window = 2", nil, []insertion{{"b", []uint64{1}}, {"c", []uint64{2}}, {"b", []uint64{1}}}, "[1,2]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := bench(t, test.settings, "SYSTEM STOP MERGES t")
			for _, in := range test.inserts {
				if err := put(t, conn, "t", in.token, test.change, in.rows...); err != nil {
					t.Fatal(err)
				}
			}
			want(t, conn, "SELECT arraySort(groupArray(a)) FROM t", test.rows)
		})
	}
}

// Merging, and the loss of a part's place in the window by that, does not make
// a token unknown.
func TestIntegrationDedup_TokenOutlivesMerges(t *testing.T) {
	t.Parallel()
	conn := bench(t, window)
	for n := range 5 {
		if err := put(t, conn, "t", fmt.Sprint("b", n), nil, uint64(n)); err != nil {
			t.Fatal(err)
		}
	}
	clickhousetest.Merge(t, conn, "t")
	for n := range 5 {
		if err := put(t, conn, "t", fmt.Sprint("b", n), nil, uint64(n+100)); err != nil {
			t.Fatal(err)
		}
	}
	want(t, conn, "SELECT count(), max(a) FROM t", "5|4")
}

// A projection is a part of the part: it is there once whatever is retried.
func TestIntegrationDedup_Projection(t *testing.T) {
	t.Parallel()
	conn := bench(t, window+", deduplicate_merge_projection_mode = 'rebuild'", "ALTER TABLE t ADD PROJECTION p (SELECT a % 2, count() GROUP BY a % 2)")
	for range 2 {
		if err := put(t, conn, "t", "b", nil, 1, 2, 3); err != nil {
			t.Fatal(err)
		}
	}
	want(t, conn, "SELECT a % 2 AS odd, count() FROM t GROUP BY odd ORDER BY odd", "0|1\n1|2")
}

// A table behind a materialised view is looked at by itself: a retry brings it
// what it lacks and nothing else.
func TestIntegrationDedup_MaterializedView(t *testing.T) {
	t.Parallel()
	view := []string{
		"CREATE TABLE sums (odd UInt8, n UInt64) ENGINE = MergeTree ORDER BY odd" + window,
		"CREATE MATERIALIZED VIEW v TO sums AS SELECT toUInt8(a % 2) AS odd, count() AS n FROM t GROUP BY odd",
	}
	const both = "SELECT (SELECT count() FROM t), (SELECT sum(n) FROM sums)"
	t.Run("retry", func(t *testing.T) {
		t.Parallel()
		conn := bench(t, window, view...)
		for range 3 {
			if err := put(t, conn, "t", "b", nil, 1, 2, 3); err != nil {
				t.Fatal(err)
			}
		}
		want(t, conn, both, "3|3")
	})
	t.Run("other rows that look the same behind the view", func(t *testing.T) {
		t.Parallel()
		conn := bench(t, window, view...)
		for n := range uint64(3) {
			if err := put(t, conn, "t", fmt.Sprint("b", n), nil, 10*n, 10*n+2); err != nil {
				t.Fatal(err)
			}
		}
		want(t, conn, both, "6|6")
	})
	t.Run("view failed, then mended", func(t *testing.T) {
		t.Parallel()
		conn := bench(t, window, append(view, "ALTER TABLE sums ADD CONSTRAINT c CHECK odd > 5")...)
		if err := put(t, conn, "t", "b", nil, 1, 2, 3); err == nil {
			t.Fatal("an insert whose view fails is accepted")
		}
		want(t, conn, both, "3|0") // the table itself has it already
		if err := conn.Exec(t.Context(), "ALTER TABLE sums DROP CONSTRAINT c"); err != nil {
			t.Fatal(err)
		}
		if err := put(t, conn, "t", "b", nil, 1, 2, 3); err != nil {
			t.Fatal(err)
		}
		want(t, conn, both, "3|3")
	})
	for name, test := range map[string]struct {
		change driver.Settings
		counts string
	}{
		"what the view lacks is brought":                 {nil, "3|3"},
		"without the setting it is brought at every try": {driver.Settings{"deduplicate_blocks_in_dependent_materialized_views": 0}, "3|6"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := bench(t, window, view[0])
			if err := put(t, conn, "t", "b", test.change, 1, 2, 3); err != nil {
				t.Fatal(err)
			}
			if err := conn.Exec(t.Context(), view[1]); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := put(t, conn, "t", "b", test.change, 1, 2, 3); err != nil {
					t.Fatal(err)
				}
			}
			want(t, conn, both, test.counts)
		})
	}
}
