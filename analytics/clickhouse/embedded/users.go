package embedded

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime"
	"strings"
)

// Names of the engine's users, besides ReaderName and the engine's own "default".
const (
	ownerName = "leadgate"     // all rights: the gateway itself
	sqlName   = "leadgate_sql" // reads everything: `leadgate sql`
)

// limits bound what a user's queries may take. No setting leads beyond them.
type limits struct {
	memoryMiB, userMemoryMiB int // of one query, and of all at a time
	seconds                  int // of one query
	queries                  int // at a time
	spillMiB                 int // on disk, of all queries at a time
}

var (
	sqlLimits    = limits{memoryMiB: 1024, userMemoryMiB: 1536, seconds: 600, queries: 8, spillMiB: 4096}
	readerLimits = limits{memoryMiB: 512, userMemoryMiB: 768, seconds: 60, queries: 8, spillMiB: 1024}
)

// queryThreads of one question: half of the processors at most, since leads come in
// meanwhile.
func queryThreads() int { return max(1, runtime.NumCPU()/2) }

// users is the engine's users file,
// https://clickhouse.com/docs/operations/settings/settings-users. The user
// "default" is the engine's own session, which it insists on: that takes the only
// session before anything listens, so nobody else gets one.
func (e *Engine) users() string {
	var users, profiles strings.Builder
	fmt.Fprintf(&users, userXML, ownerName, passwordXML(e.file.Password), "default", "", ownerName)
	fmt.Fprintf(&users, userXML, sqlName, passwordXML(e.file.SQL), sqlName, grantsXML("SELECT ON *.*", "SHOW ON *.*"), sqlName)
	fmt.Fprintf(&users, userXML, "default", "<password></password>", "starter", grantsXML("SYSTEM LISTEN ON *.*"), "default")
	fmt.Fprintf(&profiles, "<default><max_threads>%d</max_threads></default>", queryThreads())
	profiles.WriteString("<starter><max_sessions_for_user>1</max_sessions_for_user><max_memory_usage>50000000</max_memory_usage></starter>")
	profiles.WriteString(sqlLimits.profileXML(sqlName))
	if reader := e.opts.Reader; e.reads() {
		var grants []string
		for _, table := range reader.Tables {
			grants = append(grants, "SELECT ON "+table)
		}
		fmt.Fprintf(&users, userXML, ReaderName, passwordXML(reader.Password), ReaderName, grantsXML(grants...), ReaderName)
		profiles.WriteString(readerLimits.profileXML(ReaderName))
	}
	return fmt.Sprintf("<clickhouse><users>%s</users><profiles>%s</profiles><quotas><default/></quotas></clickhouse>\n", &users, &profiles)
}

const userXML = `<%s>%s<networks><ip>127.0.0.1</ip></networks><profile>%s</profile><quota>default</quota>%s</%s>`

func passwordXML(password string) string {
	hash := sha256.Sum256([]byte(password))
	return "<password_sha256_hex>" + hex.EncodeToString(hash[:]) + "</password_sha256_hex>"
}

func grantsXML(grants ...string) string {
	var b strings.Builder
	for _, grant := range grants {
		b.WriteString("<query>GRANT " + escape(grant) + "</query>")
	}
	return "<grants>" + b.String() + "</grants>"
}

// profileXML is a settings profile that only reads. What it constrains cannot be
// set beyond; 0, which means no limit to the engine, cannot be set either.
func (l limits) profileXML(name string) string {
	var settings, constraints strings.Builder
	set := func(name string, value any) { fmt.Fprintf(&settings, "<%s>%v</%s>", name, value, name) }
	atMost := func(name string, most int) {
		set(name, most)
		fmt.Fprintf(&constraints, "<%s><min>1</min><max>%d</max></%s>", name, most, name)
	}
	fixed := func(name string, value any) {
		set(name, value)
		fmt.Fprintf(&constraints, "<%s><const/></%s>", name, name)
	}
	set("readonly", 2)
	atMost("max_memory_usage", l.memoryMiB<<20)
	atMost("max_bytes_before_external_group_by", l.memoryMiB<<19)
	atMost("max_bytes_before_external_sort", l.memoryMiB<<19)
	atMost("max_execution_time", l.seconds)
	atMost("max_threads", queryThreads())
	atMost("max_final_threads", queryThreads())
	fixed("max_memory_usage_for_user", l.userMemoryMiB<<20)
	fixed("max_concurrent_queries_for_user", l.queries)
	fixed("max_temporary_data_on_disk_size_for_user", l.spillMiB<<20)
	fixed("max_temporary_data_on_disk_size_for_query", l.spillMiB<<20)
	fixed("timeout_overflow_mode", "throw")
	fixed("timeout_before_checking_execution_speed", 0)
	fixed("memory_overcommit_ratio_denominator", 0)
	fixed("allow_ddl", 0)
	fixed("allow_introspection_functions", 0)
	return fmt.Sprintf("<%s>%s<constraints>%s</constraints></%s>", name, &settings, &constraints, name)
}
