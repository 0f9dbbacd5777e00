package main

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"testing"
)

// A configuration is good, or everything that is wrong with it is told; it
// never panics, and no problem repeats a secret.
func FuzzConfig(f *testing.F) {
	example, err := os.ReadFile("../../config.example.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example)
	for _, text := range []string{
		examplesConfig, "sources: [{name: a, type: form}, {name: a, type: json, secrets: [x]}]", "listen: 1\nhttp: []\n", "a: &a [*a]",
		"limits: {per_source: 1/x}\njournal: {max_bytes: -1}", "costs: {rules: [{per: click, price: \"1.0000001\"}]}", "sources:\n- !!binary x",
		"drain: {flush_interval: 1y1w}\nclickhouse: {url: 'clickhouse://%zz'}", "sources: [{name: a, type: cost, timezone: ../x, options: {a: {b: 1}}}]",
	} {
		f.Add([]byte(text))
	}
	outside := regexp.MustCompile(`(?i)env:|file:`) // these would read what is not the fuzzer's
	f.Fuzz(func(t *testing.T, text []byte) {
		if outside.Match(text) || bytes.ContainsAny(text, `\!`) {
			return
		}
		config := DefaultConfig()
		if err := decodeStrict(text, &config); err != nil {
			_ = yamlProblems(err)
			return
		}
		settings, err := config.Check()
		if (settings == nil) == (err == nil) {
			t.Errorf("settings %v, error %v", settings, err)
		}
	})
}

// Records of a file to import are JSON objects on lines that it has.
func FuzzReadRecords(f *testing.F) {
	for _, text := range []string{
		"[{\"a\":1},\n {\"b\":2}]", "{\"a\":1}\n{\"b\":2}", "a,b\n1,2\n\"x\ny\",3\n", "[\n\n{}\n", "\ufeff{}", "[1]", "a\nb", "{}\n,{}",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		records, err := readRecords(text)
		if err != nil {
			return
		}
		last, total := 0, 1+bytes.Count(text, []byte("\n"))
		for _, r := range records {
			var object map[string]any
			if err := json.Unmarshal(r.text, &object); err != nil || object == nil {
				t.Errorf("%q: %v", r.text, err)
			}
			if r.line < last || r.line > total {
				t.Errorf("line %d after %d, of %d", r.line, last, total)
			}
			last = r.line
		}
	})
}
