package embedded

import (
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// writeConfig writes the engine's two configuration files into dir, readable
// by us only, and returns the path of the main one.
func writeConfig(dir, users string, maxMemory int64) (string, error) {
	mainPath := filepath.Join(dir, "engine.xml")
	memory := "<max_server_memory_usage_to_ram_ratio>0.5</max_server_memory_usage_to_ram_ratio>"
	if maxMemory > 0 {
		memory = fmt.Sprintf("<max_server_memory_usage>%d</max_server_memory_usage>", maxMemory)
	}
	files := map[string]string{
		usersPath(dir): users,
		mainPath:       fmt.Sprintf(engineXML, escape(filepath.Join(dir, "engine.log")), memory, escape(usersPath(dir))),
	}
	for path, text := range files {
		if err := writePrivate(path, []byte(text)); err != nil {
			return "", err
		}
	}
	return mainPath, nil
}

func usersPath(dir string) string { return filepath.Join(dir, "users.xml") }

// writePrivate replaces a file in one step; only we may read it.
func writePrivate(path string, data []byte) error {
	temporary := path + ".new"
	if err := os.Remove(temporary); err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := os.WriteFile(temporary, data, 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder does not fail
	return b.String()
}

// The log leaves out what failed in a query: that text quotes values, which may
// be personal, and the client gets it anyhow; nor is it written to the console.
// Parts are synced to disk by the insert: the journal forgets what was inserted.
const engineXML = `<clickhouse>
    <log-level>warning</log-level>
    <logger>
        <log>%s</log>
        <size>10M</size>
        <count>3</count>
        <console>0</console>
        <levels>
            <logger><name>executeQuery</name><level>none</level></logger>
            <logger><name>TCPHandler</name><level>none</level></logger>
            <logger><name>DynamicQueryHandler</name><level>none</level></logger>
        </levels>
    </logger>
    <timezone>UTC</timezone>
    %s
    <mark_cache_size>67108864</mark_cache_size>
    <index_mark_cache_size>16777216</index_mark_cache_size>
    <uncompressed_cache_size>0</uncompressed_cache_size>
    <background_pool_size>4</background_pool_size>
    <background_schedule_pool_size>8</background_schedule_pool_size>
    <max_concurrent_queries>64</max_concurrent_queries>
    <merge_tree>
        <fsync_after_insert>1</fsync_after_insert>
        <fsync_part_directory>1</fsync_part_directory>
        <number_of_free_entries_in_pool_to_lower_max_size_of_merge>2</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
        <number_of_free_entries_in_pool_to_execute_mutation>2</number_of_free_entries_in_pool_to_execute_mutation>
        <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>2</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
    </merge_tree>
    <send_crash_reports><enabled>false</enabled></send_crash_reports>
    <access_control_improvements>
        <select_from_system_db_requires_grant>true</select_from_system_db_requires_grant>
        <select_from_information_schema_requires_grant>true</select_from_information_schema_requires_grant>
    </access_control_improvements>
    <user_directories><users_xml><path>%s</path></users_xml></user_directories>
</clickhouse>
`
