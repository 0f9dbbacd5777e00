package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConfig_ExampleIsTheDefaults(t *testing.T) {
	t.Parallel()
	got, err := LoadConfig("../../config.example.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := DefaultConfig(); !reflect.DeepEqual(got, want) {
		t.Errorf("config.example.yaml means\n%+v\nthe defaults are\n%+v", got, want)
	}
	if _, err := got.Check(); err != nil {
		t.Error(err)
	}
}

// Every key must stand in the example, or nobody learns of it.
func TestConfig_ExampleHasEveryKey(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var walk func(t reflect.Type)
	walk = func(typ reflect.Type) {
		for i := range typ.NumField() {
			field := typ.Field(i)
			if key := field.Tag.Get("yaml"); !strings.Contains(string(text), key+":") {
				t.Errorf("config.example.yaml does not have the key %s", key)
			}
			element := field.Type
			if element.Kind() == reflect.Slice {
				element = element.Elem()
			}
			if element.Kind() == reflect.Struct {
				walk(element)
			}
		}
	}
	walk(reflect.TypeFor[Config]())
}

func TestConfig_AllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, `
listen: nowhere
debug_listen: 0.0.0.0:6060
public_url: ftp://x/
log: {level: loud}
limits: {per_source: often}
http: {trusted_proxies: [10.0.0.0/99], max_body: 5}
journal: {max_bytes: 1MiB}
redis: {url: "http://hidden-password@host"}
api: {keys: [short]}
costs: {rules: [{per: week, price: "1,5", currency: Euro, from: tomorrow}]}
sources:
  - {name: Landing Page, type: form, default_region: USA, timezone: Mars/Base, currency: XX}
  - {name: hooks, type: google-ads}
  - {name: odd, type: carrier-pigeon}
  - {name: post, type: form, secrets: ["env:LEADGATE_TEST_NOT_SET"]}
  - {name: twice, type: form}
  - {name: twice, type: form}
`)
	config, err := LoadConfig(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = config.Check()
	if err == nil {
		t.Fatal("no problem was found")
	}
	for _, want := range []string{
		"listen: not host:port (got nowhere)", "debug_listen: not host:port of this machine alone", "public_url: ", "log.level: ", "limits.per_source: ",
		"http.trusted_proxies[0]: ", "http.max_body: ", "journal.max_bytes: ", "redis.url: ", "api.keys[0]: ",
		"costs.rules[0].per: ", "costs.rules[0].price: ", "costs.rules[0].currency: ", "costs.rules[0].from: ",
		"sources[0].name: ", "sources[0].default_region: ", "sources[0].timezone: ", "sources[0].currency: ",
		"sources[1] (hooks): ", "sources[2] (odd): ", "carrier-pigeon",
		"sources[3].secrets[0]: environment variable LEADGATE_TEST_NOT_SET is not set", "sources[5].name: ",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the problems lack %q", want)
		}
	}
	if strings.Contains(err.Error(), "hidden-password") {
		t.Error("a problem shows a secret")
	}
	if t.Failed() {
		t.Log(err)
	}
}

func TestConfig_EmbeddedStoresAreNotShared(t *testing.T) {
	t.Parallel()
	config := DefaultConfig()
	config.Limits.Shared, config.ClickHouse.Cluster, config.Sources = true, "main", nil
	_, err := config.Check()
	for _, want := range []string{"limits.shared: needs redis.url", "clickhouse.cluster: needs clickhouse.url", "sources: at least one"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestLoadConfig_RefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"lisen: 127.0.0.1:1":                               "lisen: unknown key (line 1)",
		"http: {max_boddy: 1MiB}":                          "max_boddy: unknown key (line 1)",
		"sources:\n  - {name: a, type: form, secert: [x]}": "secert: unknown key (line 2)",
		"http: {max_body: lots}":                           "not a size",
		"http: {read_timeout: 10}":                         "not a duration",
		"listen: [":                                        "line 1",
	} {
		_, err := LoadConfig(writeConfig(t, text), nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
	if _, err := LoadConfig(filepath.Join(t.TempDir(), "missing.yaml"), nil); err == nil || !strings.Contains(err.Error(), "missing.yaml") {
		t.Errorf("missing file: %v", err)
	}
}

func TestLoadConfig_EnvironmentOverrides(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, "listen: 127.0.0.1:1\nhttp: {max_body: 2MiB}\n")
	config, err := LoadConfig(path, []string{
		"LEADGATE_LISTEN=127.0.0.1:2", "LEADGATE_HTTP_READ_TIMEOUT=3s", "LEADGATE_LIMITS_SHARED=true",
		"LEADGATE_DRAIN_BATCH_ROWS=7", "LEADGATE_REDIS_URL=redis://h", "LEADGATE_API_KEYS=a, b",
		"LEADGATE_LIBCHDB=/x", "LEADGATE_CONFIG=/y", "PATH=/bin",
	})
	if err != nil {
		t.Fatal(err)
	}
	if config.Listen != "127.0.0.1:2" || config.HTTP.ReadTimeout != Duration(3*time.Second) || !config.Limits.Shared ||
		config.Drain.BatchRows != 7 || config.Redis.URL != Secret("redis://h") || len(config.API.Keys) != 2 || config.HTTP.MaxBody != 2<<20 {
		t.Errorf("got %+v", config)
	}
	_, err = LoadConfig(path, []string{"LEADGATE_LISTENN=x", "LEADGATE_LIMITS_SHARED=perhaps", "LEADGATE_HTTP_MAX_BODY=big"})
	for _, want := range []string{"LEADGATE_LISTENN: no setting", "LEADGATE_LIMITS_SHARED: not true or false", "LEADGATE_HTTP_MAX_BODY: not a size"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestSecret_FromFileAndNeverPrinted(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := resolveSecret(Secret("file:" + path)); err != nil || got != "from-file" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := resolveSecret("file:/does/not/exist"); err == nil {
		t.Error("a missing file was accepted")
	}
	if got := Secret("hidden").String(); strings.Contains(got, "hidden") {
		t.Errorf("printed %s", got)
	}
}
